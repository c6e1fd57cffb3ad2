"""With ``CI=true`` a skipped test is a failed one: there everything that tests need is present."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the report of a skip into a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped, and CI=true allows no skip: {call.excinfo}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Modules that skip themselves as a whole count too."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped, and CI=true allows no skip"
    return report


def pytest_sessionfinish(exitstatus: int) -> None:
    """Leave the exit code where a script finds it: make reports one of its own."""
    if path := os.environ.get("PYTEST_STATUS_FILE"):
        Path(path).write_text(f"{int(exitstatus)}\n", encoding="utf-8")
