"""What every page needs to know of the pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

from omm_portal.accounts.drafts import Draft, draft_rows, draft_take
from standby import gate
from standby.document import Document, database_is_away, status_document
from standby.journal.errors import DATABASE_AWAY
from standby.presentation import PAIR_STATES, derived, labels, warning_rows
from standby.selectors import system_settings
from standby.texts import localised

STAYS = frozenset(
    {"pair", "switchover", "reboot", "takeover", "login", "password", "session-list", "token-new"}
)
"""Pages that a standby serves too, and the one that shows a new token once: they are left only
when their OMM is gone."""


def origin_of(address: str) -> str:
    """The web origin of an OMM of this pair."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{settings.OMM.web_port}"


def peer_origin() -> str | None:
    """The web origin of the other OMM, None when there is none."""
    return origin_of(settings.OMM.peer_address) if settings.OMM.peer_address else None


@dataclass
class PairContext:
    """The pair as one page shows it, read from the lease when first asked for."""

    request: HttpRequest

    @cached_property
    def document(self) -> Document:
        """The status document, its texts in the reader's language."""
        document: Document = localised(status_document(gate.lease()))
        return document

    @cached_property
    def values(self) -> Document:
        """The status document with the states derived from it."""
        return derived(self.document)

    @property
    def warnings(self) -> list[Document]:
        """The warnings, ready to be shown."""
        return warning_rows(self.document)

    @property
    def tone(self) -> str:
        """The tone of the pair's state."""
        return PAIR_STATES[self.values["pair_state"]].tone

    @property
    def is_active(self) -> bool:
        """True while this OMM is the active one."""
        return bool(self.document["node"]["role"] == "active")

    @property
    def peer_origin(self) -> str | None:
        """Where the other OMM's pages are."""
        return peer_origin()

    @property
    def way_to_peer(self) -> str | None:
        """Where this page finds the other OMM: through the pair's proxy it came by, if any.

        A proxy leads to whichever OMM is active; the page sees from the answer's address which
        one that is.
        """
        public = settings.OMM.public_url
        if public and self.request.get_host() == urlsplit(public).netloc and self.peer_origin:
            return str(public)
        return self.peer_origin

    @cached_property
    def system_name(self) -> str:
        """The name that people gave the system; none while the database is away."""
        try:
            return "" if database_is_away() else system_settings().system_name
        except DATABASE_AWAY:
            return ""

    @cached_property
    def draft(self) -> Draft | None:
        """Unsaved text for this page that came from the other OMM."""
        return draft_take(self.request)

    @property
    def draft_rows(self) -> list[tuple[str, str]]:
        """Labels and texts of the draft."""
        return draft_rows(self.draft) if self.draft else []

    @property
    def draft_retype(self) -> list[str]:
        """Labels of the passwords that were not taken along."""
        forms = self.draft["forms"] if self.draft else ()
        return [label for form in forms for label in form["retype"]]

    @property
    def config(self) -> Document:
        """What the page's scripts get to know."""
        match = self.request.resolver_match
        stays = not self.is_active or (match is not None and match.url_name in STAYS)
        user = self.request.user
        return {
            "document": self.document,
            "labels": labels(),
            "icons": static("img/icons.svg"),
            "peer": self.way_to_peer,
            "follow": "gone" if stays else "role",
            "draft": self.draft,
            "live": user.is_authenticated and not getattr(user, "must_change_password", False),
        }


def pair(request: HttpRequest) -> dict[str, Any]:
    """Template context ``pair``."""
    return {"pair": PairContext(request)}
