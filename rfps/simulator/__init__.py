"""Base stations that are not there: the other end of the link, in code of its own.

Nothing here is taken from ``rfps.link``: what one side gets wrong must not cancel out on the other.
"""
