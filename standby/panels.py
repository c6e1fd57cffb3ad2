"""Parts of the pair's pages that other apps bring along; this app never imports them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

log = logging.getLogger(__name__)

_known: dict[str, list[tuple[str, Callable[[], Any]]]] = {}


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page: a template that is included, and what it calls ``panel.data``."""

    template: str
    data: Any


def add(page: str, template: str, read: Callable[[], Any]) -> None:
    """Show ``template`` on the page of this URL name, with what ``read`` finds on each request.

    ``read`` costs a constant number of queries.
    """
    _known.setdefault(page, []).append((template, read))


def panels(page: str) -> list[Panel]:
    """The parts of a page; one that cannot be read is left out: the page must work then, too."""
    found = []
    for template, read in _known.get(page, ()):
        try:
            found.append(Panel(template, read()))
        except DatabaseError:
            log.warning("a part of the page %s could not be read", page, exc_info=True)
    return found
