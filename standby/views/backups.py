"""Pages of back-ups: the list, making one, taking a file in, restoring."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, ClassVar

from django.contrib import messages
from django.forms import model_to_dict
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from omm_portal.forms import ConfirmForm
from omm_portal.pages import ConfirmPage, Page, ServicePage, account
from omm_portal.tables import TablePage
from standby import selectors, services
from standby.backup import files
from standby.backup.errors import BackupError
from standby.backup.files import Stored
from standby.backup.forms import (
    BackupMakeForm,
    BackupSettingsForm,
    BackupUploadForm,
    RestoreForm,
    first_choice,
)
from standby.backup.planning import Plan
from standby.backup.restoring import Outdated, Restored
from standby.backup.rows import model_rows
from standby.backup.services import backup_make, backup_plan, backup_restore, backup_take_in
from standby.models import BackupSettings, Event
from standby.texts import local
from standby.written import Written

MADE = gettext_lazy("The back-up is made. Keep a copy of the file elsewhere, too.")
TAKEN_IN = gettext_lazy("The file is whole and kept on this OMM.")
TAKEN_IN_SEALED = gettext_lazy(
    "The file is kept on this OMM. Whether it is whole shows once its passphrase opens it."
)
REMOVED = gettext_lazy("The back-up is removed from this OMM.")


def _found(backup_id: str) -> Stored:
    one = files.stored(backup_id)
    if one is None:
        raise Http404
    return one


class BackupListPage(TablePage[Event]):
    """The back-ups that this OMM keeps; they are files, no rows of the database."""

    full = True
    template_name = "standby/backup_list.html"
    columns: ClassVar = {
        "made": (attrgetter("made_at"),),
        "kind": (attrgetter("kind"),),
        "size": (attrgetter("size"),),
    }
    default_ordering = "-made"

    def get_queryset(self) -> Any:
        return files.stored_list()

    def ordered(self, rows: list[Stored]) -> list[Stored]:
        (key,) = self.columns[self.sorting.column]
        return sorted(rows, key=key, reverse=self.sorting.descending)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(settings_row=selectors.backup_settings(), **kwargs)


class BackupFile(Page):
    """The file itself."""

    full = True

    def get(self, request: HttpRequest, backup_id: str) -> FileResponse:
        """Download it."""
        one = _found(backup_id)
        return FileResponse(one.path.open("rb"), as_attachment=True, filename=one.name)


class BackupMakePage(ServicePage[BackupMakeForm]):
    """Make one by hand."""

    full = True
    form_class = BackupMakeForm
    template_name = "standby/backup_new.html"
    done = "backup-list"

    def save(self, form: BackupMakeForm) -> Written[Stored]:
        one = backup_make(
            now=timezone.now(),
            actor=self.actor,
            passphrase=form.cleaned_data["passphrase"],
        )
        return Written(one, None)

    def tell(self, written: Written[Any]) -> None:
        messages.success(self.request, MADE)


class BackupUploadPage(ServicePage[BackupUploadForm]):
    """Take a file in."""

    full = True
    form_class = BackupUploadForm
    template_name = "standby/backup_upload.html"

    def save(self, form: BackupUploadForm) -> Written[Stored]:
        one = backup_take_in(chunks=form.cleaned_data["file"].chunks(), now=timezone.now())
        return Written(one, None)

    def tell(self, written: Written[Any]) -> None:
        is_encrypted = written.value.is_encrypted
        messages.success(self.request, TAKEN_IN_SEALED if is_encrypted else TAKEN_IN)

    def saved(self, written: Written[Stored]) -> HttpResponse:
        return redirect("backup", backup_id=written.value.id)


class BackupDeletePage(ConfirmPage):
    """Ask before a file goes."""

    full = True
    done = "backup-list"
    verb = gettext_lazy("Remove back-up")

    @cached_property
    def one(self) -> Stored:
        """The back-up of this page."""
        return _found(self.kwargs["backup_id"])

    def get_title(self) -> str:
        return _("Remove the back-up %(name)s?") % {"name": self.one.name}

    def consequences(self) -> list[str | Promise]:
        return [_("The file is removed from this OMM. Copies elsewhere stay.")]

    def save(self, form: ConfirmForm) -> Written[None]:
        files.remove(self.one)
        return Written(None, None)

    def tell(self, written: Written[Any]) -> None:
        messages.success(self.request, REMOVED)


class RestorePage(ServicePage[RestoreForm]):
    """What a back-up would change, and restoring just that."""

    full = True
    form_class = RestoreForm
    template_name = "standby/backup.html"
    done = "change-list"
    plan: Plan | None = None

    @cached_property
    def one(self) -> Stored:
        """The back-up of this page."""
        return _found(self.kwargs["backup_id"])

    @property
    def kept(self) -> frozenset[str]:
        """Nobody locks themselves out: the own account stays."""
        return frozenset({str(account(self.request).pk)})

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "one": self.one}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.get("form") or self.get_form()
        if self.request.method == "GET" and not self.one.is_encrypted:
            self.look(form)
        plan = self.plan
        shown = model_rows(plan) if plan else []
        return super().get_context_data(
            **{**kwargs, "form": form},
            one=self.one,
            plan=plan,
            models=[each for each in shown if not each.is_calm],
            calm=[each.what for each in shown if each.is_calm],
            notes=[local(note) for note in plan.notes] if plan else [],
        )

    def look(self, form: RestoreForm) -> None:
        """Make the plan that the page shows; what speaks against it is an error of the form."""
        is_bound = form.is_bound
        choice = form.choice(self.kept) if is_bound else first_choice(self.kept)
        passphrase = form.cleaned_data.get("passphrase", "") if is_bound else ""
        try:
            self.plan = backup_plan(self.one, choice, passphrase=passphrase)
        except BackupError as problem:
            if is_bound:
                form.add_error(None, local(problem.reason))
            else:
                messages.error(self.request, local(problem.reason))

    def form_valid(self, form: RestoreForm) -> HttpResponse:
        """Restore what was shown, or show what is ticked now."""
        if "restore" in self.request.POST:
            return super().form_valid(form)
        self.look(form)
        return self.render_to_response(self.get_context_data(form=form))

    def save(self, form: RestoreForm) -> Written[Restored]:
        try:
            return backup_restore(
                self.one,
                form.choice(self.kept),
                passphrase=form.cleaned_data.get("passphrase", ""),
                seen=self.request.POST.get("seen", ""),
                actor=self.actor,
            )
        except Outdated as refusal:
            self.plan = refusal.plan
            raise


class BackupSettingsPage(ServicePage[BackupSettingsForm]):
    """When back-ups are made by themselves."""

    full = True
    form_class = BackupSettingsForm
    template_name = "standby/backup_settings.html"
    done = "backup-list"
    edited_id = services.BACKUP_ID

    def get_initial(self) -> dict[str, Any]:
        row = selectors.backup_settings()
        return {**model_to_dict(row), "version": row.version}

    def save(self, form: BackupSettingsForm) -> Written[BackupSettings]:
        return services.backup_settings_update(
            changes=form.values(), expected_version=form.expected_version, actor=self.actor
        )
