"""Taking a change back: the three values of every field, as in a merge, with other parts.

*Base* is what the change made, *ours* what the pair has now, *theirs* what was there before the
change. What nobody touched since comes back by itself; everything else needs a person's word, or
stays. Pure values only: canonical JSON as the journal holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from standby.domain.merge import OPEN, VERSION, Act, judge
from standby.domain.sentence import say

Fields = Mapping[str, Any]
WHOLE: Final = ""
"""Instead of a field's name: the change as a whole."""
INVERSE: Final = {"create": "delete", "update": "update", "delete": "create"}

CHANGED_LATER = say("It was changed again later.")
GONE = say("The object is not here any more.")
HERE_AGAIN = say("The object is here again with another value.")


class Kind(StrEnum):
    """Why something does not come back by itself."""

    CHANGED = "changed"
    CONFIRM = "confirm"
    GONE = "gone"
    REFUSED = "refused"
    NEVER = "never"

    @property
    def may_overrule(self) -> bool:
        """True when it is for a person to say that it is meant."""
        return self in (Kind.CHANGED, Kind.CONFIRM)


@dataclass(frozen=True, slots=True)
class Objection:
    """What speaks against taking back one field, or the WHOLE change."""

    field: str
    kind: Kind
    reason: str
    overruled: bool = False


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What has to be done to the row, and what speaks against more.

    ``chosen`` are the fields of which a person said: anyway; WHOLE stands for all.
    """

    act: Act = Act.NOTHING
    write: Fields | None = None
    objections: tuple[Objection, ...] = ()
    chosen: frozenset[str] = frozenset()

    @property
    def does_something(self) -> bool:
        """True when the row is to be written."""
        return self.act is not Act.NOTHING

    @property
    def values(self) -> Fields:
        """The values to set."""
        return self.write or {}

    def against(self, reasons: Mapping[str, str], kind: Kind) -> TakenBack:
        """The same with these fields left as they are, unless they were chosen all the same.

        A creation or a removal is one step: whatever speaks against a part of it stops it.
        """
        found = {name: why for name, why in reasons.items() if self._touches(name)}
        if not found:
            return self
        if self.act is not Act.UPDATE:
            found = {WHOLE: next(iter(found.values()))}
        allowed = {name for name in found if kind.may_overrule and self._is_chosen(name)}
        told = [
            Objection(name, kind, why, overruled=name in allowed) for name, why in found.items()
        ]
        return replace(self.without(found.keys() - allowed), objections=(*self.objections, *told))

    def without(self, names: Iterable[str]) -> TakenBack:
        """The same without setting these fields; WHOLE stops all of it."""
        left = set(names)
        if not left:
            return self
        if WHOLE in left or self.act is not Act.UPDATE:
            return replace(self, act=Act.NOTHING, write=None)
        write = {name: value for name, value in self.values.items() if name not in left}
        return replace(self, act=Act.UPDATE if write else Act.NOTHING, write=write)

    def _touches(self, name: str) -> bool:
        return self.does_something and (
            name == WHOLE or self.act is Act.DELETE or name in self.values
        )

    def _is_chosen(self, name: str) -> bool:
        return not self.chosen.isdisjoint({name, WHOLE})


def take_back(
    operation: str,
    before: Fields | None,
    after: Fields | None,
    ours: Fields | None,
    *,
    aside: frozenset[str] = frozenset(),
    chosen: frozenset[str] = frozenset(),
) -> TakenBack:
    """Undo one change of an object that holds ``ours`` now (None: it is not here).

    ``aside`` are fields that the pair keeps by itself.
    """
    verdict = judge(INVERSE[operation], after, ours, before, aside=aside)
    plain = TakenBack(verdict.act, dict(verdict.write), chosen=chosen)
    if operation == "update" and ours is None:
        return replace(plain, objections=(Objection(WHOLE, Kind.GONE, GONE),))
    if verdict.state != OPEN:
        return _raised(plain, before) if plain.act is Act.CREATE else plain
    if operation == "create":
        return replace(plain, act=Act.DELETE).against({WHOLE: CHANGED_LATER}, Kind.CHANGED)
    why = CHANGED_LATER if operation == "update" else HERE_AGAIN
    contested = {name: why for name, state in verdict.fields.items() if state == OPEN}
    former = {name: (before or {})[name] for name in contested}
    everything = replace(plain, act=Act.UPDATE, write={**plain.values, **former})
    return everything.against(contested, Kind.CHANGED)


def _raised(plain: TakenBack, before: Fields | None) -> TakenBack:
    """Who still edits the object that was removed must not take the new one for it."""
    if before is None or VERSION not in before:
        return plain
    return replace(plain, write={**plain.values, VERSION: before[VERSION] + 1})
