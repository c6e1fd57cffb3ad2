"""Whether the SIP proxy's answers allow a takeover (manual 7.15.2)."""

from __future__ import annotations

from standby.domain.contact import Evidence
from standby.domain.sentence import say
from standby.domain.view import View


def sip_allows(view: View) -> tuple[bool, str]:
    """Whether the SIP answers seen so far allow a takeover, and what they add to the reason."""
    sip = view.sip
    if not sip.configured:
        return True, ""
    if sip.answered_at is None or sip.answered_probe_at is None:
        return False, ""
    if view.evidence in (Evidence.REFUSED, Evidence.RESTART):
        young = view.now - sip.answered_at < view.timing.sip_fresh
    elif view.evidence is Evidence.SILENCE and view.heard_at is not None:
        young = sip.answered_probe_at > view.heard_at
    else:
        young = sip.answered_probe_at >= view.looking_since
    return young and not sip.lost, say("the SIP proxy answers")
