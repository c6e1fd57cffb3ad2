"""Merging what lost a split: each change is judged once, in order, whole transactions at a time.

A loser's transaction is one transaction in the journal here: the rows it touches and what became
of each of its changes commit together, so whatever interrupts the work, the next one who is
active goes on where it stopped. See ``standby.domain.merge`` for the rules.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import Count, F, ProtectedError, Sum
from django.utils import timezone

from standby import journal
from standby.domain.aside import (
    MERGE,
    Refusal,
    held_fields,
    original_of,
    settle,
    whole_transactions,
)
from standby.domain.merge import OPEN, Act, Verdict
from standby.domain.sentence import join, pack, say
from standby.journal import Change, Rules, registry
from standby.journal.rows import Fields, Table, table
from standby.models import SetAside, SetAsideClass, Split
from standby.written import Conflict

AT_ONCE = 0.1
"""Seconds of work in one transaction: others write in between."""
LOOK_AHEAD = 200
REFUSALS = (ValidationError, Conflict, ProtectedError, IntegrityError, journal.JournalError)
"""What speaks against a single change; the others go on."""

log = logging.getLogger(__name__)
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The object of a change."""

    key: str
    one: Table
    rules: Rules

    @property
    def ours(self) -> Fields | None:
        """What it holds here now; None when it is not here."""
        return self.one.read([self.key], connection).get(self.key)


def target_of(body: Body) -> Target | None:
    """The object of a change; None when this version does not know such objects or fields."""
    found = registry.find(body["model"])
    if found is None:
        return None
    one = table(body["model"], connection)
    named = (body["before"] or {}).keys() | (body["after"] or {}).keys()
    return Target(body["object"], one, found.rules) if named <= one.by_name.keys() else None


def waiting() -> Any:
    """Set-aside changes that no merge has looked at."""
    return SetAside.objects.filter(judged_at=None, state=SetAsideClass.OPEN).order_by(
        "term", "seq", "id"
    )


def merge_step(seconds: float = AT_ONCE) -> Counter[str]:
    """Judge whole transactions for about so long; how many changes came into which class.

    Empty when there is nothing to judge now. Raises what change() raises; nothing is done then.
    """
    counts: Counter[str] = Counter()
    if not waiting().exists():
        return counts
    until = time.monotonic() + seconds
    with journal.change(actor="system", source=MERGE) as change:
        for rows in _transactions():
            counts.update(_judge_transaction(change, rows, timezone.now()))
            if time.monotonic() > until:
                break
    return counts


def _transactions() -> Iterator[list[SetAside]]:
    """The next whole transactions; one whose rest may still be on its way waits for it."""
    rows = list(waiting()[:LOOK_AHEAD])
    cut = len(rows) == LOOK_AHEAD

    def whole(last: list[SetAside]) -> list[SetAside] | None:
        return (_whole(last) if cut else last) if _has_arrived(last[0].split) else None

    return whole_transactions(rows, _transaction_key, whole)


def _transaction_key(row: SetAside) -> tuple[str, str]:
    return row.node, json.loads(row.body)["transaction"]


def _whole(rows: list[SetAside]) -> list[SetAside]:
    """All that is here of a transaction of which only the first rows were looked up."""
    first = rows[0]
    body = json.loads(first.body)
    end = first.seq - body["tx_index"] + body["tx_size"]
    mine = waiting().filter(node=first.node, term=first.term, seq__gte=first.seq, seq__lt=end)
    return [row for row in mine if _transaction_key(row) == _transaction_key(first)]


def _has_arrived(split: Any) -> bool:
    """True when every change that this split lost is here, or nobody knows how many there are."""
    found = Split.objects.filter(pk=split).first()
    return found is None or SetAside.objects.filter(split=split).count() >= found.loser_changes


def _judge_transaction(change: Change, rows: list[SetAside], now: datetime) -> Counter[str]:
    change.begin_part(original_of(json.loads(rows[0].body)))
    for row in rows:
        verdict = _judged(change, row)
        row.state = SetAsideClass(verdict.state)
        row.fields = verdict.fields if verdict.state == OPEN and verdict.fields else None
        row.reason = pack({"text": verdict.why}) if verdict.why else None
        row.judged_at = now
    change.save_all(rows)
    return Counter(str(row.state) for row in rows)


def _judged(change: Change, row: SetAside) -> Verdict:
    body = json.loads(row.body)
    target = target_of(body)
    if target is None:
        return Verdict(OPEN, why=unknown(body))
    return settle(
        body,
        target.ours,
        held=_held(row),
        aside=target.rules.aside,
        waits=target.rules.waits,
        attempt=partial(_attempt, change, target),
    )


def unknown(body: Body) -> str:
    """Why a change of another version cannot be judged."""
    return say("This version does not know all that it changes (%(model)s).", model=body["model"])


def _held(row: SetAside) -> frozenset[str]:
    """Fields of the object of which an earlier change is open."""
    earlier = SetAside.objects.filter(object=row.object, state=SetAsideClass.OPEN)
    return held_fields(earlier.exclude(judged_at=None).values_list("fields", flat=True))


def _attempt(change: Change, target: Target, act: Act, write: dict[str, Any]) -> Refusal | None:
    try:
        with change.attempt():
            carry_out(change, target, act, write)
    except REFUSALS as error:
        return Refusal(refusal(error), _fields_of(error))
    return None


def carry_out(change: Change, target: Target, act: Act, write: Fields) -> None:
    """Create, change or remove the row by its own rules; raises REFUSALS."""
    model = target.one.model
    before = model._default_manager.filter(pk=target.key).first()
    if act is Act.DELETE:
        if before is not None:
            target.rules.check_removal(before)
            change.delete(before)
        return
    row = model(pk=target.key) if before is None else copy(before)
    for name, value in write.items():
        column = target.one.by_name[name]
        setattr(row, column.attname, None if value is None else column.kind.from_json(value))
    target.rules.check(row, before)
    change.save(row)


def refusal(error: Exception) -> str:
    """What an object's own rules say against a change, as a sentence."""
    match error:
        case Conflict():
            return error.reason
        case ValidationError() if hasattr(error, "error_dict"):
            texts = (_field_texts(name, each) for name, each in error.message_dict.items())
            return join(*texts)
        case ValidationError():
            return join(*error.messages)
        case ProtectedError():
            return say("Something else refers to it.")
        case IntegrityError():
            return say("A value that must be unique is taken.")
    return str(error)


def _field_texts(name: str, texts: Iterable[str]) -> str:
    return say("%(field)s: %(texts)s", field=name, texts=" ".join(texts))


def _fields_of(error: Exception) -> frozenset[str]:
    if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
        return frozenset(error.error_dict)
    return frozenset()


def unaccounted() -> int:
    """Changes that losers set aside and that are in no class here: on their way, or lost."""
    expected = Split.objects.aggregate(sum=Sum("loser_changes"))["sum"] or 0
    here = SetAside.objects.filter(split__in=Split.objects.values("pk")).count()
    return int(expected) - here


def split_counts(splits: Iterable[Split]) -> dict[Any, Counter[str]]:
    """How many changes of each split are in which class; ``waiting`` those not yet looked at."""
    keys = [split.pk for split in splits]
    found = SetAside.objects.filter(split__in=keys).values("split", "state")
    counts: dict[Any, Counter[str]] = {key: Counter() for key in keys}
    judged = found.annotate(all=Count("pk"), seen=Count(F("judged_at")))
    for row in judged.order_by():
        unseen = row["all"] - row["seen"] if row["state"] == OPEN else 0
        counts[row["split"]].update({row["state"]: row["all"] - unseen, "waiting": unseen})
    return counts
