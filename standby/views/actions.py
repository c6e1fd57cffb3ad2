"""What people do to the pair: switch over, reboot, force a takeover."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from omm_portal.forms import ConfirmForm
from omm_portal.pages import (
    ConfirmPage,
)
from standby import actions
from standby.context import PairContext
from standby.forms import (
    TakeoverForm,
)
from standby.texts import local

SILENT = gettext_lazy("The standby process of this OMM gives no answer. Is it running?")

log = logging.getLogger(__name__)


class ActionPage(ConfirmPage):
    """Says what an action of the pair will do, then asks the runtime to do it."""

    done = "pair"
    template_name = "standby/action.html"
    full = True
    checks: tuple[actions.Check, ...] = ()

    @property
    def pair(self) -> PairContext:
        """The pair as this request finds it."""
        return PairContext(self.request)

    def act(self) -> actions.ActionAnswer:
        """Ask the runtime."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        failed = any(not check.ok for check in self.checks)
        return super().get_context_data(checks=self.checks, is_refused=failed, **kwargs)

    def reconnecting(self) -> str:
        """How many base stations lose their connection for a moment."""
        rfps = self.pair.values.get("rfps") or {}
        count = int((rfps.get("connected") if self.pair.is_active else rfps.get("configured")) or 0)
        if self.pair.is_active:
            text = ngettext(
                "Interrupted: %(count)s base station is connected to this OMM; it connects to the "
                "other one by itself.",
                "Interrupted: %(count)s base stations are connected to this OMM; they connect to "
                "the other one by themselves.",
                count,
            )
        else:
            text = ngettext(
                "Interrupted: %(count)s base station is configured; if connected, it connects to "
                "this OMM by itself.",
                "Interrupted: %(count)s base stations are configured; those that are connected "
                "connect to this OMM by themselves.",
                count,
            )
        return text % {"count": count}

    def form_valid(self, form: ConfirmForm) -> HttpResponse:
        """Act; what speaks against it is shown on the same page."""
        try:
            answer = self.act()
        except actions.RuntimeSilent as error:
            log.warning("an action could not be asked for: %s", error)
            return self.refused(form, SILENT, 503)
        if answer.accepted:
            messages.info(self.request, local(answer.reason) or _("Accepted."))
            return redirect(self.get_success_url())
        self.checks = answer.checks
        return self.refused(form, local(answer.reason) or _("Not accepted."), 409)


class SwitchoverPage(ActionPage):
    """Hand the active role over."""

    title = gettext_lazy("Switch over to the other OMM?")
    verb = gettext_lazy("Switch over")
    is_dangerous = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """With the preflight list, if the runtime answers."""
        try:
            self.checks = actions.preflight()
        except actions.RuntimeSilent as error:
            log.warning("the preflight list could not be asked for: %s", error)
            messages.error(request, SILENT)
        return super().get(request, *args, **kwargs)

    def consequences(self) -> list[str | Promise]:
        return [
            _("The other OMM becomes active, this one standby; neither is restarted."),
            _("Every confirmed change is on the other OMM before it takes over."),
            self.reconnecting(),
            _("Open pages move there by themselves and stay signed in."),
        ]

    def act(self) -> actions.ActionAnswer:
        return actions.switchover(actor=self.actor)


class RebootPage(ActionPage):
    """Restart this OMM."""

    title = gettext_lazy("Reboot this OMM?")
    verb = gettext_lazy("Reboot")

    def consequences(self) -> list[str | Promise]:
        if not self.pair.is_active:
            return [
                _("This standby OMM stops and starts again; the active one carries on."),
                _("Until it is back there is no standby: changes are not safe meanwhile."),
            ]
        first = _("This OMM hands its role over to the other one, then stops and starts again.")
        if not self.pair.peer_origin:
            first = _("No standby OMM is configured: nothing is served until it is back.")
            return [first, self.interrupted_alone()]
        back = _("When it is back it is standby; it does not take the role back.")
        return [first, self.reconnecting(), back]

    def interrupted_alone(self) -> str:
        """How many base stations are without any OMM meanwhile."""
        count = int((self.pair.values.get("rfps") or {}).get("connected") or 0)
        text = ngettext(
            "Interrupted: %(count)s base station is connected and has no OMM meanwhile.",
            "Interrupted: %(count)s base stations are connected and have no OMM meanwhile.",
            count,
        )
        return text % {"count": count}

    def act(self) -> actions.ActionAnswer:
        return actions.reboot(actor=self.actor)


class TakeoverPage(ActionPage):
    """Force the active role onto this OMM."""

    form_class = TakeoverForm
    title = gettext_lazy("Force this OMM to become active?")
    verb = gettext_lazy("Force takeover")

    def consequences(self) -> list[str | Promise]:
        return [
            _("This OMM becomes active even if the SIP proxy does not answer it."),
            _("If the other OMM is active and in contact, this is a switch-over."),
            self.reconnecting(),
            _(
                "If it is active but out of contact, both are active until they meet again: "
                "changes of one side are then set aside for review."
            ),
        ]

    def act(self) -> actions.ActionAnswer:
        return actions.takeover(actor=self.actor, force=True)
