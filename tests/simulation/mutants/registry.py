"""What a planted fault is, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from standby.domain import election
from standby.domain.facts import Role

Patch = AbstractContextManager[Any]
Plant = Callable[[], Iterable[Patch]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault planted into the program, and what finds it.

    ``why`` is the rule that it breaks, ``breaks`` the invariants that may report it, ``kinds`` the
    faults of the world under which it shows soon.
    """

    name: str
    why: str
    breaks: tuple[str, ...]
    kinds: tuple[str, ...]
    plant: Plant


MUTANTS: dict[str, Mutant] = {}


def mutant(why: str, breaks: str, kinds: str) -> Callable[[Plant], Plant]:
    """Register a fault; the function gives the patches. Names are separated by blanks."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__
        if name in MUTANTS:
            raise ValueError(f"there are two mutants {name}")
        MUTANTS[name] = Mutant(name, why, tuple(breaks.split()), tuple(kinds.split()), plant)
        return plant

    return register


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The program with this fault; the program itself for an empty name."""
    with ExitStack() as stack:
        for each in MUTANTS[name].plant() if name else ():
            stack.enter_context(each)
        yield


def swap(target: Any, name: str, new: Any) -> Patch:
    """``target.name`` is ``new``; fails when there is no such thing to break."""
    return mock.patch.object(target, name, new)


def rules_of(role: Role, change: Callable[[tuple[election.Rule, ...]], Any]) -> Patch:
    """The row of a role in the table of states, altered."""
    return mock.patch.dict(election.RULES, {role: tuple(change(election.RULES[role]))})


def without(role: Role, rule: election.Rule) -> Patch:
    """A role that never asks one of its rules."""
    if rule not in election.RULES[role]:
        raise ValueError(f"{rule} is no rule of {role}")
    return rules_of(role, lambda rules: (each for each in rules if each is not rule))
