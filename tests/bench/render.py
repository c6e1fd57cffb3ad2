"""The tables of docs/benchmarks.md from the results."""

from __future__ import annotations

from typing import Any

from tests.pair import ROOT

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def write(results: dict[str, Any]) -> None:
    """Put the tables between the marks of the document."""
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{tables(results)}\n{END}{rest.split(END)[1]}")
    print(f"{DOCUMENT} written")


def tables(results: dict[str, Any]) -> str:
    """All tables as Markdown; what was not measured is left out."""
    return "\n".join(part for part in (_machine(results), *_parts(results)) if part)


def _machine(results: dict[str, Any]) -> str:
    found = [each["machine"] for each in results.values()]
    if not found:
        return ""
    one = found[0]
    loads = [each["load_before"] for each in found]
    syncs = [each["fsync_ms"] for each in found]
    rows = [
        ("processor", f"{one['processor']}, {one['cores']} cores, {one['memory_gb']} GB"),
        ("kernel, Python", f"{one['kernel']}, {one['python']}"),
        ("fsync of a 4 KiB block, median", f"{_span(syncs)} ms"),
        ("load average before each measurement", _span(loads)),
        ("measured", f"{min(e['at'] for e in found)} to {max(e['at'] for e in found)}"),
    ]
    return _table(("machine", ""), rows)


def _span(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines) + "\n"


DURATIONS = (
    ("sigkill_all", "role", "SIGKILL of every process: role", "median 50, p95 150"),
    ("sigkill_all", "gate", "the same: changes accepted", ""),
    ("sigkill_all", "answered", "the same: answered by the status endpoint", ""),
    ("sigkill_standby_worker", "role", "SIGKILL of the standby worker alone: role", ""),
    ("sigkill_standby_worker", "gate", "the same: changes accepted", ""),
    ("sigstop_all", "role", "SIGSTOP of every process: role", "median 700, max 1000"),
    ("sigstop_all", "gate", "the same: changes accepted", ""),
    ("switchover", "no_gate", "switch-over: no open gate", "median 100, max 300"),
    ("switchover", "no_commit", "the same: no commit of a steady writer", ""),
    ("sigterm", "no_gate", "SIGTERM: no open gate", "median 100, max 300"),
    ("sigterm", "no_commit", "the same: no commit of a steady writer", ""),
    ("commit_to_ack", "commit_to_ack", "COMMIT to acknowledgement", "median 20, p99 60"),
    ("commit_to_ack", "whole_change", "the whole change to acknowledgement", ""),
    ("split", "one_active", "split, 1,000 changes on each side: one active OMM", ""),
    ("split", "equal", "the same: equal journals", "median 2000"),
    ("split", "merged", "the same: all merged", "median 5000"),
    ("split", "healed", "the same: all merged, and equal journals", ""),
    ("split_conflicts", "merged", "the same with 10 % conflicts: all judged", ""),
    ("split_large", "equal", "split, 10,000 changes on each side: equal journals", ""),
    ("split_large", "merged", "the same: all merged", ""),
    ("start", "answer", "start of a node to its first answer", ""),
    ("start", "role", "start of a node to its role", ""),
    *(
        ("pages", name, text, goal)
        for name, text, goal in (
            ("list", "list of base stations, 50 of 4,096: answer", "median 60"),
            ("list_narrowed", "the same: by site, state and name", "median 60"),
            ("list_by_state", "the same: all, sorted by state", "median 60"),
            ("detail", "one base station: answer", "median 16"),
            ("dashboard", "dashboard: answer", ""),
            ("changes", "change log, 50 of 10,000 and more: answer", ""),
        )
    ),
    ("pixel_sigkill", "shown", "SIGKILL: the dashboard of the other OMM is shown", "median 1500"),
    ("pixel_sigkill", "left", "the same: the page leaves", ""),
    ("pixel_sigstop", "shown", "SIGSTOP: the dashboard of the other OMM is shown", "median 1500"),
    ("pixel_sigstop", "left", "the same: the page leaves", ""),
    ("sockets", "last", "1,000 open pages: COMMIT to the last page", "p95 500"),
    ("sockets", "half", "the same: to half of the pages", ""),
    ("sockets", "last_from_request", "the same: REST request to the last page", ""),
    ("samples", "write", "a sample of the last hours, written", ""),
    ("samples", "read_24h", "24 hours of samples, read for the charts", ""),
)


def _parts(results: dict[str, Any]) -> tuple[str, ...]:
    return (_durations(results), _others(results), _bytes(results), _memory(results))


def _durations(results: dict[str, Any]) -> str:
    rows = []
    for name, part, text, goal in DURATIONS:
        measured = results.get(name, {})
        found = measured.get("times", measured).get(part)
        if found and found["n"]:
            figures = [f"{found[key]:.1f}" for key in ("median_ms", "p95_ms", "p99_ms", "max_ms")]
            rows.append((text, found["n"], *figures, goal))
    head = ("milliseconds", "n", "median", "p95", "p99", "max", "goal")
    return _table(head, rows) if rows else ""


def _others(results: dict[str, Any]) -> str:
    rows: list[tuple[Any, ...]] = []
    if found := results.get("catch_up"):
        each = ", ".join(str(rate) for rate in found["rates_per_s"])
        text = f"catching up {found['entries']} entries, from the first contact on (each run)"
        rows.append((text, f"{each} entries/s", "at least 1000"))
    if found := results.get("heartbeat_gap"):
        text = (
            f"longest gap between heartbeats in {found['seconds']:g} s: {found['snapshots']} "
            f"snapshots of {found['rfps']} RFPs and {found['entries']} entries, all cores busy"
        )
        rows.append((text, f"{found['longest_gap_ms']:g} ms", "below 250 ms"))
        rows.append(("the same at the receiver", f"{found['receiver_longest_gap_ms']:g} ms", ""))
    for name in ("split", "split_large"):
        if found := results.get(name):
            text = f"longest gap between heartbeats while {found['changes']} changes are merged"
            rows.append((text, f"{found['longest_gap_ms']:g} ms", "below 250 ms"))
    if found := results.get("start"):
        rows.append(("first start, empty disk: answer", f"{found['empty_disk_answer_s']:g} s", ""))
        rows.append(("first start, empty disk: role", f"{found['empty_disk_role_s']:g} s", ""))
    if found := results.get("samples"):
        rows.append(("processor time for samples", f"{found['cpu_s_an_hour']:g} s an hour", ""))
        size = f"{found['rows']} rows, {found['table_kb']} KB; {found['answer_kb']:g} KB of JSON"
        rows.append(("24 hours of samples; an answer for the charts", size, ""))
    if found := results.get("sockets"):
        rows += _open_pages(found)
    return _table(("other", "measured", "goal"), rows) if rows else ""


def _bytes(results: dict[str, Any]) -> str:
    found = results.get("pages")
    if not found:
        return ""
    rows: list[tuple[Any, ...]] = [
        (
            name.replace("_", " "),
            found["times"][name]["processor_ms"],
            f"{size['first'] / 1000:.1f}",
            f"{size['later'] / 1000:.1f}",
        )
        for name, size in found["bytes"].items()
    ]
    head = ("page", "processor time of an answer, ms", "KB, first view", "KB, later views (150)")
    return _table(head, rows)


def _open_pages(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    memory, cores = found["web_mb"], found["web_cpu_cores"]
    right = f"{found['same_state']} of {found['sockets']}; {found['gaps']} gaps"
    used = f"{memory['with_sockets']} MB, without pages {memory['before']} MB"
    busy = f"{cores['idle']} cores at rest, {cores['changing']} during the changes"
    return [
        (f"{found['sockets']} open pages that hold the server's state", right, "all, none"),
        ("web process with them, PSS", used, ""),
        ("web process with them, processor", busy, ""),
        ("messages to them at rest", f"{found['messages_per_s']} a second", ""),
    ]


def _memory(results: dict[str, Any]) -> str:
    found = results.get("memory")
    if not found:
        return ""
    active, standby = found["active"], found["standby"]
    names = sorted(active["processes_mb"].keys() | standby["processes_mb"].keys())
    rows: list[tuple[Any, ...]] = [
        (name, active["processes_mb"].get(name, ""), standby["processes_mb"].get(name, ""))
        for name in names
    ]
    rows.append(("all", active["total_mb"], standby["total_mb"]))
    return _table(("PSS in MB", "active", "standby"), rows)
