"""The gate of an active OMM: wanted, being opened, open (standby.md, Data: a fence, not a hint)."""

from __future__ import annotations

from dataclasses import dataclass

from standby.domain.effects import Beat, CloseFence, Effect, OpenFence


@dataclass(slots=True)
class Gate:
    """Follows the fence row, which opens and closes in transactions that take their time.

    An opening that is reported after the gate was closed again proves nothing: the row may have
    been closed behind it. Then it is opened once more.
    """

    open: bool = False
    term: int = 0
    _in_flight: int | None = None
    _stale: bool = False
    _unanswered: int | None = None

    @property
    def busy(self) -> bool:
        """Open, or about to be."""
        return self.open or (self._in_flight is not None and not self._stale)

    def want(self, term: int) -> list[Effect]:
        """Let changes pass in this term; one opening at a time is under way."""
        self.term = term
        if self._in_flight == term:
            return []
        self._in_flight, self._stale = term, False
        return [OpenFence(term)]

    def opened(self, term: int, *, wanted: bool) -> list[Effect]:
        """The fence row was opened for ``term``; ``wanted``: changes should still pass."""
        if self._in_flight not in (None, term):
            return []
        stale = self._stale or term != self.term
        self._in_flight, self._stale = None, False
        if not wanted:
            return self.close()
        if stale:
            return self.want(self.term)
        self.open = True
        self._unanswered = None
        return [Beat()]

    def close(self) -> list[Effect]:
        """Let nothing pass from this moment on."""
        self.open = False
        self._stale = self._in_flight is not None
        return [CloseFence()]

    # --- beside another OMM -----------------------------------------------------------------------

    def await_answer(self, counter: int) -> None:
        """Stay closed until the other OMM answers a statement later than ``counter``."""
        self._unanswered = counter

    def answered(self, echoed: int) -> bool:
        """True when the other OMM made its last statement knowing what it must know."""
        return self._unanswered is None or echoed > self._unanswered
