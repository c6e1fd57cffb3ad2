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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import ProtectedError
from django.utils import timezone

from standby import journal
from standby.domain.aside import (
    MERGE,
    SET_ASIDE,
    Refusal,
    held_fields,
    original_of,
    settle,
    whole_transactions,
)
from standby.domain.merge import OPEN, Act, Verdict
from standby.domain.sentence import join, pack, repeat, say
from standby.journal import Change, Rules, registry
from standby.journal.rows import Fields, Table, table
from standby.models import SetAside, SetAsideClass, Split
from standby.written import Conflict

AT_ONCE = 0.1
"""Seconds of processor time in one transaction: others write in between."""
AT_MOST = 5
"""How many times as long it may take on a busy machine: beginning anew costs time too."""
LOOK_AHEAD = 50
"""Changes that are looked up together."""
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
    spent = _Spent(seconds)
    with journal.change(actor="system", source=MERGE) as change:
        while found := _judge_some(change, spent):
            counts.update(found)
    return counts


class _Spent:
    """Is the time for one transaction over?"""

    def __init__(self, seconds: float) -> None:
        self._processor = time.thread_time() + seconds
        self._wall = time.monotonic() + AT_MOST * seconds

    @property
    def is_over(self) -> bool:
        """True after so much work, or much later."""
        return time.thread_time() > self._processor or time.monotonic() > self._wall


def _judge_some(change: Change, spent: _Spent) -> Counter[str]:
    """Judge the transactions among the next changes, at least one of them; empty when over."""
    counts: Counter[str] = Counter()
    rows = [_Waiting.of(row) for row in waiting()[:LOOK_AHEAD]]
    judging = _Judging(change, rows)
    for whole in _transactions(rows):
        if spent.is_over and not change.is_empty:
            break
        counts.update(judging.judge(whole))
    return counts


class _Waiting(NamedTuple):
    """A set-aside change that is to be judged, and what it says."""

    row: SetAside
    body: Body

    @classmethod
    def of(cls, row: SetAside) -> _Waiting:
        return cls(row, json.loads(row.body))

    @property
    def transaction(self) -> tuple[str, str]:
        return self.row.node, self.body["transaction"]


def _transactions(rows: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """The whole ones among them; one whose rest may still be on its way waits for it."""
    cut = len(rows) == LOOK_AHEAD

    def whole(last: list[_Waiting]) -> list[_Waiting] | None:
        found = _whole(last) if cut else last
        is_whole = len(found) == found[0].body["tx_size"]
        return found if is_whole or _has_arrived(found[0].row.split) else None

    return whole_transactions(rows, lambda each: each.transaction, whole)


def _whole(rows: list[_Waiting]) -> list[_Waiting]:
    """All that is here of a transaction of which only the first rows were looked up."""
    first, body = rows[0]
    end = first.seq - body["tx_index"] + body["tx_size"]
    mine = waiting().filter(node=first.node, term=first.term, seq__gte=first.seq, seq__lt=end)
    found = map(_Waiting.of, mine)
    return [each for each in found if each.transaction == rows[0].transaction]


def _has_arrived(split: Any) -> bool:
    """True when every change that this split lost is here, or nobody knows how many there are."""
    found = Split.objects.filter(pk=split).first()
    return found is None or SetAside.objects.filter(split=split).count() >= found.loser_changes


class _Judging:
    """Judges changes within one database transaction; what all of them need is read at once."""

    def __init__(self, change: Change, rows: Sequence[_Waiting]) -> None:
        self._change = change
        self._own = table(SET_ASIDE, connection)
        self._open: dict[UUID | None, list[Mapping[str, str] | None]] = {}
        self._look_ahead(rows)

    def _look_ahead(self, rows: Sequence[_Waiting]) -> None:
        self._change.look_ahead(self._own, [str(each.row.pk) for each in rows])
        objects: dict[str, set[str]] = {}
        for each in rows:
            objects.setdefault(each.body["model"], set()).add(each.body["object"])
        for label, keys in objects.items():
            if registry.find(label) is not None:
                self._change.look_ahead(table(label, connection), keys)
        earlier = SetAside.objects.filter(
            object__in={each.row.object for each in rows}, state=SetAsideClass.OPEN
        )
        for key, fields in earlier.exclude(judged_at=None).values_list("object", "fields"):
            self._open.setdefault(key, []).append(fields)

    def judge(self, rows: Sequence[_Waiting]) -> Counter[str]:
        """Judge one transaction of the loser; how many changes came into which class."""
        self._change.begin_part(original_of(rows[0].body))
        now = timezone.now()
        for row, body in rows:
            verdict = self._verdict(row, body)
            row.state = SetAsideClass(verdict.state)
            row.fields = verdict.fields if verdict.state == OPEN and verdict.fields else None
            row.reason = pack({"text": verdict.why}) if verdict.why else None
            row.judged_at = now
            if row.state == OPEN:
                self._open.setdefault(row.object, []).append(row.fields)
        self._change.save_all(each.row for each in rows)
        return Counter(str(each.row.state) for each in rows)

    def _verdict(self, row: SetAside, body: Body) -> Verdict:
        target = target_of(body)
        if target is None:
            return Verdict(OPEN, why=unknown(body))
        return settle(
            body,
            self._change.fields_of(target.one, target.key),
            held=held_fields(self._open.get(row.object, ())),
            aside=target.rules.aside,
            waits=target.rules.waits,
            attempt=partial(_attempt, self._change, target),
            present=journal.hash_at(row.seq) == row.hash,
        )


def unknown(body: Body) -> str:
    """Why a change of another version cannot be judged."""
    return say("This version does not know all that it changes (%(model)s).", model=body["model"])


def _attempt(change: Change, target: Target, act: Act, write: dict[str, Any]) -> Refusal | None:
    try:
        with change.attempt():
            carry_out(change, target, act, write)
    except REFUSALS as error:
        return Refusal(refusal(error), fields_of(error))
    return None


def carry_out(
    change: Change,
    target: Target,
    act: Act,
    write: Fields,
    revive: Callable[[Any], object] | None = None,
) -> None:
    """Create, change or remove the row by its own rules; raises REFUSALS.

    ``revive`` completes a row that had been removed and comes back.
    """
    one, ours = target.one, change.fields_of(target.one, target.key)
    before = None if ours is None else one.instance(target.key, ours)
    if act is Act.DELETE:
        if before is not None:
            target.rules.check_removal(before)
            change.delete(before)
        return
    row = built(target, ours, write, revive)
    target.rules.check(row, before)
    change.save(row)


def built(
    target: Target,
    ours: Fields | None,
    write: Fields,
    revive: Callable[[Any], object] | None = None,
) -> Any:
    """The row as it is to be, of the one that is here (None: a new one)."""
    one = target.one
    row = one.model(pk=target.key) if ours is None else one.instance(target.key, ours)
    for name, value in write.items():
        column = one.by_name[name]
        setattr(row, column.attname, None if value is None else column.kind.from_json(value))
    if ours is None and revive is not None:
        revive(row)
    return row


def refusal(error: Exception) -> str:
    """What an object's own rules say against a change, as a sentence."""
    match error:
        case Conflict():
            return error.reason
        case ValidationError() if hasattr(error, "error_dict"):
            texts = (_field_texts(name, each) for name, each in error.message_dict.items())
            return join(*texts)
        case ValidationError():
            return join(*map(repeat, error.messages))
        case ProtectedError():
            return say("Something else refers to it.")
        case IntegrityError():
            return say("A value that must be unique is taken.")
    return str(error)


def _field_texts(name: str, texts: Iterable[str]) -> str:
    return say("%(field)s: %(texts)s", field=name, texts=join(*map(repeat, texts)))


def fields_of(error: Exception) -> frozenset[str]:
    """The fields that a refusal names; empty when it is about the whole."""
    if isinstance(error, ValidationError) and hasattr(error, "error_dict"):
        return frozenset(error.error_dict)
    return frozenset()
