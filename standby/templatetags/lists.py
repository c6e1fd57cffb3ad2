"""Template tags of lists: heads that sort, links to pages, numbers with separators."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from omm_portal.tables import ORDERING, PAGE, Sorting, TablePage

register = template.Library()

REGION = SafeString(
    'hx-target="#list" hx-select="#list" hx-select-oob="#list-count:innerHTML"'
    ' hx-swap="outerHTML show:none" hx-sync="#list-card:replace"'
)
"""With a script only the list is exchanged; the address and the way back are as without one."""


@register.simple_tag
def list_links() -> SafeString:
    """Attributes of an element whose links lead to other views of the same list."""
    return format_html('hx-boost="true" {}', REGION)


@register.simple_tag
def list_form(path: str) -> SafeString:
    """Attributes of the form that narrows a list: it answers while somebody types."""
    trigger = "input changed delay:300ms, submit"
    return format_html('hx-get="{}" hx-trigger="{}" hx-push-url="true" {}', path, trigger, REGION)


@register.simple_tag(takes_context=True)
def sort_header(context: template.Context, column: str, text: str, css: str = "") -> SafeString:
    """A column's head: a link that sorts by it and says how the list is sorted now."""
    sorting: Sorting = context["sorting"]
    is_current = sorting.column == column
    state = ("desc" if sorting.descending else "asc") if is_current else ""
    words = {"asc": "ascending", "desc": "descending"}
    return format_html(
        '<th scope="col"{}{}><a class="table-sort {}" id="sort-{}" href="{}">{}</a></th>',
        format_html(' class="{}"', css) if css else "",
        format_html(' aria-sort="{}"', words[state]) if is_current else "",
        state,
        column,
        _address(context, {ORDERING: sorting.next_for(column)}),
        text,
    )


@register.simple_tag(takes_context=True)
def page_address(context: template.Context, number: int) -> str:
    """The address of another page of the same list."""
    return _address(context, {PAGE: str(number) if number > 1 else ""})


def _address(context: template.Context, changed: dict[str, str]) -> str:
    """This address with some parameters changed, on its first page; empty ones are left out."""
    view: TablePage[Any] = context["view"]
    query = view.remaining({PAGE, *changed})
    query.update({name: value for name, value in changed.items() if value})
    return view.address(query)


@register.filter
def grouped(value: int) -> str:
    """A number with separators between thousands, as the language writes it."""
    return number_format(value, use_l10n=True, force_grouping=True)
