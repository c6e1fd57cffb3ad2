"""Secrets of the environment: read verbatim, never shown."""

import hmac
import os
import secrets as random_source
from collections.abc import Mapping
from pathlib import Path

HIDDEN = "********"


class SecretUnreadable(ValueError):
    """A secret could not be read; the message names the variable and never the value."""


class Secret:
    """A text that must not be shown: ``str()``, ``repr()`` and formatting hide it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself; hand it only to what needs it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")


def read_secret(name: str, values: Mapping[str, str]) -> Secret | None:
    """The secret ``name``, or the content of the file that ``name_FILE`` points to.

    Nothing in the value is interpreted: no ``$``, no ``#``, no quotes. One line end at the end of
    the file is dropped. None when neither is set or the value is empty.
    Raises SecretUnreadable when both are set or the file cannot be read.
    """
    value = values.get(name, "")
    file_name = values.get(f"{name}_FILE", "")
    if value and file_name:
        raise SecretUnreadable(f"{name} and {name}_FILE are both set; use one of them")
    if file_name:
        value = _read_file(f"{name}_FILE", Path(file_name))
    return Secret(value) if value else None


def _read_file(variable: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise SecretUnreadable(f"{variable}: cannot read {path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise SecretUnreadable(f"{variable}: {path} is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def kept_secret(path: Path) -> Secret:
    """The secret kept in ``path``; made there (random, mode 0600) when the file does not exist.

    Safe when several processes start at once: all get the same one.
    Raises SecretUnreadable when the file can be neither read nor made.
    """
    try:
        if not path.exists():
            _make_secret(path)
        return Secret(path.read_text(encoding="ascii").strip())
    except OSError as problem:
        raise SecretUnreadable(f"cannot keep a secret in {path}: {problem.strerror}") from None


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, random_source.token_urlsafe(48).encode("ascii"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)  # atomic, and loses to a process that was first
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
