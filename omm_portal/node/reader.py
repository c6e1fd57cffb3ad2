"""Single variables of the environment: read, cast, checked; every error names its variable."""

import ipaddress
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ

from omm_portal.node.secrets import Secret, SecretUnreadable, read_secret

Value = TypeVar("Value")


class EnvironmentProblem(ValueError):
    """The environment cannot be used; the message names the variable and never a secret's value."""


class Reader:
    """Reads and casts single variables; every error names its variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._env = environ.Env()
        self._env.ENVIRON = dict(values)

    def _cast(self, name: str, cast: type, default: Value, kind: str) -> Value:
        if not self._values.get(name, "").strip():
            return default
        try:
            result: Value = self._env(name, cast=cast)
        except (ValueError, TypeError, environ.ImproperlyConfigured):
            raise EnvironmentProblem(f"{name} is not {kind}: {self._values[name]!r}") from None
        return result

    def texts(self, name: str) -> tuple[str, ...]:
        """A comma-separated list."""
        items: list[Any] = self._cast(name, list, [], "a list")
        return tuple(item.strip() for item in items if item.strip())

    def address(self, name: str, *, unspecified: bool = False) -> str:
        """A canonical IP address, or "" when not set."""
        text = self._values.get(name, "").strip()
        return _address(name, text, unspecified=unspecified) if text else ""

    def paths(self, name: str) -> tuple[tuple[str, str], ...]:
        """``own=peer,own=peer``."""
        pairs = []
        for item in self.texts(name):
            own, separator, peer = item.partition("=")
            if not separator or own.strip() == peer.strip():
                raise EnvironmentProblem(f"{name} is not a list of own=peer addresses: {item!r}")
            pairs.append((_address(name, own.strip()), _address(name, peer.strip())))
        return tuple(pairs)

    def endpoints(self, name: str, port: int) -> tuple[tuple[str, int], ...]:
        """``address,address:port,[address]:port``; without one the default ``port``."""
        return tuple(_endpoint(name, item, port) for item in self.texts(name))

    def networks(self, name: str) -> tuple[str, ...]:
        """A list of networks or single addresses, canonical."""
        return tuple(_network(name, item) for item in self.texts(name))

    def directory(self, name: str, default: Path) -> Path:
        """An absolute path."""
        text = self._values.get(name, "").strip()
        return Path(text).expanduser().absolute() if text else default

    def port(self, name: str, default: int) -> int:
        """A TCP or UDP port."""
        port: int = self._cast(name, int, default, "a port number")
        if not 1 <= port <= 65535:
            raise EnvironmentProblem(f"{name} is not a port number (1 to 65535): {port}")
        return port

    def seconds(self, name: str, default: float) -> float:
        """A positive, finite number."""
        number: float = self._cast(name, float, default, "a number")
        if not math.isfinite(number) or number <= 0:
            raise EnvironmentProblem(f"{name} is not a positive number: {self._values[name]!r}")
        return number

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices; the first is the default."""
        value: str = self._cast(name, str, choices[0], "a text")
        if value not in choices:
            raise EnvironmentProblem(f"{name} is {value!r}, must be one of: {', '.join(choices)}")
        return value

    def url(self, name: str) -> str:
        """An http or https address without its last slash, or ""."""
        value: str = self._cast(name, str, "", "a text")
        if value and not _is_web_url(value):
            raise EnvironmentProblem(f"{name} is not an http or https address: {value!r}")
        return value.rstrip("/")

    def secret(self, name: str) -> Secret | None:
        """A secret, verbatim."""
        try:
            return read_secret(name, self._values)
        except SecretUnreadable as problem:
            raise EnvironmentProblem(str(problem)) from None

    def service_url(self, name: str, schemes: tuple[str, ...]) -> Secret | None:
        """A URL that may hold a password: only its scheme is ever shown."""
        secret = self.secret(name)
        if secret is not None and secret.reveal().partition("://")[0] not in schemes:
            wanted = ", ".join(f"{scheme}://" for scheme in schemes)
            raise EnvironmentProblem(f"{name} does not begin with one of: {wanted}")
        return secret


def _checked(make: Callable[[str], Any], name: str, text: str, kind: str) -> Any:
    try:
        return make(text)
    except ValueError:
        raise EnvironmentProblem(f"{name} is not {kind}: {text!r}") from None


def _address(name: str, text: str, *, unspecified: bool = False) -> str:
    address = _checked(ipaddress.ip_address, name, text, "an IP address")
    if address.is_multicast or (address.is_unspecified and not unspecified):
        raise EnvironmentProblem(f"{name} is not an address of one host: {text!r}")
    return str(address)


def _endpoint(name: str, text: str, default: int) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or (":" in host and not host.endswith("]")):
        host, port = text, str(default)
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise EnvironmentProblem(f"{name} is not a list of address:port: {text!r}")
    return _address(name, host.removeprefix("[").removesuffix("]")), int(port)


def _network(name: str, text: str) -> str:
    def make(item: str) -> object:
        return ipaddress.ip_network(item, strict=False)

    return str(_checked(make, name, text, "a network"))


def _is_web_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
