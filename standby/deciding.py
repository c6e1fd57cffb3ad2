"""Deciding on what lost a split and could not be merged: keep ours, or replace it by theirs.

Functions raise ValidationError, StaleObject (it is not any more what the person was shown),
Conflict (decided already, not judged yet, or refused by the object's own rules) and whatever the
journal raises when this OMM accepts no change.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from standby import journal
from standby.domain.aside import REPLACE, decided, open_fields, replacing
from standby.domain.merge import OPEN, VERSION
from standby.domain.sentence import say
from standby.journal import Change
from standby.merging import REFUSALS, Target, carry_out, refusal, target_of, unknown
from standby.models import JournalEntry, SetAside, SetAsideClass
from standby.selectors import open_set_aside, seen_of, seen_of_all
from standby.written import Conflict, StaleObject, Written, expect_version


@dataclass(frozen=True, slots=True)
class Decided:
    """How many changes were decided, and which could not be, each with the reason."""

    done: int
    refused: dict[UUID, str]


def set_aside_decide(
    *,
    pk: UUID,
    choice: str,
    fields: Collection[str] = (),
    seen: str | None = None,
    expected_version: int | None = None,
    now: datetime,
    actor: str,
    source: str = "web",
) -> Written[SetAside]:
    """Decide on some open fields of a set-aside change, or on all of them (no ``fields``).

    ``seen`` is what seen_of() said of the values that were shown.
    """
    with journal.change(actor=actor, source=source) as change:
        row = expect_version(SetAside.objects.filter(pk=pk).first(), expected_version)
        target = _target(row)
        ours = target.ours if target else None
        if seen is not None and seen != seen_of(json.loads(row.body), ours):
            raise StaleObject(row)
        _decide(change, row, target, choice, fields)
        _sign(change, row, actor, now)
    return Written(row, change.receipt)


def set_aside_decide_all(
    *,
    choice: str,
    split: UUID | None = None,
    seen: str | None = None,
    now: datetime,
    actor: str,
    source: str = "web",
) -> Written[Decided]:
    """Decide on everything that is open (of one split); what is refused stays open."""
    done = 0
    refused: dict[UUID, str] = {}
    with journal.change(actor=actor, source=source) as change:
        rows = list(open_set_aside(split))
        if seen is not None and seen != seen_of_all(rows):
            raise StaleObject(rows[0] if rows else None)
        for row in rows:
            change.begin_part(None)
            try:
                with change.attempt():
                    _decide(change, row, _target(row), choice, ())
                    _sign(change, row, actor, now)
            except Conflict as error:
                refused[row.pk] = error.reason
            else:
                done += 1
    return Written(Decided(done, refused), change.receipt)


def _target(row: SetAside) -> Target | None:
    return target_of(json.loads(row.body))


def _sign(change: Change, row: SetAside, actor: str, now: datetime) -> None:
    row.decided_by, row.decided_at = actor, now
    change.save(row)


def _decide(
    change: Change, row: SetAside, target: Target | None, choice: str, fields: Collection[str]
) -> None:
    if row.state != OPEN:
        raise Conflict("decided", say("This change is decided already."))
    if row.judged_at is None:
        raise Conflict("not-judged", say("This change is about to be merged."))
    left = open_fields(row.fields)
    wrong = sorted(set(fields) - left)
    if wrong:
        text = _("This field is not open.")
        raise ValidationError({"fields": [f"{name}: {text}" for name in wrong]})
    chosen = set(fields) or left
    if choice == REPLACE:
        _replace(change, row, target, chosen)
    row.fields, state = decided(row.fields, chosen, choice)
    row.state = SetAsideClass(state)


def _replace(change: Change, row: SetAside, target: Target | None, chosen: set[str]) -> None:
    """Put the set-aside values in force."""
    body = json.loads(row.body)
    if target is None:
        raise Conflict("refused", unknown(body))
    aside, former = target.rules.aside, partial(_as_removed, body["object"])
    act, write = replacing(body, target.ours, chosen, aside, former)
    try:
        carry_out(change, target, act, write)
    except journal.Busy:
        raise
    except REFUSALS as error:
        raise Conflict("refused", refusal(error)) from error


def _as_removed(key: str) -> dict[str, Any]:
    """What an object held when it was removed here."""
    entries = JournalEntry.objects.filter(object=key, operation="delete").order_by("-seq")
    last = entries.first()
    if last is None:
        raise Conflict("refused", say("The object is not here any more."))
    held: dict[str, Any] = json.loads(last.body)["before"]
    held.pop(VERSION, None)
    return held
