"""What is wrong with a back-up file, each kind with a name; the texts are sentences for people."""

from __future__ import annotations


class BackupError(Exception):
    """Base of all: the file is of no use as it is, and nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Damaged(BackupError):
    """The file is not what was written; the reason says where."""


class CutOff(Damaged):
    """The end is missing."""


class NotABackup(BackupError):
    """The file was never a back-up."""


class TooNew(BackupError):
    """A later version of the format, which this version does not know."""


class TooLarge(BackupError):
    """More than any pair holds: reading was given up."""


class PassphraseNeeded(BackupError):
    """The file is encrypted and no passphrase was given."""


class WrongPassphrase(BackupError):
    """The file is whole, but this passphrase does not open it."""
