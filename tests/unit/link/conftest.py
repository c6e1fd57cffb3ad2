"""Property-based tests have no time limit for each example: other work may hold the machine up."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
