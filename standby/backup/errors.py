"""What is wrong with a back-up file, each kind with a name; the texts are sentences for people."""

from __future__ import annotations

from typing import ClassVar

from standby.written import Conflict


class BackupError(Conflict):
    """Base of all: the file is of no use as it is, and nothing was changed."""

    kind: ClassVar[str] = "backup-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(self.kind, reason)


class Damaged(BackupError):
    """The file is not what was written; the reason says where."""

    kind = "backup-damaged"


class CutOff(Damaged):
    """The end is missing."""


class NotABackup(BackupError):
    """The file was never a back-up."""

    kind = "no-backup"


class TooNew(BackupError):
    """A later version of the format, which this version does not know."""

    kind = "backup-too-new"


class TooLarge(BackupError):
    """More than any pair holds: reading was given up."""

    kind = "backup-too-large"


class PassphraseNeeded(BackupError):
    """The file is encrypted and no passphrase was given."""

    kind = "passphrase-needed"


class WrongPassphrase(BackupError):
    """The file is whole, but this passphrase does not open it."""

    kind = "passphrase-wrong"
