"""Rows of the change log and the set-aside list, as pages show them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db.models import DateTimeField
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from standby.document import Document
from standby.domain.sentence import unpack
from standby.models import JournalEntry
from standby.selectors import (
    MASK,
    change_document,
    safe_up_to,
    undone_by,
)
from standby.texts import local
from standby.undo_plan import why_it_stays

OBJECTS: dict[str, str | Promise] = {
    "accounts.user": _("User"),
    "accounts.apitoken": _("API token"),
    "rfps.site": _("Site"),
    "rfps.rfp": _("Base station"),
    "standby.ommsettings": _("OMM addresses"),
    "standby.sipsettings": _("SIP"),
    "standby.systemsettings": _("System"),
    "standby.maintenance": _("Maintenance"),
    "standby.backupsettings": _("Schedule of back-ups"),
    "standby.datakey": _("Key of secrets"),
    "standby.setaside": _("Set-aside change"),
    "standby.split": _("Split"),
    "journal": _("Journal"),
}
OPERATIONS: dict[str, str | Promise] = {
    "create": _("created"),
    "update": _("changed"),
    "delete": _("deleted"),
    "lineage": _("begun"),
}
SOURCES: dict[str, str | Promise] = {
    "web": _("pages"),
    "api": _("API"),
    "cli": _("command line"),
    "system": _("system"),
    "beginnings": _("first start"),
    "merge": _("merge"),
    "undo": _("undo"),
    "restore": _("back-up"),
}
ACTORS: dict[str, str | Promise] = {"system": _("system")}
"""Who changes something without being a person."""
PAGES = {
    "accounts.user": "user-edit",
    "rfps.site": "site-edit",
    "rfps.rfp": "rfp-edit",
    "standby.ommsettings": "omm-settings",
    "standby.sipsettings": "sip-settings",
    "standby.systemsettings": "system-settings",
    "standby.backupsettings": "backup-settings",
}
"""Names of the pages where objects are edited; the settings have one page each."""
FIELDS: dict[str, str | Promise] = {
    "user": _("user"),
    "trial_until": _("on trial until"),
    "previous_first_address": _("former first OMM address"),
    "previous_second_address": _("former second OMM address"),
    "node": _("made on"),
    "term": _("term"),
    "seq": _("number"),
    "state": _("state"),
    "decided_by": _("decided by"),
    "decided_at": _("decided at"),
    "object": _("object"),
    "split": _("split"),
    "judged_at": _("looked at"),
    "fields": _("fields"),
    "reason": _("reason"),
    "winner": _("went on"),
    "loser": _("became standby"),
    "began_at": _("begun"),
    "ended_at": _("ended"),
    "common": _("last common entry"),
    "loser_changes": _("changes that were set aside"),
    "winner_changes": _("changes of the one that went on"),
}
"""Names of the fields that stand on no form."""
NAMES = ("name", "username", "mac", "system_name")
HIDDEN = frozenset({"id", "version", "created_at", "body", "hash", "digest"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change; of a secret one only is known that it changed."""

    field: str
    before: Any
    after: Any
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change in people's words."""

    seq: int
    at: datetime | None
    actor: str | Promise
    source: str | Promise
    node: str
    what: str | Promise
    name: str
    operation: str | Promise
    differences: list[Difference]
    safe: bool
    document: Document
    is_here: bool
    """True while the object exists."""
    undone_by: Sequence[int] = ()
    """The changes that took it back, or a part of it."""

    @property
    def may_be_undone(self) -> bool:
        """False for what a pair begins with, and for what only records."""
        names = ("model", "operation", "source")
        return not why_it_stays(*(str(self.document[name]) for name in names))

    @property
    def tx_size(self) -> int:
        """How many changes were saved together with this one, itself included."""
        return int(self.document["tx_size"] or 1)

    @property
    def url(self) -> str:
        """The page where the object is edited; empty when there is none."""
        page = PAGES.get(str(self.document["model"]))
        if page is None or not self.is_here:
            return ""
        return reverse(page) if page.endswith("settings") else reverse(page, args=[self.object_id])

    @property
    def object_id(self) -> str:
        """The UUID of the changed object."""
        return str(self.document["object"])


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes of one transaction: they became valid together, on both OMMs alike.

    ``rows`` are those that the list shows; ``size`` counts the whole transaction.
    """

    transaction: str
    size: int
    rows: list[ChangeRow]

    @property
    def is_joint(self) -> bool:
        """True for more than one change."""
        return self.size > 1


def change_rows(entries: Iterable[JournalEntry]) -> list[ChangeRow]:
    """Journal entries as rows; one query for each kind of object."""
    safe_seq = safe_up_to()
    held = list(entries)
    documents = [change_document(entry, safe_seq=safe_seq) for entry in held]
    names, undone = object_names(documents), undone_by(held)
    rows = (change_row(document, names) for document in documents)
    return [replace(row, undone_by=undone.get(row.seq, ())) for row in rows]


def original_row(document: Document | None) -> tuple[str, datetime | None, str] | None:
    """Who first made a change that came in by a merge: author, time, OMM; None for any other."""
    if not document:
        return None
    at = parse_datetime(str(document.get("at", "")))
    return str(document.get("actor", "")), at, str(document.get("node", ""))


def change_groups(entries: Iterable[JournalEntry]) -> list[ChangeGroup]:
    """Journal entries by transaction, in the order in which they come."""
    by_transaction = groupby(change_rows(entries), lambda row: str(row.document["transaction"]))
    return [
        ChangeGroup(transaction, rows[0].tx_size, rows)
        for transaction, found in by_transaction
        for rows in [list(found)]
    ]


def change_row(document: Document, names: Mapping[str, str]) -> ChangeRow:
    """One change; ``names`` are those of the objects that it speaks of."""
    return ChangeRow(
        seq=document["seq"],
        at=parse_datetime(str(document["at"])),
        actor=ACTORS.get(str(document["actor"]), str(document["actor"])),
        source=SOURCES.get(str(document["source"]), str(document["source"])),
        node=document["node"],
        what=OBJECTS.get(str(document["model"]), str(document["model"])),
        name=own_name(document) or names.get(document["object"], ""),
        operation=OPERATIONS.get(str(document["operation"]), str(document["operation"])),
        differences=differences_of(document, names),
        safe=bool(document.get("safe")),
        document=document,
        is_here=str(document["object"]) in names,
    )


def differences_of(document: Document, names: Mapping[str, str]) -> list[Difference]:
    """The fields that differ, without those that only serve the program."""
    old, new = document["before"] or {}, document["after"] or {}
    words = FieldWords(document["model"], names)
    return [
        Difference(
            words.label(name),
            words.value(name, old.get(name)),
            words.value(name, new.get(name)),
            is_secret=MASK in (old.get(name), new.get(name)),
        )
        for name in {**old, **new}
        if name not in HIDDEN and differs(old.get(name), new.get(name))
    ]


def differs(old: Any, new: Any) -> bool:
    """Entries name altered fields only: two masked values were not the same secret."""
    return MASK in (old, new) or (old or None) != (new or None)


@dataclass(frozen=True, slots=True)
class FieldWords:
    """Fields and values of one model as people know them; ``names`` are those of other rows."""

    model: str
    names: Mapping[str, str]

    def label(self, name: str) -> str:
        """The field's name on the forms; of one that stands on none, its name here."""
        field = self._field(name)
        on_forms = getattr(field, "verbose_name", "")
        own = FIELDS.get(getattr(field, "name", name), name.replace("_", " "))
        return str(on_forms if isinstance(on_forms, Promise) else own)

    def value(self, name: str, value: Any) -> Any:
        """The value with choices and references spelt out."""
        field = self._field(name)
        choices = dict(getattr(field, "flatchoices", None) or ())
        if isinstance(value, str):
            if isinstance(field, DateTimeField):
                return parse_datetime(value) or value
            return str(choices.get(value) or self.names.get(value) or value)
        if type(value) is int and value in choices:
            return str(choices[value])
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            return local(unpack(value)["text"])
        return value

    def _field(self, name: str) -> Any:
        if self.model not in OBJECTS or "." not in self.model:
            return None
        fields = apps.get_model(self.model)._meta.concrete_fields
        return next((field for field in fields if name in {field.name, field.attname}), None)


def own_name(document: Document) -> str:
    """The name that the change itself tells."""
    for values in (document["after"], document["before"]):
        for name in NAMES:
            if values and isinstance(values.get(name), str) and values[name]:
                return str(values[name])
    return ""


def object_names(documents: Iterable[Document]) -> dict[str, str]:
    """Names of the changed objects and of those they refer to, as they are now, by id."""
    wanted: dict[str, set[str]] = {}
    for document in documents:
        for label, pk in _references(document):
            wanted.setdefault(label, set()).add(pk)
    return {
        str(row.pk): _row_name(row)
        for label, ids in wanted.items()
        for row in apps.get_model(label)._default_manager.filter(pk__in=ids)
    }


def _references(document: Document) -> Iterator[tuple[str, str]]:
    """The object itself and the rows that its changed fields point to: label and id."""
    if "." not in document["model"] or document["model"] not in OBJECTS:
        return
    yield document["model"], document["object"]
    for field in apps.get_model(document["model"])._meta.concrete_fields:
        if field.related_model is None:
            continue
        for values in (document["before"], document["after"]):
            value = (values or {}).get(field.attname) or (values or {}).get(field.name)
            if isinstance(value, str):
                yield field.related_model._meta.label_lower, value


def _row_name(row: Any) -> str:
    for name in NAMES:
        value = getattr(row, name, "")
        if isinstance(value, str) and value:
            return value
    return ""


def details_text(details: Mapping[str, Any]) -> str:
    """An event's details as indented text; empty when there are none."""
    return json.dumps(details, ensure_ascii=False, indent=2) if details else ""
