"""What the journal refuses, each with a name of its own; and what a database says that is away."""

from django.db import InterfaceError, OperationalError

DATABASE_AWAY = (OperationalError, InterfaceError)
"""The database cannot be reached, read or written: an OMM error, and nobody's mistake."""


class JournalError(Exception):
    """Base of everything that the journal itself raises."""


class Busy(JournalError):
    """The database stayed locked for longer than a change may wait; trying later makes sense."""


class BadValue(JournalError, ValueError):
    """A value that cannot be journalled: NUL, a float, broken Unicode, an unfit type."""


class UnjournalledWrite(JournalError):
    """A statement wrote a journalled table past the journal; it was not executed."""


class ChainBroken(JournalError):
    """Entries do not continue this journal: a gap, another hash, another history."""


class BadEntry(ChainBroken):
    """An entry that no correct OMM would have written: not canonical, or a member is unfit."""


class UnknownModelOrField(JournalError):
    """An entry speaks of a model or field that this version does not know; nothing was applied."""


class FenceIsOpen(JournalError):
    """Only an OMM that accepts no changes itself may take over the journal of its peer."""


class ForeignJournal(JournalError):
    """A real journal would be overwritten by one that does not contain it."""


class Diverged(JournalError):
    """A table does not hold what the journal says: somebody wrote it past the journal."""


class BadTransfer(JournalError):
    """The staged parts of a transfer are incomplete, out of order or malformed."""
