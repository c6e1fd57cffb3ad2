"""What a person asks of the pair itself: answered by the runtime over the control line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from standby.link import control

PATIENCE = 3.0
"""Seconds an answer may take on top of the hand-over itself."""
TELL_PATIENCE = 1.0
"""Seconds that telling the other OMM something may cost its caller."""


class RuntimeSilent(Exception):
    """The standby process of this node gives no answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the preflight list: what was looked at, the verdict, what to do."""

    name: str
    ok: bool
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """Whether the runtime took an action on, why, and the checks that speak against it."""

    accepted: bool
    reason: str
    checks: tuple[Check, ...] = field(default=())


def switchover(*, actor: str) -> ActionAnswer:
    """Hand the active role over to the peer."""
    return _action({"command": "switchover", "actor": actor})


def takeover(*, actor: str, force: bool) -> ActionAnswer:
    """Make this OMM active; ``force`` overrides a SIP server that does not answer."""
    return _action({"command": "takeover", "actor": actor, "force": force})


def reboot(*, actor: str) -> ActionAnswer:
    """Restart this OMM; an active one hands over first."""
    return _action({"command": "reboot", "actor": actor})


def preflight(patience: float = PATIENCE) -> tuple[Check, ...]:
    """The checks before a switch-over, each with its verdict; ``patience`` is in seconds."""
    return _checks(_call({"command": "preflight"}, patience))


def tell_peer(word: str, body: Mapping[str, Any]) -> bool:
    """Tell the other OMM's apps something (``standby.hooks.when_told``); never raises.

    False when it is not in contact or has not confirmed in time; the runtime then tells it when
    contact is back.
    """
    message = {"command": "tell", "word": word, "body": dict(body)}
    try:
        return bool(_call(message, TELL_PATIENCE).get("ok"))
    except RuntimeSilent:
        return False


def _action(message: dict[str, Any]) -> ActionAnswer:
    answer = _ask(message)
    accepted = bool(answer.get("ok")) and bool(answer.get("accepted", True))
    return ActionAnswer(accepted, str(answer.get("reason", "")), _checks(answer))


def _ask(message: dict[str, Any]) -> dict[str, Any]:
    return _call(message, settings.OMM.handover_wait + PATIENCE)


def _call(message: dict[str, Any], timeout: float) -> dict[str, Any]:
    try:
        return control.call(settings.OMM.control_socket, message, timeout)
    except control.ControlError as error:
        raise RuntimeSilent(f"The standby process gives no answer: {error}") from error


def _checks(answer: Mapping[str, Any]) -> tuple[Check, ...]:
    return tuple(
        Check(
            name=str(item.get("name", "")),
            ok=bool(item.get("ok")),
            message=str(item.get("message", "")),
            advice=str(item.get("advice", "")),
        )
        for item in answer.get("checks") or ()
    )
