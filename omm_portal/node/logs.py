"""Logs: one JSON object a line in a file of each process, readable lines on a terminal."""

import atexit
import contextlib
import json
import logging
import queue
import threading
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from omm_portal.node.env import NodeEnvironment

FILE_BYTES = 5_000_000
FILE_COUNT = 4
QUEUE_LINES = 10_000
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: at, level, logger, process, message, and what was added."""

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": record.getMessage(),
        }
        extra = {name: value for name, value in vars(record).items() if name not in OWN_FIELDS}
        line.update({name: value for name, value in extra.items() if name not in line})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def readable(line: str) -> str:
    """A line of a log file for people; a line that is no JSON object stays as it is."""
    try:
        entry = json.loads(line)
        text = f"{entry['at'][11:23]} {entry['process']:<10} {entry['level']:<7} {entry['message']}"
    except (ValueError, TypeError, KeyError):
        return line
    exception = entry.get("exception")
    return f"{text}\n{exception}" if exception else text


class BackgroundFileHandler(logging.Handler):
    """Writes to a rotated file from a thread of its own, so that no caller waits for the disk.

    When the disk stands still long enough to fill the queue, further lines are dropped.
    """

    def __init__(self, filename: str) -> None:
        super().__init__()
        Path(filename).parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(
            filename, maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8", delay=True
        )
        self._file.setFormatter(logging.Formatter("%(message)s"))
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUE_LINES)
        self._thread = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._started = False
        atexit.register(self.close)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record; never blocks."""
        try:
            self._queue.put_nowait(self.format(record))
        except queue.Full:
            return
        except (TypeError, ValueError):  # arguments that do not fit the message
            self.handleError(record)
        if not self._started:
            self._started = True
            self._thread.start()

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            self._file.emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Write what is queued (at most a second) and close the file."""
        if self._started:
            self._started = False
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
            self._thread.join(timeout=1.0)
        super().close()


def logging_config(node: NodeEnvironment) -> dict[str, Any]:
    """Django's LOGGING: a file for the node's own processes, the terminal for commands."""
    if node.process:
        handler: dict[str, Any] = {
            "class": "omm_portal.node.logs.BackgroundFileHandler",
            "filename": str(node.log_dir / f"{node.process}.log"),
            "formatter": "json",
        }
    else:
        handler = {"class": "logging.StreamHandler", "formatter": "plain"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "omm_portal.node.logs.JsonFormatter", "process": node.process},
            "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
        },
        "handlers": {"main": handler},
        "root": {"handlers": ["main"], "level": "INFO" if node.process else "WARNING"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            "axes": {"level": "ERROR"},  # a line for every wrong password: the events tell
            "psycopg.pool": {"level": "ERROR"},  # a line for every attempt: those who wait tell
        },
    }
