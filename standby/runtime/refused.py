"""Refusing a request of the other OMM."""

from __future__ import annotations


class Refused(Exception):
    """This OMM does not take what it was sent; ``code`` is for programs, the text for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
