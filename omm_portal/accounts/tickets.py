"""Hand-over tickets: staying signed in when the other OMM takes over.

An open page holds a fresh ticket in a script variable. When its OMM goes away, the page posts
the ticket to the other one, which signs the same user in. A ticket names its audience, lives
a minute, works once, and dies with a change of the user's password or rights to sign in. When the
session that asked for it ends, the other OMM is told to refuse it; without contact the minute is
the bound. A session that began with a ticket remembers the mark of the one that it came from, so
that signing out ends both.

While the pair secret is being changed the two OMMs may know different ones: a ticket is signed
with each that its issuer knows, and one of them is enough.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from omm_portal.accounts.models import RedeemedTicket, User
from omm_portal.routers import LIVE
from standby import actions
from standby.link import keys

LIFETIME = 60
"""Seconds between the issue of a ticket and its end."""
SKEW = 10
"""Seconds that the issuer's clock may be ahead of ours."""
KEPT = timedelta(minutes=10)
VOID = "tickets-void"
"""The word under which the other OMM is told of sessions that have ended."""
TOLD_AT_ONCE = 500
_SALT = "omm_portal.handover"
_BETWEEN = "~"

log = logging.getLogger(__name__)


class TicketRefused(Exception):
    """The ticket does not sign anybody in; ``reason`` is for the log, never for the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def ticket_issue(*, user: User, session_key: str, now: float | None = None) -> str | None:
    """A ticket that lets ``user`` in at the peer, for one session; None when there is no peer."""
    if not settings.OMM.peer_address:
        return None
    content = {
        "user": str(user.pk),
        "for": settings.OMM.peer_address,
        "at": int(time.time() if now is None else now),
        "id": str(uuid.uuid4()),
        "mark": session_marks(session_key)[0],
    }
    return _BETWEEN.join(
        signing.dumps(
            {**content, "session": _session_part(user, secret)}, key=_key(secret), salt=_SALT
        )
        for secret in settings.OMM.pair_secrets
    )


def ticket_redeem(ticket: str, *, now: float | None = None) -> User:
    """The user of a ticket for this OMM, which is used up by this; raises TicketRefused."""
    content, secret = _opened(ticket)
    age = (time.time() if now is None else now) - content["at"]
    if not -SKEW <= age <= LIFETIME:
        raise TicketRefused(f"its age is {age:.0f} s")
    if content["for"] != settings.OMM.address:
        raise TicketRefused("it is meant for another OMM")
    user = User.objects.filter(pk=content["user"], is_active=True).first()
    if user is None or not constant_time_compare(content["session"], _session_part(user, secret)):
        raise TicketRefused("the user is gone or has changed the password")
    mark = content.get("mark")  # an OMM of an earlier version gives none
    if mark and RedeemedTicket.objects.filter(pk=uuid.UUID(mark)).exists():
        raise TicketRefused("its session has ended")
    _use_up(uuid.UUID(content["id"]))
    return user


def ticket_mark(ticket: str) -> str:
    """The mark of the session that asked for this ticket; raises TicketRefused."""
    return str(_opened(ticket)[0].get("mark", ""))


def tickets_void(marks: Collection[str]) -> None:
    """Tell the other OMM that sessions with these marks have ended; never raises.

    Waits a moment for its answer; out of contact, it is told when contact is back.
    """
    if not settings.OMM.peer_address:
        return
    marks = list(marks)
    for first in range(0, len(marks), TOLD_AT_ONCE):
        if not actions.tell_peer(VOID, {"marks": marks[first : first + TOLD_AT_ONCE]}):
            log.info("the other OMM could not be told of ended sessions yet")


def tickets_voided(body: Mapping[str, Any]) -> frozenset[str]:
    """Void the tickets of the sessions that ended at the other OMM; their marks.

    Raises ValueError for nonsense.
    """
    marks = body.get("marks")
    if not isinstance(marks, list) or len(marks) > TOLD_AT_ONCE:
        raise ValueError("no list of marks")
    rows = [RedeemedTicket(id=uuid.UUID(str(mark))) for mark in marks]
    _forget_old()
    RedeemedTicket.objects.bulk_create(rows, ignore_conflicts=True)
    return frozenset(str(row.pk) for row in rows)


def _opened(ticket: str) -> tuple[dict[str, Any], bytes]:
    """The content of a ticket and the pair secret that it is signed with."""
    for part in ticket.split(_BETWEEN)[:2]:
        for secret in settings.OMM.pair_secrets:
            try:
                content = signing.loads(part, key=_key(secret), salt=_SALT)
            except signing.BadSignature:
                continue
            # only this module signs with this key and salt
            return cast("dict[str, Any]", content), secret
    raise TicketRefused("its signature is wrong")


def _use_up(ticket_id: uuid.UUID) -> None:
    """Remember the id; the primary key makes a second use fail, however close it comes."""
    _forget_old()
    try:
        with transaction.atomic(using=LIVE):
            RedeemedTicket.objects.using(LIVE).create(id=ticket_id)
    except IntegrityError:
        raise TicketRefused("it was used before") from None


def _forget_old() -> None:
    RedeemedTicket.objects.filter(redeemed_at__lt=timezone.now() - KEPT).delete()


def session_marks(session_key: str) -> tuple[str, ...]:
    """What tells one session's tickets from another's; nothing leads back to the key.

    One for each pair secret, the present one first: marks outlive a change of the secret.
    """
    digests = (
        salted_hmac(f"{_SALT}.session", session_key, secret=_key(secret)).hexdigest()
        for secret in settings.OMM.pair_secrets
    )
    return tuple(str(uuid.UUID(digest[:32])) for digest in digests)


def _session_part(user: User, secret: bytes) -> str:
    """Changes with the password, as the sessions do; tells nothing about either."""
    django_key = keys.derive(secret, keys.DJANGO).hex()
    session_hash = cast("Any", user)._get_session_auth_hash(secret=django_key)  # noqa: SLF001 (the public one knows only its own key)
    return salted_hmac(_SALT, session_hash, secret=_key(secret)).hexdigest()[:32]


def _key(secret: bytes) -> str:
    return keys.derive(secret, keys.TICKET).hex()
