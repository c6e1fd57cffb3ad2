"""Reading the pair's settings, change log, set-aside list and events.

Lists cost a constant number of queries, whatever their length. Secrets never leave: a secret
field shows as ``MASK`` when it has a value.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from standby import journal
from standby.journal import registry
from standby.journal.rows import table
from standby.models import (
    BackupSettings,
    Event,
    JournalEntry,
    OmmSettings,
    SetAside,
    SetAsideClass,
    SipSettings,
    Split,
    SystemSettings,
)
from standby.services import BACKUP_ID, OMM_ID, SIP_ID, SYSTEM_ID

MASK = "***"
SIGN_INS = "sign_in"
"""What the codes of all events about signing in begin with."""
CHANGES_LOOKED_AT = 200
"""Entries of one row that are looked through for the version that somebody began with."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """``before``: the fields that were changed, as they had been; ``latest``: the last entry."""

    before: Document
    latest: JournalEntry | None


def omm_settings() -> OmmSettings:
    """The OMM addresses that base stations are told."""
    return OmmSettings.objects.filter(pk=OMM_ID).first() or OmmSettings(id=OMM_ID)


def sip_settings() -> SipSettings:
    """The SIP servers."""
    return SipSettings.objects.filter(pk=SIP_ID).first() or SipSettings(id=SIP_ID)


def system_settings() -> SystemSettings:
    """The settings of the system as a whole."""
    return SystemSettings.objects.filter(pk=SYSTEM_ID).first() or SystemSettings(id=SYSTEM_ID)


def backup_settings() -> BackupSettings:
    """When back-ups are made."""
    return BackupSettings.objects.filter(pk=BACKUP_ID).first() or BackupSettings(id=BACKUP_ID)


def change_list() -> QuerySet[JournalEntry]:
    """The change log, newest first."""
    return JournalEntry.objects.order_by("-seq")


def change_neighbours(entry: JournalEntry) -> tuple[int | None, int | None]:
    """The numbers of the changes of the same object before and after ``entry``."""
    same = JournalEntry.objects.filter(object=entry.object).values_list("seq", flat=True)
    earlier = same.filter(seq__lt=entry.seq).order_by("-seq").first()
    later = same.filter(seq__gt=entry.seq).order_by("seq").first()
    return earlier, later


def undone_by(entries: Iterable[JournalEntry]) -> dict[int, list[int]]:
    """By which changes each of ``entries`` was taken back; one query."""
    objects = {entry.object for entry in entries}
    undoing = JournalEntry.objects.filter(source="undo", object__in=objects).order_by("seq")
    found: dict[int, list[int]] = {}
    for seq, body in undoing.values_list("seq", "body"):
        found.setdefault(json.loads(body).get("undoes", 0), []).append(seq)
    return found


def fields_changed_since(object_id: uuid.UUID, version: int) -> ChangedSince:
    """What others did to a row after it had ``version``, from its journal entries."""
    entries = JournalEntry.objects.filter(object=object_id).order_by("-seq")[:CHANGES_LOOKED_AT]
    before: Document = {}
    latest = None
    for entry in entries:
        body = json.loads(entry.body)
        if int((body["after"] or {}).get("version") or version) <= version:
            break
        latest = latest or entry
        before.update(body["before"] or {})
    return ChangedSince(before, latest)


def set_aside_list() -> QuerySet[SetAside]:
    """Changes that lost a split, in the order they were made."""
    return SetAside.objects.order_by("term", "seq", "id")


def open_set_aside(split: uuid.UUID | None = None) -> QuerySet[SetAside]:
    """What somebody must decide, of one split or of all."""
    rows = set_aside_list().filter(state=SetAsideClass.OPEN).exclude(judged_at=None)
    return rows if split is None else rows.filter(split=split)


def split_list() -> QuerySet[Split]:
    """The splits that were settled, newest first."""
    return Split.objects.order_by("-ended_at", "id")


def split_to_look_at() -> Split | None:
    """The newest split of which something is open, else the newest."""
    waiting = SetAside.objects.filter(state=SetAsideClass.OPEN).values("split")
    return split_list().filter(pk__in=waiting).first() or split_list().first()


def role_changes() -> QuerySet[Event]:
    """Every change of role on either OMM, newest first (second database)."""
    return event_list().filter(code="role_change")


def event_list(*, with_sign_ins: bool = False) -> QuerySet[Event]:
    """What happened on either OMM, newest first (second database).

    Who signed in from where is for people with full access only.
    """
    events = Event.objects.order_by("-at", "-id")
    return events if with_sign_ins else events.exclude(code__startswith=SIGN_INS)


def safe_up_to() -> int:
    """The last sequence number that the peer has confirmed, 0 for none."""
    return journal.acked()[0]


def change_document(entry: JournalEntry, *, safe_seq: int) -> Document:
    """One change as people and scripts see it; ``safe_seq`` is what safe_up_to() said."""
    body = json.loads(entry.body)
    return {
        **_change_fields(body),
        "seq": entry.seq,
        "hash": entry.hash,
        "safe": entry.seq <= safe_seq,
    }


def set_aside_documents(rows: Iterable[SetAside]) -> list[Document]:
    """Set-aside changes with the values side by side.

    ``base`` is what the change found, ``theirs`` what it made, ``ours`` what this pair has now.
    """
    held = [(row, json.loads(row.body)) for row in rows]
    present = _present_rows(body for _row, body in held)
    return [_set_aside_document(row, body, present) for row, body in held]


def seen_of(body: Mapping[str, Any], ours: Mapping[str, Any] | None) -> str:
    """A mark of what the fields of a change hold here, to tell later whether that is still so."""
    named = (body["before"] or {}).keys() | (body["after"] or {}).keys()
    shown = None if ours is None else {name: ours.get(name) for name in named - {"version"}}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def seen_of_all(rows: Iterable[SetAside]) -> str:
    """The same for a whole list of set-aside changes."""
    held = [(row, json.loads(row.body)) for row in rows]
    present = _present_rows(body for _row, body in held)
    marks = [
        (str(row.pk), row.version, seen_of(body, present.get((body["model"], body["object"]))))
        for row, body in held
    ]
    return hashlib.sha256(json.dumps(sorted(marks)).encode()).hexdigest()[:32]


def _set_aside_document(
    row: SetAside, body: Mapping[str, Any], present: Mapping[tuple[str, str], Document]
) -> Document:
    change = _change_fields(body)
    fields = set(change["before"] or ()) | set(change["after"] or ())
    current = present.get((body["model"], body["object"]))
    ours = None if current is None else {name: current.get(name) for name in sorted(fields)}
    return {
        "id": row.pk,
        "origin": row.node,
        "class": row.state,
        "term": row.term,
        "seq": row.seq,
        "hash": row.hash,
        "base": change["before"],
        "ours": masked(body["model"], ours),
        "theirs": change["after"],
        "original": change,
        "fields": row.fields or {},
        "reason": (row.reason or {}).get("text", ""),
        "judged": row.judged_at is not None,
        "split": row.split,
        "seen": seen_of(body, current),
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "version": row.version,
    }


def _change_fields(body: Mapping[str, Any]) -> Document:
    """The fields of a journal entry's body that may be shown, secrets masked."""
    names = ("seq", "term", "node", "at", "actor", "source", "transaction", "tx_index", "tx_size")
    label = body["model"]
    shown: Document = {name: body.get(name) for name in (*names, "model", "object", "operation")}
    shown["before"] = masked(label, body.get("before"))
    shown["after"] = masked(label, body.get("after"))
    for name in ("original", "undoes"):
        if body.get(name) is not None:
            shown[name] = body[name]
    return shown


def masked(label: str, values: Mapping[str, Any] | None) -> Document | None:
    """The values of a row as they may be shown."""
    if values is None:
        return None
    secret = registry.secret_fields(label)
    return {name: MASK if name in secret and value else value for name, value in values.items()}


def _present_rows(bodies: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Document]:
    """What the objects of journal entries hold now, by model and id; a query for each model."""
    wanted: dict[str, set[str]] = {}
    for body in bodies:
        if registry.find(body["model"]) is not None:
            wanted.setdefault(body["model"], set()).add(body["object"])
    return {
        (label, key): fields
        for label, ids in wanted.items()
        for key, fields in table(label, connection).read(sorted(ids), connection).items()
    }
