"""A full system in a moment: rows of every kind past the journal, for tests that only read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connections
from django.utils import timezone

from omm_portal.accounts.models import ApiToken, TokenUse, User
from rfps.models import IpMode, Rfp, RfpLive, Site
from standby.journal import guard, head
from standby.models import Event, JournalEntry, Sample, SetAside, SetAsideClass, Split
from standby.services import OMM_ID, SIP_ID, SYSTEM_ID

BACKEND = "omm_portal.accounts.auth.PasswordBackend"
CODES = ("role_change", "handover", "warning", "warning_ended", "contact", "sign_in", "split")
SEVERITIES = ("info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many rows of each kind."""

    rfps: int
    sites: int
    users: int
    tokens: int
    sessions: int
    entries: int
    set_aside: int
    events: int
    samples: int

    @classmethod
    def of(cls, rfps: int) -> Amounts:
        """What goes along with so many base stations; of most kinds enough to fill a page."""
        few = max(1, min(rfps, 250))
        entries = max(60, min(10_000, 3 * rfps))
        return cls(rfps, few, 1 + few, few, few, entries, max(60, few), entries, entries)


@contextmanager
def unguarded() -> Iterator[None]:
    """Write rows that no entry of the journal tells of."""
    with guard.lifted(connections["default"]):
        yield


def fill(rfps: int, *, owner: User) -> None:
    """Add rows up to the amounts that go along with ``rfps``; tokens belong to ``owner``."""
    wanted, now = Amounts.of(rfps), timezone.now()
    with unguarded():
        _sites(wanted.sites)
        _users(wanted.users)
        _rfps(wanted.rfps, now)
        _tokens(wanted.tokens, owner, now)
        _set_aside(wanted.set_aside)
        _entries(wanted.entries, now)
    _sessions(wanted.sessions, owner, now)
    _events(wanted.events, now)
    _samples(wanted.samples, now)


def sites(numbers: range) -> list[Site]:
    """New sites, not saved."""
    return [Site(name=f"Site {number:03}") for number in numbers]


def _sites(count: int) -> None:
    Site.objects.bulk_create(sites(range(Site.objects.count(), count)))


def _users(count: int) -> None:
    numbers = range(User.objects.count(), count)
    User.objects.bulk_create(User(username=f"user{number}", password="!") for number in numbers)


def _rfps(count: int, now: datetime) -> None:
    known = list(Site.objects.order_by("name"))
    made = [rfp(number, known) for number in range(Rfp.objects.count(), count)]
    Rfp.objects.bulk_create(made)
    _reports(made, now)


def _reports(rfps: list[Rfp], now: datetime) -> None:
    RfpLive.objects.bulk_create(
        RfpLive(rfp_id=rfp.pk, connected=number % 4 > 0, address=f"10.9.{number >> 8}.9", since=now)
        for number, rfp in enumerate(rfps)
        if number % 10
    )


def add_live_rows(rfps: list[Rfp], now: datetime) -> None:
    """What the second database holds beside a full configuration."""
    _reports(rfps, now)
    _events(10_000, now)
    _samples(10_000, now)


def rfp(number: int, sites: list[Site]) -> Rfp:
    """A new base station, not saved; its number decides what it is like."""
    is_local = number % 8 == 7
    return Rfp(
        mac=f"00:30:42:{number >> 16:02X}:{number >> 8 & 255:02X}:{number & 255:02X}",
        name=f"RFP {number}" if number % 5 else "",
        site=sites[number % len(sites)] if number % 9 else None,
        building=f"Building {number % 7}",
        room=f"{number % 300}",
        cluster=1 + number % 16,
        dect_on=number % 20 > 0,
        hardware_type=("RFP 35", "RFP 43", "RFP 48")[number % 3],
        ip_mode=IpMode.LOCAL if is_local else IpMode.DHCP,
        first_omm="10.9.0.1" if is_local else None,
    )


def _tokens(count: int, owner: User, now: datetime) -> None:
    numbers = range(ApiToken.objects.count(), count)
    made = ApiToken.objects.bulk_create(
        ApiToken(user=owner, name=f"Token {number}", digest=f"{number:064x}") for number in numbers
    )
    TokenUse.objects.bulk_create(TokenUse(token_id=token.pk, last_used_at=now) for token in made)


def _sessions(count: int, owner: User, now: datetime) -> None:
    data = {
        SESSION_KEY: str(owner.pk),
        BACKEND_SESSION_KEY: BACKEND,
        HASH_SESSION_KEY: owner.get_session_auth_hash(),
    }
    text = SessionStore().encode(data)
    Session.objects.bulk_create(
        Session(
            session_key=uuid.uuid4().hex, session_data=text, expire_date=now + timedelta(hours=1)
        )
        for _number in range(Session.objects.count(), count)
    )


def _events(count: int, now: datetime) -> None:
    Event.objects.bulk_create(
        Event(
            at=now - timedelta(seconds=number),
            node=f"127.0.0.{1 + number % 2}",
            code=CODES[number % len(CODES)],
            severity=SEVERITIES[number % len(SEVERITIES)],
            message=f"Something happened for the {number}th time.",
            details={"number": number},
        )
        for number in range(Event.objects.count(), count)
    )


def _samples(count: int, now: datetime) -> None:
    begin = int(now.timestamp()) // 10 * 10 - 200_000
    numbers = range(Sample.objects.count(), count)
    Sample.objects.bulk_create(Sample(at=begin + 10 * number, rfps=number) for number in numbers)


def _entries(count: int, now: datetime) -> None:
    """Changes of every kind of object in turn, so that each page of the log shows all kinds."""
    objects = _changed_objects()
    seq = max(head().seq, JournalEntry.objects.order_by("-seq").first().seq)  # type: ignore[union-attr]
    numbers = range(JournalEntry.objects.count(), count)
    JournalEntry.objects.bulk_create(
        _entry(seq + 1 + at, now, *objects[number % len(objects)])
        for at, number in enumerate(numbers)
    )


def _changed_objects() -> list[tuple[str, uuid.UUID, dict[str, Any], dict[str, Any]]]:
    rfp, site = Rfp.objects.latest("mac"), Site.objects.latest("name")
    user, token = User.objects.latest("username"), ApiToken.objects.latest("created_at")
    return [
        ("rfps.rfp", rfp.pk, {"site": None, "cluster": 1}, {"site": str(site.pk), "cluster": 2}),
        ("rfps.site", site.pk, {"name": "Before"}, {"name": site.name}),
        ("accounts.user", user.pk, {"role": "read"}, {"role": "full"}),
        ("accounts.apitoken", token.pk, {"name": ""}, {"name": token.name}),
        ("standby.ommsettings", OMM_ID, {"first_address": None}, {"first_address": "10.9.0.1"}),
        ("standby.sipsettings", SIP_ID, {"proxy_port": 5060}, {"proxy_port": 5061}),
        ("standby.systemsettings", SYSTEM_ID, {"system_name": ""}, {"system_name": "Mill"}),
    ]


def _entry(
    seq: int,
    now: datetime,
    model: str,
    key: uuid.UUID,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> JournalEntry:
    at, transaction = now + timedelta(milliseconds=seq), uuid.uuid4()
    body = {
        "seq": seq,
        "term": 1,
        "node": "127.0.0.1",
        "at": at.isoformat(),
        "actor": "plenty",
        "source": "web",
        "transaction": str(transaction),
        "tx_index": 0,
        "tx_size": 1,
        "model": model,
        "object": str(key),
        "operation": "update",
        "before": before,
        "after": after,
    }
    return JournalEntry(
        seq=seq,
        term=1,
        node="127.0.0.1",
        at=at,
        actor="plenty",
        source="web",
        transaction=transaction,
        model=model,
        object=key,
        operation="update",
        body=json.dumps(body, separators=(",", ":")),
        hash=f"{seq:064x}",
    )


def _set_aside(count: int) -> None:
    objects = _changed_objects()
    rows = [
        _entry(number + 1, timezone.now(), *objects[number % len(objects)])
        for number in range(SetAside.objects.count(), count)
    ]
    Split.objects.get_or_create(
        pk=uuid.UUID(int=1),
        defaults={
            "winner": "127.0.0.1",
            "loser": "127.0.0.2",
            "term": 2,
            "ended_at": timezone.now(),
            "common": 0,
            "loser_changes": count,
        },
    )
    SetAside.objects.bulk_create(
        SetAside(
            id=uuid.uuid4(),
            node="127.0.0.2",
            term=1,
            seq=row.seq,
            hash=row.hash,
            state=SetAsideClass.OPEN,
            body=row.body,
        )
        for row in rows
    )
