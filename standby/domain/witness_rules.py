"""Policy ``witness`` (rule 5): who may be active alone. See ``witness`` for why it is safe."""

from __future__ import annotations

from standby.domain.contact import Hearing
from standby.domain.sentence import join, say
from standby.domain.sip_rule import sip_allows
from standby.domain.view import Action, Decision, View


def wait_for_witness(view: View) -> Decision | None:
    """No takeover by silence, nor alone at start, without the right that the witnesses lend.

    A peer whose process is known to be dead needs no witness.
    """
    witness = view.witness
    if not witness.armed or view.in_contact or not view.peer_configured:
        return None
    if view.hearing in (Hearing.HEARD, Hearing.SUSPECT) or view.now < witness.peer_dead_until:
        return None
    allowed, _why = sip_allows(view)
    if not allowed:
        return None
    if witness.granted and view.now >= witness.patient_until:
        return None
    return Decision(Action.HOLD, _waiting(view), wants=True)


def _waiting(view: View) -> str:
    witness = view.witness
    if witness.hears_peer:
        return say(
            "The other OMM is silent here, but the witness %(witness)s hears it as the active one: "
            "no takeover.",
            witness=witness.hears_peer,
        )
    if witness.answering:
        return say("The other OMM is silent; waiting until the witness has not heard it either.")
    return say(
        "Neither the other OMM nor a witness answers: this OMM may be cut off itself, so it does "
        "not take over. An administrator can force it."
    )


def give_up_unwitnessed(view: View) -> Decision | None:
    """An active OMM that hears neither its peer nor a witness steps down.

    Its gate has been closed for some beats by then, so that a short gap does not cost the role.
    In a maintenance it serves on with its gate closed: nobody takes over meanwhile.
    """
    witness = view.witness
    alone = witness.armed and not witness.waived and not view.in_contact
    if not alone or not view.peer_configured or view.now < witness.gives_up_at:
        return None
    if witness.taken:
        reason = say("The other OMM is silent, and the witness lent it the active role.")
    else:
        reason = say(
            "Neither the other OMM nor a witness answers: the other one may take over, so this "
            "OMM steps down."
        )
    if view.maintenance:
        waits = say("Maintenance: it serves on, but accepts no changes.")
        return Decision(Action.HOLD, join(reason, waits))
    return Decision(Action.START_OVER, reason)
