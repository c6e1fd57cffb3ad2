"""Whether every change that a split lost is in exactly one class, looked at while the pair runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from standby.accounting import Accountant
from standby.domain.sentence import join, say, say_count

if TYPE_CHECKING:
    from standby.runtime.core import PairRuntime


class AccountWatch:
    """What is missing or wrong in the list of set-aside changes, and the events that say so."""

    def __init__(self, runtime: PairRuntime) -> None:
        self.missing = 0
        """Changes that a loser told of and that are not here."""
        self.problem = ""
        """What must never be, as a text; empty when there is nothing."""
        self._runtime = runtime
        self._accountant = Accountant()
        self._peer_has_more = True
        self._had_more = True
        self._told: set[str] = set()

    @property
    def is_stale(self) -> bool:
        """True when the other OMM has said since the last look that it has no more."""
        return self._had_more and not self._peer_has_more

    def look(self) -> None:
        """Compare with the database, in a thread that may read it."""
        self._had_more = self._peer_has_more
        self._accountant.look()

    def contact(self, *, in_contact: bool) -> None:
        """After a silence the other OMM may have more to send."""
        if not in_contact:
            self._peer_has_more = True

    def heard(self, *, is_all: bool) -> None:
        """The other OMM sent set-aside changes, or that it has no more of them."""
        self._peer_has_more = not is_all

    @property
    def lost(self) -> int:
        """Changes that nobody will send any more: they were missing after the other's last."""
        return 0 if self._peer_has_more or self._had_more else self.missing

    def take(self) -> None:
        """Show what the last look found; on the active OMM each fault is an event, once."""
        self.missing = self._accountant.missing
        texts = [text for found in self._accountant.problems.values() for text in found]
        self.problem = join(*dict.fromkeys(texts)) if texts else ""
        if not self._runtime.member.gate_open:
            return
        for split, found in self._accountant.problems.items():
            self._tell(join(*found), str(split))
        if self.lost:
            text = say_count(
                "1 change that was set aside has been lost with the OMM that held it.",
                "%(count)s changes that were set aside have been lost with the OMM that held them.",
                self.lost,
            )
            self._tell(text)

    def _tell(self, text: str, split: str = "") -> None:
        message = say("The account of a split does not add up: %(problem)s", problem=text)
        if split + message not in self._told:
            self._told.add(split + message)
            details = {"split": split} if split else {}
            self._runtime.events.record("split_account", "error", message, details)
