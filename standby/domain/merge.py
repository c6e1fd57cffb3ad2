"""What becomes of a change that lost a split: three values of every field, one class for each.

*Base* is what the change found, *theirs* what it made of it, *ours* what the pair has now. Pure
values only: canonical JSON as the journal holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from standby.domain.sentence import join, say

Fields = Mapping[str, Any]
MERGED: Final = "merged"
OPEN: Final = "open"
KEPT: Final = "kept"
REPLACED: Final = "replaced"
VERSION: Final = "version"
"""Counts the changes of a row; no change of its own."""


class Act(StrEnum):
    """What has to be done to the row."""

    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fields`` gives each field its class; it is empty where only the whole can be decided.

    ``write`` are the values to set (all of a new row), ``why`` says why something is open.
    """

    state: str
    act: Act = Act.NOTHING
    fields: dict[str, str] = field(default_factory=dict)
    write: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    def without(self, names: Iterable[str], why: str) -> Verdict:
        """The same with these fields left open; a creation or removal is left open whole."""
        if self.act in (Act.CREATE, Act.DELETE):
            return Verdict(OPEN, why=why)
        left = set(names)
        fields = {name: OPEN if name in left else was for name, was in self.fields.items()}
        write = {name: value for name, value in self.write.items() if name not in left}
        act = Act.UPDATE if write else Act.NOTHING
        reasons = (self.why, why) if self.why != why else (why,)
        return Verdict(state_of(fields), act, fields, write, join(*reasons))


CONTESTED = say("Both sides changed it.")
GONE = say("The object is not here any more.")
HERE_ALREADY = say("The object is here already.")
CHANGED_SINCE = say("It was changed here, so it is not removed.")
EARLIER_OPEN = say("It builds on a change that is open.")


def judge(
    operation: str,
    base: Fields | None,
    ours: Fields | None,
    theirs: Fields | None,
    *,
    held: frozenset[str] = frozenset(),
    aside: frozenset[str] = frozenset(),
) -> Verdict:
    """The class of a change and what has to be done for it.

    ``held`` are fields of the object of which an earlier change is open, ``aside`` those that no
    merge looks at. ``ours`` is None when the object is not here.
    """
    passed = aside | {VERSION}
    if operation == "delete":
        return _removal(base or {}, ours, passed)
    wanted = {name: value for name, value in (theirs or {}).items() if name not in passed}
    if operation == "create" and ours is None:
        return Verdict(MERGED, Act.CREATE, dict.fromkeys(wanted, MERGED), dict(theirs or {}))
    if ours is None:
        return Verdict(OPEN, why=GONE)
    why = HERE_ALREADY if operation == "create" else CONTESTED
    return _fields(base or {}, ours, wanted, held, why)


def _removal(base: Fields, ours: Fields | None, passed: frozenset[str]) -> Verdict:
    if ours is None:
        return Verdict(MERGED)
    differs = [
        name
        for name in base.keys() - passed
        if name not in ours or not same(base[name], ours[name])
    ]
    return Verdict(OPEN, why=CHANGED_SINCE) if differs else Verdict(MERGED, Act.DELETE)


def _fields(base: Fields, ours: Fields, wanted: Fields, held: frozenset[str], why: str) -> Verdict:
    classes: dict[str, str] = {}
    write: dict[str, Any] = {}
    for name, value in wanted.items():
        here = name in ours
        if here and same(ours[name], value):
            classes[name] = MERGED
        elif here and name in base and same(ours[name], base[name]) and name not in held:
            classes[name] = MERGED
            write[name] = value
        else:
            classes[name] = OPEN
    left = {name for name, state in classes.items() if state == OPEN}
    if not left:
        why = ""
    elif left <= held:
        why = EARLIER_OPEN
    act = Act.UPDATE if write else Act.NOTHING
    return Verdict(state_of(classes), act, classes, write, why)


def state_of(fields: Mapping[str, str]) -> str:
    """The class of a change as a whole: exactly one, whatever its fields are."""
    found = set(fields.values())
    return next((state for state in (OPEN, REPLACED, KEPT) if state in found), MERGED)


def same(one: Any, other: Any) -> bool:
    """True for equal canonical values (for Python alone, True equals 1)."""
    if type(one) is not type(other) or one != other:
        return False
    if not isinstance(one, dict | list):
        return True
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
