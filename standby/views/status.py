"""What the pair is like now: the dashboard and the page of the pair itself."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone
from django.views.generic import TemplateView

from omm_portal.accounts.models import User
from omm_portal.pages import (
    SignedIn,
)
from standby import actions, selectors
from standby.context import PairContext
from standby.history import role_history
from standby.maintenance import maintenance_running
from standby.models import (
    Event,
    Maintenance,
)
from standby.panels import panels
from standby.presentation import event_rows, rule_rows
from standby.texts import localised
from standby.timeline import timeline

PREFLIGHT_PATIENCE = 1.0
"""Seconds that a page waits for the preflight list; the switch-over's own page waits longer."""

HISTORY_SHOWN = 20

log = logging.getLogger(__name__)


class DashboardPage(SignedIn, TemplateView):
    """The pair at a glance."""

    template_name = "standby/dashboard.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        events = event_rows(localised(timeline()))
        return super().get_context_data(events=events, panels=panels("dashboard"), **kwargs)


class PairPage(TemplateView):
    """Role, peer and synchronisation of this OMM; the one page that a standby serves.

    Strangers are told no more than the public status document tells; whoever signed in also
    sees the preflight list and the history of the roles.
    """

    template_name = "standby/pair.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        signed_in = isinstance(user, User) and not user.must_change_password
        may_act = isinstance(user, User) and user.has_full_access
        pair = PairContext(self.request)
        peer = pair.values.get("peer") or {}
        return super().get_context_data(
            may_act=may_act,
            signed_in=signed_in,
            maintenance=maintenance_now() if may_act else None,
            paths=list(enumerate(peer.get("paths") or ())),
            rules=rule_rows(pair.document),
            checks=preflight_list(pair) if signed_in else None,
            history=role_history(recent(selectors.role_changes())) if signed_in else [],
            **kwargs,
        )


def preflight_list(pair: PairContext) -> tuple[actions.Check, ...] | None:
    """The checks of a switch-over; None where there can be none or the runtime is silent."""
    if not pair.is_active or not pair.peer_origin:
        return None
    try:
        return actions.preflight(PREFLIGHT_PATIENCE)
    except actions.RuntimeSilent as error:
        log.warning("the preflight list could not be asked for: %s", error)
        return ()


def maintenance_now() -> Maintenance | None:
    """The maintenance that is on; None also when that cannot be read."""
    try:
        return maintenance_running(timezone.now())
    except DatabaseError:
        log.warning("the maintenance could not be read", exc_info=True)
        return None


def recent(events: QuerySet[Event]) -> list[Event]:
    """The newest of ``events``; none when they cannot be read: this page must work then, too."""
    try:
        return list(events[:HISTORY_SHOWN])
    except DatabaseError:
        log.warning("the events could not be read", exc_info=True)
        return []
