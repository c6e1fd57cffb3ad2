"""Logs: JSON lines in files, readable lines on the terminal, and nobody waits for either."""

import io
import json
import logging
import threading
from pathlib import Path

from omm_portal.node.logs import BackgroundFileHandler, JsonFormatter, readable
from omm_portal.node.terminal import LogTail, Terminal


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("omm.test", logging.WARNING, "here", 1, message, arguments, None)
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_what_was_added() -> None:
    line = JsonFormatter("web").format(record("lost %s\nof line two", "contact", role="active"))
    entry = json.loads(line)
    assert "\n" not in line
    assert entry["message"] == "lost contact\nof line two"
    assert (entry["process"], entry["level"], entry["role"]) == ("web", "warning", "active")
    assert "web" in readable(line)
    assert readable("no json") == "no json"


def test_lines_reach_the_file_in_order(tmp_path: Path) -> None:
    handler = BackgroundFileHandler(str(tmp_path / "one.log"))
    handler.setFormatter(JsonFormatter("one"))
    for number in range(100):
        handler.emit(record("line %d", number))
    handler.close()
    lines = (tmp_path / "one.log").read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == [f"line {n}" for n in range(100)]


def test_a_tail_follows_a_file_through_rotation(tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    path.write_text("old\n")
    tail = LogTail(path)
    with path.open("a") as handle:
        handle.write("first\nsec")
    assert tail.lines() == ["first"]
    with path.open("a") as handle:
        handle.write("ond\n")
    assert tail.lines() == ["second"]
    path.rename(tmp_path / "one.log.1")
    path.write_text("third\n")
    assert tail.lines() == ["third"]


def test_a_terminal_that_takes_nothing_delays_nobody() -> None:
    blocked = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            blocked.wait()
            return len(text)

    terminal = Terminal(Stuck())
    for number in range(10_000):
        terminal.show(str(number))
    blocked.set()
    terminal.close()
