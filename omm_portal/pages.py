"""What all pages share: who may see them, how a form saves, what people are told afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.generic import FormView

from omm_portal.accounts.drafts import Draft, draft_data, draft_rows, unsure_take
from omm_portal.accounts.models import User
from omm_portal.forms import ConfirmForm, GroupedForm, is_box, put_into
from omm_portal.versions import BASE, KEEP, TAKE, Compared, Comparison
from standby import journal
from standby.gate import GateClosed
from standby.replication import outcome
from standby.texts import local
from standby.written import Conflict, StaleObject, Written

Form = TypeVar("Form", bound=forms.Form)

if TYPE_CHECKING:

    class TypedFormView(FormView[Form]):
        """A form view that knows the type of its form."""

else:  # Django's views take no type parameters at run time

    class TypedFormView(FormView):
        """The same; the type is for readers."""

        def __class_getitem__(cls, _types):
            return cls


STALE = _("Somebody else saved this in the meantime. Nothing of yours is saved yet, nor lost.")
STALE_QUESTION = _("Somebody else changed this in the meantime. Is it still what you want?")
UNSURE = _(
    "The OMM went away while this was being saved: nobody knows whether it was saved. Compare what "
    "you typed with what is there now."
)
UNSURE_NEW = _(
    "The OMM went away while this was being saved: nobody knows whether it was saved. Look whether "
    "it is there already before you save it again."
)
GONE = _("Somebody else removed this in the meantime.")
AGAIN = _("Please type it again.")
UNSAFE = _("Saved on this OMM, but not yet on the other one: the change is not safe yet.")
UNSAFE_ALONE = _("Saved. There is no standby OMM, so this is the only copy.")
SAFE = _("Saved. The change is safe on both OMMs.")
UNCHANGED = _("Nothing was changed.")
BUSY = _("The OMM is busy at the moment. Please save again.")


def account(request: HttpRequest) -> User:
    """The signed-in user; raises PermissionDenied when there is none."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class SignedIn(AccessMixin):
    """Pages for people who signed in; ``full`` ones need full access to be seen at all.

    What alters something (POST) needs full access unless ``readers_may_post``.
    """

    full: ClassVar[bool] = False
    readers_may_post: ClassVar[bool] = False
    before_password_change: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse, or send on to what comes first, before the view's own work."""
        user = request.user
        if not isinstance(user, User):
            return self.handle_no_permission()
        if user.must_change_password and not self.before_password_change:
            return redirect("password")
        writes = request.method not in {"GET", "HEAD", "OPTIONS"}
        if not user.has_full_access and (self.full or (writes and not self.readers_may_post)):
            raise PermissionDenied(_("This needs an account with full access."))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return response


class Page(SignedIn, View):
    """A signed-in page."""


class ServicePage(SignedIn, TypedFormView[Form]):
    """A form whose ``save`` calls a service; every refusal keeps the typed text."""

    done: ClassVar[str] = "dashboard"
    """Name of the page that comes after a successful save."""
    has_safe_retry: ClassVar[bool] = True
    """A save that went through answers with a redirect, and may be sent twice: the second time it
    finds the first."""
    comparison: Comparison | None = None
    """Set when somebody else saved first: both versions side by side."""

    def get_success_url(self) -> str:
        return reverse(self.done)

    def save(self, form: Form) -> Written[Any]:
        """Call the service; may raise what services raise."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Adds the object that is edited, which may keep what must be unique."""
        kwargs = super().get_form_kwargs()
        return {**kwargs, "row_id": self.edited_id} if self.edited_id else kwargs

    def get_form(self, form_class: type[Form] | None = None) -> Form:
        """The form, for looking only when the user may not save."""
        form = super().get_form(form_class)
        if isinstance(form, GroupedForm) and not self.may_save:
            form.disable()
        return form

    @property
    def may_save(self) -> bool:
        """True when this user's POST is allowed."""
        user = self.request.user
        return self.readers_may_post or (isinstance(user, User) and user.has_full_access)

    @property
    def actor(self) -> str:
        """The name that the change log shows."""
        return account(self.request).username

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds ``may_save`` and ``history_of``: the object whose changes the page links to."""
        return super().get_context_data(
            may_save=self.may_save,
            history_of=self.edited_id,
            comparison=self.comparison,
            has_safe_retry=self.has_safe_retry,
            **kwargs,
        )

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form; with what was typed if the OMM went away while that was being saved."""
        draft = unsure_take(request) if self.may_save else None
        if draft is None:
            return super().get(request, *args, **kwargs)
        try:
            return self.show_unsure(draft)
        except Http404:
            typed = draft_rows({"forms": [draft]})
            return render(request, "gone.html", {"typed": typed}, status=404)

    def show_unsure(self, draft: Draft) -> HttpResponse:
        """What was typed, beside what is there now."""
        data = draft_data(draft)
        form = self.get_form_class()(**{**self.get_form_kwargs(), "data": data})
        theirs = self.get_initial()
        form.full_clean()
        form.add_error(None, UNSURE if self.edited_id is not None else UNSURE_NEW)
        for name, field in form.fields.items():
            if capfirst(str(field.label)) in draft["retype"]:
                form.add_error(name, AGAIN)
        if self.edited_id is not None and isinstance(form, GroupedForm):
            compared = self.compared(form, theirs, data.get("version"))
            self.comparison = compared.comparison()
        form.data = {**data.dict(), "version": str(theirs.get("version", ""))}
        return self.render_to_response(self.get_context_data(form=form))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save; or, between two versions, put the chosen one into the form."""
        try:
            if self.edited_id is not None and (TAKE in request.POST or KEEP in request.POST):
                return self.choose(request)
            return super().post(request, *args, **kwargs)
        except Http404:
            return self.gone(request)

    def gone(self, request: HttpRequest) -> HttpResponse:
        """Somebody removed the object before the save: what was typed can still be copied."""
        return render(
            request,
            "gone.html",
            {"typed": typed_text(self.get_form_class()(request.POST))},
            status=404,
        )

    def choose(self, request: HttpRequest) -> HttpResponse:
        """The form again, with the chosen version of a field; nothing is saved."""
        form = self.get_form()
        theirs = self.get_initial()
        compared = self.compared(form, theirs, request.POST.get(BASE))
        compared.choose(request.POST)
        put_into(form, {"version": str(theirs.get("version", ""))})
        self.comparison = compared.comparison()
        return self.render_to_response(self.get_context_data(form=form))

    def compared(self, form: Form, theirs: Mapping[str, Any], base: Any) -> Compared:
        """The form against the row as it is now, for somebody who began with version ``base``."""
        began = int(base) if str(base).isdecimal() and len(str(base)) < 10 else 0
        row_id = cast("UUID", self.edited_id)
        return Compared(form, theirs, row_id=row_id, base_version=began)

    @property
    def edited_id(self) -> UUID | None:
        """The object that the form is about; None for one that is yet to be made."""
        pk = self.kwargs.get("pk")
        return pk if isinstance(pk, UUID) else None

    def form_valid(self, form: Form) -> HttpResponse:
        """Save; a refusal shows the form again with its reason."""
        try:
            written = self.save(form)
        except ValidationError as error:
            add_errors(form, error)
        except StaleObject as error:
            self.show_stale(form, error)
        except Conflict as error:
            form.add_error(None, local(error.reason))
        except GateClosed as error:
            return self.refused(form, local(error.reason), 503)
        except journal.Busy:
            return self.refused(form, str(BUSY), 503)
        else:
            self.after_save(written)
            self.tell(written)
            return self.saved(written)
        return self.form_invalid(form)

    def saved(self, written: Written[Any]) -> HttpResponse:
        """The answer to a successful save."""
        return redirect(self.get_success_url())

    def tell(self, written: Written[Any]) -> None:
        """Say that it is saved, on the page that comes next."""
        say_saved(self.request, written)

    def after_save(self, written: Written[Any]) -> None:
        """What else follows a successful save."""

    def form_invalid(self, form: Form) -> HttpResponse:
        """The form again, with the typed text and what is wrong with it."""
        return self.render_to_response(self.get_context_data(form=form))

    def refused(self, form: Form, reason: str | Promise, status: int) -> HttpResponse:
        """The form again, because of a state that will pass."""
        form.add_error(None, str(reason))
        response = self.render_to_response(self.get_context_data(form=form), status=status)
        response.headers["Retry-After"] = "1"
        return response

    def show_stale(self, form: Form, error: StaleObject) -> None:
        """Keep the text and show theirs beside it; the next save is against what is there now."""
        if error.current is None:
            form.add_error(None, GONE)
            return
        began = form.data.get(BASE) or form.data.get("version")
        version = str(getattr(error.current, "version", ""))
        if self.edited_id is None or not getattr(form, "groups", ()):
            form.add_error(None, STALE_QUESTION)
        else:
            form.add_error(None, STALE)
            _ask_again(form)
            compared = self.compared(form, model_to_dict(error.current), began)
            compared.merge()
            self.comparison = compared.comparison()
        put_into(form, {"version": version})


def _ask_again(form: forms.Form) -> None:
    """Passwords are never sent back to the page, so they must be typed once more."""
    for name, field in form.fields.items():
        if isinstance(field.widget, forms.PasswordInput) and form.data.get(name):
            form.add_error(name, AGAIN)


def typed_text(form: forms.Form) -> list[tuple[str, str]]:
    """Labels and texts of the fields that somebody filled in; never a password."""
    return [
        (str(field.label), str(field.data))
        for field in form
        if field.data
        and not field.is_hidden
        and not is_box(field)
        and not isinstance(field.field.widget, forms.PasswordInput | forms.Select)
    ]


class ConfirmPage(ServicePage[ConfirmForm]):
    """Names what is about to happen before it happens."""

    form_class = ConfirmForm
    template_name = "confirm.html"
    title: ClassVar[str | Promise] = ""
    verb: ClassVar[str | Promise] = ""
    is_dangerous: ClassVar[bool] = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds the words of the page."""
        return super().get_context_data(
            title=self.get_title(),
            verb=self.verb,
            is_dangerous=self.is_dangerous,
            consequences=self.consequences(),
            cancel_url=self.get_success_url(),
            **kwargs,
        )

    def get_title(self) -> str:
        """The question."""
        return str(self.title)

    def consequences(self) -> list[str | Promise]:
        """What will happen, a sentence each."""
        return []


def add_errors(form: forms.Form, error: ValidationError) -> None:
    """Put a service's errors at their fields; what belongs to no field goes on top."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def say_saved(request: HttpRequest, written: Written[Any]) -> None:
    """Tell whether the change is on both OMMs; waits for that as the settings say."""
    if written.receipt is None:
        messages.info(request, UNCHANGED)
        return
    result = outcome(written.receipt)
    if result.safe:
        messages.success(request, SAFE)
    elif not settings.OMM.peer_address:
        messages.warning(request, UNSAFE_ALONE)
    else:
        messages.warning(request, UNSAFE, extra_tags=f"seq-{result.seq}")
