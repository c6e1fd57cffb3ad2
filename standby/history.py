"""The history of the pair's roles in people's words: what changed, why, and what was known then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from standby.domain.sentence import Sentence
from standby.models import Event
from standby.texts import local

EVIDENCE: dict[str, str | Promise] = {
    "never": gettext_lazy("the other OMM was never heard"),
    "silence": gettext_lazy("the other OMM fell silent"),
    "refused": gettext_lazy("the other host refused connections"),
    "restart": gettext_lazy("the other OMM had restarted"),
}
LINES = {
    "last_heartbeat_s": gettext_lazy("last heartbeat %(seconds)s s before"),
    "sip_answer_s": gettext_lazy("last SIP answer %(seconds)s s before"),
}


@dataclass(frozen=True, slots=True)
class RoleChange:
    """One change of role; ``without_active`` is in seconds, None where it is not known."""

    at: datetime
    node: str
    old: str
    new: str
    term: int | None
    cause: str
    evidence: list[str]
    without_active: float | None


def role_history(events: Iterable[Event]) -> list[RoleChange]:
    """Events of role changes as rows; what an event does not tell is left out."""
    return [_role_change(event) for event in events]


def _role_change(event: Event) -> RoleChange:
    details = event.details if isinstance(event.details, dict) else {}
    new = str(details.get("to", ""))
    return RoleChange(
        at=event.at,
        node=event.node,
        old=str(details.get("from", "")),
        new=new,
        term=details.get("term"),
        cause=_cause(event, new),
        evidence=list(_evidence(details)),
        without_active=_seconds(details.get("without_active_s")),
    )


def _cause(event: Event, new: str) -> str:
    """Why the role changed: the event's message without the role itself."""
    sentence = event.sentence
    if isinstance(sentence, Sentence) and "cause" in sentence.values:
        return local(sentence.values["cause"])
    return event.message.removeprefix(f"{new}: ")


def _evidence(details: Mapping[str, Any]) -> Iterator[str]:
    """What was known at that moment, a phrase each."""
    if details.get("contact") in {"heard", "suspect"}:
        yield _("the other OMM was heard")
    elif details.get("evidence"):
        yield str(EVIDENCE.get(str(details["evidence"]), details["evidence"]))
    for name, line in LINES.items():
        seconds = _seconds(details.get(name))
        if seconds is not None:
            yield str(line) % {"seconds": f"{seconds:.1f}"}
    if details.get("sip_configured") is False:
        yield _("no SIP proxy configured")
    elif details.get("sip_configured") and details.get("sip_answer_s") is None:
        yield _("no SIP answer yet")
    if details.get("healthy") is not None:
        yield _("this OMM healthy") if details["healthy"] else _("this OMM not healthy")


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
