"""The German catalogue: gather every text of sources and templates, keep .po and .mo in step.

``python -m tests.catalogue`` (``make messages``) adds new texts to the .po, without a translation,
drops those that are gone, and compiles the .mo that the portal reads. Needs no gettext tools.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
SOURCES = ("omm_portal", "standby", "rfps")
TEMPLATES = "templates"
TRANSLATES_WHAT_OTHERS_SAY = {Path("standby/texts.py")}
"""Where the message id is no literal because it was made elsewhere."""

ONE, TWO = 1, 2
FUNCTIONS = {
    "django.utils.translation": {
        "gettext": ONE,
        "gettext_lazy": ONE,
        "gettext_noop": ONE,
        "ngettext": TWO,
        "ngettext_lazy": TWO,
    },
    "standby.domain.sentence": {"say": ONE, "say_count": TWO},
}
"""What marks a text, by the module that it is imported from: how many forms it is given."""
HEADERS = (
    "Language: de",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=UTF-8",
    "Content-Transfer-Encoding: 8bit",
    "Plural-Forms: nplurals=2; plural=(n != 1);",
)
_TEMPLATE_CALL = re.compile(r"(?<!\w)(gettext|ngettext|_)\((?=\s*[ur]?['\"])")

Id = str | tuple[str, str]


@dataclass(frozen=True)
class Found:
    """A text to be translated and where it stands."""

    id: Id
    path: Path
    line: int


class NotLiteral(Exception):
    """A text that is not written out, so that nobody can gather it."""


def gathered() -> list[Found]:
    """Every text of the portal in the order of files and lines; raises NotLiteral."""
    return [*_of_sources(), *_of_templates()]


def _of_sources() -> Iterator[Found]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT)
            if "migrations" not in name.parts and name not in TRANSLATES_WHAT_OTHERS_SAY:
                yield from texts_of_source(path.read_text(), name)


def texts_of_source(source: str, name: Path) -> Iterator[Found]:
    """The texts of one Python file."""
    tree = ast.parse(source)
    marks = _marks(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            forms = marks.get(node.func.id, 0)
            if forms:
                where = f"{name}:{node.lineno}"
                yield Found(_id(node.args[:forms], forms, where), name, node.lineno)


def _marks(tree: ast.Module) -> dict[str, int]:
    """The names by which this file calls what marks a text."""
    return {
        alias.asname or alias.name: FUNCTIONS[node.module][alias.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in FUNCTIONS
        for alias in node.names
        if alias.name in FUNCTIONS[node.module]
    }


def _id(arguments: list[ast.expr], forms: int, where: str) -> Id:
    texts = [arg.value for arg in arguments if isinstance(arg, ast.Constant)]
    if len(texts) != forms or not all(isinstance(text, str) for text in texts):
        raise NotLiteral(f"{where}: the text must be written out")
    return texts[0] if forms == ONE else (texts[0], texts[1])


def _of_templates() -> Iterator[Found]:
    for path in sorted((ROOT / TEMPLATES).rglob("*.html")):
        yield from texts_of_template(path.read_text(), path.relative_to(ROOT))


def texts_of_template(source: str, name: Path) -> Iterator[Found]:
    """The texts of one template."""
    calls = templatize(source)
    for match in _TEMPLATE_CALL.finditer(calls):
        forms = TWO if match[1] == "ngettext" else ONE
        line = calls.count("\n", 0, match.start()) + 1
        call = ast.parse(_call_at(calls, match.start(), match.end()), mode="eval").body
        assert isinstance(call, ast.Call)
        yield Found(_id(call.args[:forms], forms, f"{name}:{line}"), name, line)


def _call_at(text: str, start: int, end: int) -> str:
    """The whole call, whose arguments are string literals and names."""
    literal = r"""[ur]?'(?:[^'\\]|\\.)*'|[ur]?"(?:[^"\\]|\\.)*"|\w+"""
    arguments = re.compile(rf"\s*(?:{literal})(?:\s*,\s*(?:{literal}))*\s*\)", re.DOTALL)
    found = arguments.match(text, end)
    if found is None:
        raise NotLiteral(text[start : start + 60])
    return text[start : found.end()]


def catalogue() -> Catalog:
    """The .po as it is; an empty one when there is none."""
    if not PO.exists():
        return Catalog(locale="de")
    with PO.open("rb") as file:
        return read_po(file, locale="de")


def renewed(old: Catalog, found: Iterable[Found]) -> Catalog:
    """The texts that were found, with the translations that ``old`` has for them."""
    new = Catalog(locale="de", charset="utf-8")
    for one in found:
        known = old.get(one.id[0] if isinstance(one.id, tuple) else one.id)
        is_same = known is not None and known.id == one.id
        string = known.string if known is not None and is_same else None
        new.add(one.id, string, locations=[(one.path.as_posix(), one.line)])
    return new


def po_bytes(catalog: Catalog) -> bytes:
    """The .po file of a catalogue: no dates and no line numbers, which only make noise."""
    head = 'msgid ""\nmsgstr ""\n' + "".join(f'"{line}\\n"\n' for line in HEADERS) + "\n"
    body = BytesIO()
    write_po(body, catalog, omit_header=True, include_lineno=False, width=100)
    return head.encode() + body.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """The .mo file of a catalogue (GNU MO format, sorted, without a hash table)."""
    texts = {b"": "".join(f"{line}\n" for line in HEADERS).encode()}
    for message in catalog:
        if not message.id or not message.string:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        texts["\0".join(ids).encode()] = "\0".join(strings).encode()
    rows = sorted(texts.items())
    table = 7 * 4
    keys, values = b"", b""
    key_rows, value_rows = [], []
    for key, value in rows:
        key_rows.append((len(key), len(keys)))
        value_rows.append((len(value), len(values)))
        keys += key + b"\0"
        values += value + b"\0"
    keys_at = table + 16 * len(rows)
    numbers = [0x950412DE, 0, len(rows), table, table + 8 * len(rows), 0, keys_at]
    for length, offset in key_rows:
        numbers += [length, keys_at + offset]
    for length, offset in value_rows:
        numbers += [length, keys_at + len(keys) + offset]
    return struct.pack(f"<{len(numbers)}I", *numbers) + keys + values


def main() -> int:
    """Renew the .po and the .mo; tells how many texts wait for a translation."""
    new = renewed(catalogue(), gathered())
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(po_bytes(new))
    MO.write_bytes(mo_bytes(new))
    open_ids = [message.id for message in new if message.id and not is_translated(message.string)]
    for text in open_ids:
        sys.stdout.write(f"no German yet: {text!r}\n")
    return 1 if open_ids else 0


def is_translated(string: object) -> bool:
    """True when every form has a text."""
    forms = string if isinstance(string, tuple) else (string,)
    return len(forms) > 0 and all(forms)


if __name__ == "__main__":
    sys.exit(main())
