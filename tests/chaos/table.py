"""All results as one table: a line for each kind of cell, with and without busy cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Result = dict[str, Any]


def _total(results: Sequence[Result], *names: str) -> float:
    total = 0.0
    for result in results:
        value: Any = result
        for name in names:
            value = value.get(name, 0) if isinstance(value, dict) else 0
        total += len(value) if isinstance(value, list) else value
    return total


def _most(results: Sequence[Result]) -> str:
    back = [ms for result in results for ms in result.get("back_ms", [])]
    return f"{max(back):.0f}" if back else ""


COLUMNS: tuple[tuple[str, Callable[[Sequence[Result]], str]], ...] = (
    ("cells", lambda r: str(len(r))),
    ("failed", lambda r: str(sum(not each["held"] for each in r))),
    ("safe", lambda r: f"{_total(r, 'account', 'safe'):.0f}"),
    ("safe lost", lambda r: f"{_total(r, 'account', 'lost_safe'):.0f}"),
    ("unsafe", lambda r: f"{_total(r, 'account', 'unsafe'):.0f}"),
    ("unsafe lost", lambda r: f"{_total(r, 'account', 'lost_unsafe'):.0f}"),
    ("set aside", lambda r: f"{_total(r, 'account', 'set_aside'):.0f}"),
    ("takeovers", lambda r: f"{_total(r, 'takeovers'):.0f}"),
    ("false", lambda r: f"{_total(r, 'false_takeovers'):.0f}"),
    ("both accept ms", lambda r: f"{_total(r, 'both_accepting_ms'):.0f}"),
    ("back ms", _most),
    ("nobody s", lambda r: f"{_total(r, 'nobody_ms') / 1000:.1f}"),
    ("whole s", lambda r: f"{max(each.get('whole_after', 0) for each in r):.1f}"),
)


def table(results: Sequence[Result]) -> str:
    """Markdown; ``back ms`` and ``whole s`` are the worst, all other numbers are sums."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        busy = " (busy)" if result.get("busy") else ""
        groups.setdefault(f"{result.get('cell', '?')}{busy}", []).append(result)
    names = ("cell", *(name for name, _ in COLUMNS))
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for name, group in (*sorted(groups.items()), ("all", list(results))):
        cells = (name, *(show(group) for _, show in COLUMNS))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
