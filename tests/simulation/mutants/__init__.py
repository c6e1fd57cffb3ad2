"""Faults planted into the program on purpose: the simulation has to find every one of them.

A fault is a function with the decorator ``mutant`` in one of the modules here; it returns patches
of the real code (or of the harness, where that stands for the database, the disk or the runtime).
There is no switch in the program itself. To add one: write the function, say which rule it breaks,
which invariants may report it and under which faults of the world (``plan.KINDS``) it shows soon;
then ``python -m tests.simulation --mutants NAME`` tells how many seeds it takes to find it. One
that is never found means that a check or a kind of fault is missing.
"""

from tests.simulation.mutants import aside, contact, gate, journal, roles, terms
from tests.simulation.mutants.registry import MUTANTS, Mutant, planted

__all__ = ["MUTANTS", "Mutant", "aside", "contact", "gate", "journal", "planted", "roles", "terms"]
