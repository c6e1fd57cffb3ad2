"""What people must know of the pair secret: the next step of a change, what it cannot open."""

from __future__ import annotations

from collections.abc import Iterator

from standby.domain.sentence import say
from standby.domain.warning_view import PairWarning, Severity, WarningView


def pair_secret(view: WarningView) -> Iterator[PairWarning]:
    """Stored secrets that cannot be read, and the next step of changing the pair secret."""
    if view.keys_unreadable:
        yield _told(
            Severity.WARNING,
            say("This OMM cannot read stored secrets: they are sealed with another pair secret."),
            say(
                "Give this OMM the pair secret that they were sealed with as "
                "OMM_PAIR_SECRET_PREVIOUS and restart it; or set those secrets anew."
            ),
        )
    elif view.secret_differs:
        yield _told(
            Severity.INFO,
            say("The pair secret is being changed: the other OMM has another one."),
            say(
                "Give both OMMs the new one as OMM_PAIR_SECRET and the former one as "
                "OMM_PAIR_SECRET_PREVIOUS."
            ),
        )
    elif view.keys_former:
        yield _told(
            Severity.INFO,
            say("The pair secret is being changed: stored secrets still need the former one."),
            say("Run manage.py standby rotate-secret on the active OMM."),
        )
    elif view.secret_changing:
        yield _told(
            Severity.INFO,
            say("The pair secret was changed; this OMM still accepts the former one."),
            say("Take OMM_PAIR_SECRET_PREVIOUS out of its environment and restart it."),
        )


def _told(severity: Severity, message: str, advice: str) -> PairWarning:
    return PairWarning("pair_secret", severity, message, advice)
