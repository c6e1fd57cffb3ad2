"""Rows of the set-aside list, as pages show them: three values of each field side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from standby.document import Document
from standby.domain.merge import OPEN
from standby.domain.sentence import unpack
from standby.models import SetAside
from standby.rows import HIDDEN, ChangeRow, FieldWords, change_row, differs, object_names
from standby.selectors import set_aside_documents
from standby.texts import local

NOTHING_SAID = (None, "", False)
"""Values that tell nothing of a new object."""


@dataclass(frozen=True, slots=True)
class ThreeValues:
    """A field of a set-aside change: before the split, here now, and as the lost change had it."""

    field: str
    base: Any
    ours: Any
    theirs: Any
    name: str = ""
    """The field in the journal."""
    state: str = ""
    """The class of the field; empty where only the whole change has one."""

    @property
    def is_open(self) -> bool:
        """True while somebody must decide on this very field."""
        return self.state == OPEN

    @property
    def is_same(self) -> bool:
        """True when this pair has the lost value anyhow."""
        return not differs(self.ours, self.theirs)

    @property
    def is_contested(self) -> bool:
        """True when both sides altered the field, each to another value."""
        return not self.is_same and differs(self.base, self.ours)


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """One set-aside change with the three values of each field side by side."""

    document: Document
    change: ChangeRow
    fields: list[ThreeValues]
    why: str = ""
    """Why it is open."""

    @property
    def told(self) -> list[ThreeValues]:
        """The fields that a list names: of a new object those that hold something."""
        match self.document["original"]["operation"]:
            case "create":
                return [each for each in self.fields if each.theirs not in NOTHING_SAID]
            case "delete":
                return []
        return self.fields

    @property
    def is_open(self) -> bool:
        """True while somebody must decide."""
        return bool(self.document["class"] == OPEN and self.document["judged"])


def set_aside_rows(rows: Iterable[SetAside]) -> list[SetAsideRow]:
    """Set-aside changes as rows."""
    held = list(rows)
    documents = set_aside_documents(held)
    originals = [document["original"] for document in documents]
    names = object_names(originals)
    return [
        SetAsideRow(document, change_row(original, names), _three(document, names), _why(row))
        for row, document, original in zip(held, documents, originals, strict=True)
    ]


def _why(row: SetAside) -> str:
    return local(unpack(row.reason or {}).get("text", ""))


def _three(document: Document, names: Mapping[str, str]) -> list[ThreeValues]:
    base, ours, theirs = (document[name] or {} for name in ("base", "ours", "theirs"))
    words = FieldWords(document["original"]["model"], names)
    return [
        ThreeValues(
            field=words.label(name),
            base=words.value(name, base.get(name)),
            ours=words.value(name, ours.get(name)),
            theirs=words.value(name, theirs.get(name)),
            name=name,
            state=str(document["fields"].get(name, "")),
        )
        for name in {**base, **theirs}
        if name not in HIDDEN
    ]
