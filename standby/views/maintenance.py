"""Pages of the maintenance: begin it, knowing what it means, and end it."""

from __future__ import annotations

from typing import Any, cast

from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from omm_portal.forms import ConfirmForm
from omm_portal.pages import ConfirmPage
from standby.forms import MaintenanceForm
from standby.maintenance import (
    maintenance_begin,
    maintenance_end,
    maintenance_row,
    maintenance_running,
)
from standby.models import Maintenance
from standby.views.settings import Button
from standby.written import Written


class MaintenancePage(ConfirmPage):
    """No automatic takeover for a while: how long, and what that means."""

    form_class = MaintenanceForm
    done = "pair"
    title = gettext_lazy("Begin maintenance?")
    verb = gettext_lazy("Begin maintenance")
    full = True

    @cached_property
    def running(self) -> Maintenance | None:
        """The maintenance that is on already."""
        return maintenance_running(timezone.now())

    def get_initial(self) -> dict[str, Any]:
        return {"version": maintenance_row().version, "length": "60"}

    def consequences(self) -> list[str | Promise]:
        said: list[str | Promise] = [
            _(
                "No automatic takeover until then: if the active OMM fails, nobody telephones "
                "until it ends or somebody forces a takeover."
            ),
            _("Switch-over, forced takeover and reboot work as ever."),
            _("It ends by itself at its time; you can end it sooner."),
        ]
        if self.running is not None:
            text = _("The maintenance of %(owner)s until %(until)s UTC is replaced.")
            words = {
                "owner": self.running.owner,
                "until": f"{self.running.until:%Y-%m-%d %H:%M}",
            }
            said.append(text % words)
        return said

    def save(self, form: ConfirmForm) -> Written[Maintenance]:
        now = timezone.now()
        return maintenance_begin(
            until=cast("MaintenanceForm", form).end(now),
            reason=form.cleaned_data["reason"],
            now=now,
            expected_version=form.expected_version,
            actor=self.actor,
        )


class MaintenanceEnd(Button):
    """Have takeovers automatic again."""

    page = "pair"

    def end(self, actor: str) -> Written[Maintenance]:
        return maintenance_end(now=timezone.now(), actor=actor)
