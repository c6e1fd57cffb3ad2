"""Words for the person who started this node: shown on its terminal, kept in no log."""

import sys

from django.conf import settings

from standby.link.control import notify

ANNOUNCE_SECONDS = 0.5


def announce(text: str) -> None:
    """Show a text on the supervisor's terminal, or on ours when there is no supervisor."""
    message = {"command": "announce", "text": text}
    if not notify(settings.OMM.supervisor_socket, message, ANNOUNCE_SECONDS):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
