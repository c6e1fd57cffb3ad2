"""Rules of all templates and scripts: nothing inline, nothing untranslated by accident."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pair import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_nothing_inline(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\bhx-on", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "|safe" not in text
    assert "autoescape off" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_never_writes_markup(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    assert len(text.splitlines()) < 300


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_keeps_nothing_but_the_look(path: Path) -> None:
    kept = re.findall(r"localStorage\.\w+\(|sessionStorage|indexedDB", path.read_text())
    assert path.name == "theme.js" or not kept, "tickets are never kept"


def test_icons_that_are_used_exist() -> None:
    sprite = (ROOT / "static" / "img" / "icons.svg").read_text()
    known = set(re.findall(r'<symbol id="([a-z]+)"', sprite))
    used = {
        name for path in TEMPLATES for name in re.findall(r'{% icon "(\w+)" %}', path.read_text())
    }
    used |= {
        name
        for path in TEMPLATES
        for name in re.findall(r'{% nav "[\w-]+" "(\w+)"', path.read_text())
    }
    assert used <= known
