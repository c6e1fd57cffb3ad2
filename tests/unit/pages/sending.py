"""What a browser sends when somebody changes some fields of a page's form and saves."""

from __future__ import annotations

from typing import Any

from django.test import Client


def form_data(browser: Client, path: str, **changes: Any) -> dict[str, Any]:
    """All fields as the page at ``path`` shows them, but for ``changes``."""
    form = browser.get(path).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    wanted = {**shown, **changes}
    return {name: value for name, value in wanted.items() if value not in (None, False)}
