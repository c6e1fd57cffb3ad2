"""Sessions of this OMM: since when, from where, with which browser; and how to end them.

What is told of a session lives in the session itself, so there is nothing to fall out of step.
A session's key signs its holder in: pages only ever see an id derived from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, login, logout
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.dateparse import parse_datetime

from omm_portal.accounts.auth import BACKEND
from omm_portal.accounts.models import User
from omm_portal.accounts.rights import sessions_ended
from omm_portal.accounts.tickets import session_marks, tickets_void, tickets_voided
from omm_portal.proxies import address_of

ABOUT = "omm-about"
LOOKED_AT = 2000
"""Sessions that are looked through, the latest first."""
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One session that would still let its holder in."""

    id: str
    key: str
    user: User
    since: datetime | None
    address: str
    browser: str
    ends: datetime
    is_own: bool
    marks: tuple[str, ...]
    """What the other OMM knows it by, and the session there that it goes on with."""

    @property
    def since_or_never(self) -> datetime:
        """When it began, for sorting: unknown ones are the oldest."""
        return self.since or datetime.min.replace(tzinfo=UTC)


def begin(request: HttpRequest, user: User, *, came_from: str = "") -> None:
    """Sign ``user`` in with a new session, which keeps where it comes from.

    ``came_from`` is the mark of the session at the other OMM that it goes on with.

    Raises DatabaseError when sessions cannot be stored.
    """
    login(request, user, backend=BACKEND)
    request.session[ABOUT] = {
        "since": timezone.now().isoformat(),
        "address": address_of(request),
        "agent": request.headers.get("User-Agent", "")[:300],
        "from": came_from,
    }


def open_sessions(*, viewer: User, own_key: str | None) -> list[OpenSession]:
    """What ``viewer`` may see, the newest first: everybody's with full access, else the own ones.

    Two queries, whatever their number.
    """
    rows = Session.objects.filter(expire_date__gt=timezone.now()).order_by("-expire_date")
    decoded = [(row, row.get_decoded()) for row in rows[:LOOKED_AT]]
    users = User.objects.filter(is_active=True).in_bulk(_user_ids(decoded, viewer))
    found = [
        _open_session(row, data, user, own_key)
        for row, data in decoded
        for user in [users.get(_uuid(data.get(SESSION_KEY)))]
        if user is not None and _still_holds(data, user)
    ]
    return sorted(found, key=lambda session: session.since_or_never, reverse=True)


def end(sessions: Collection[OpenSession]) -> int:
    """End sessions at once; their open pages are told within a second."""
    keys = [session.key for session in sessions]
    deleted, _by_model = Session.objects.filter(session_key__in=keys).delete()
    sessions_ended(keys)
    tickets_void([mark for session in sessions for mark in session.marks])
    return deleted


def sign_out(request: HttpRequest) -> None:
    """End the session of this very browser, and with it the other open pages there.

    Also the one at the other OMM that it goes on with, as soon as the two are in contact.
    """
    key, about = request.session.session_key, request.session.get(ABOUT) or {}
    logout(request)
    if key is not None:
        sessions_ended([key])
        tickets_void(_marks(key, about))


def ended_there(body: Mapping[str, Any]) -> None:
    """The other OMM's word of sessions that have ended; raises ValueError for nonsense.

    Their tickets are worth nothing here, and neither are sessions that they went on with.
    """
    marks = tickets_voided(body)
    rows = Session.objects.filter(expire_date__gt=timezone.now()).order_by("-expire_date")
    keys = rows.values_list("session_key", flat=True)[:LOOKED_AT]
    ended = [key for key in keys if not marks.isdisjoint(session_marks(key))]
    Session.objects.filter(session_key__in=ended).delete()


def _marks(key: str, about: Mapping[str, Any]) -> tuple[str, ...]:
    came_from = str(about.get("from") or "")
    return (*session_marks(key), *filter(None, [came_from]))


def browser_name(agent: str) -> str:
    """A browser and its system in two words; empty when it says neither."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    if not browser and "Safari" in agent:
        browser = "Safari"
    system = next((name for name in SYSTEMS if name in agent), "")
    return ", ".join(filter(None, (browser, system))) or agent[:40]


def _user_ids(decoded: list[tuple[Session, dict[str, Any]]], viewer: User) -> Iterator[UUID]:
    for _row, data in decoded:
        pk = _uuid(data.get(SESSION_KEY))
        if pk is not None and (viewer.has_full_access or pk == viewer.pk):
            yield pk


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _still_holds(data: dict[str, Any], user: User) -> bool:
    """False once the user has changed the password."""
    return constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())


def _open_session(
    row: Session, data: dict[str, Any], user: User, own_key: str | None
) -> OpenSession:
    about = data.get(ABOUT) or {}
    return OpenSession(
        id=salted_hmac("omm_portal.sessions", row.session_key).hexdigest()[:32],
        key=row.session_key,
        user=user,
        since=parse_datetime(str(about.get("since", ""))),
        address=str(about.get("address", "")),
        browser=browser_name(str(about.get("agent", ""))),
        ends=row.expire_date,
        is_own=row.session_key == own_key,
        marks=_marks(row.session_key, about),
    )
