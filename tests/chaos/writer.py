"""Administrators: REST writes to whichever OMM takes them, every answer written down.

``python -m tests.chaos.writer FILE SEED PAUSE TOKEN ADDRESS ADDRESS`` writes until its input ends.
A line of FILE is one write: when, where, what (``mark`` is its value, found nowhere else), the
answer's status (0: none came), its word (safe, unsafe) and its journal number.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standby.lease import boot_time

WEB_PORT = 8000
PATIENCE = 6.0
ADMINISTRATORS = 6
SHARED = 4
"""Base stations that everybody changes."""
OWN = 300
"""Base stations that an administrator keeps; older ones are deleted."""
LIST = 16
RETURNS = 0.4
"""How often somebody looks whether the OMM of his choice takes changes again."""
NOT_TAKEN = (307, 502, 503)
Line = dict[str, Any]


def shared_mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02X}"


@dataclass
class Administrator:
    """One person with one connection, who asks the other OMM when this one does not take it.

    Half of them like to return to the first OMM, half to the second: a split has both written to.
    """

    number: int
    chance: random.Random
    token: str
    addresses: list[str]
    shared: list[str]
    count: int = 0
    made: list[str] = field(default_factory=list)
    _at: int = field(init=False)
    _line: http.client.HTTPConnection | None = None

    def __post_init__(self) -> None:
        self._at = self.number % 2

    def write(self) -> Line:
        """One write and its answer."""
        self.count += 1
        if self._at != self.number % 2 and self.chance.random() < RETURNS:
            self._close()
            self._at = self.number % 2
        mark = f"w{self.number}x{self.count:06d}z"
        method, path, body, marks = self._choose(mark)
        line: Line = {"sent": boot_time(), "to": self.addresses[self._at], "method": method}
        line |= {"path": path, "marks": marks, "status": 0, "word": "", "seq": 0}
        try:
            self._ask(line, method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            line["error"] = f"{type(error).__name__}: {error}"
            self._close()
        line["answered"] = boot_time()
        if line["status"] in (0, *NOT_TAKEN):
            self._close()
            self._at = 1 - self._at
        return line

    def _choose(self, mark: str) -> tuple[str, str, Any, list[str]]:
        """Method, path, body, and what identifies each change that it makes."""
        what = self.chance.random()
        if len(self.made) > OWN:
            gone = self.made.pop(0)
            return "DELETE", f"/rfps/{gone}/", None, [f"delete {gone}"]
        if what < 0.12 or not self.made:
            several = [{"mac": self._mac(n), "name": f"{mark}{n}"} for n in range(LIST)]
            return "POST", "/rfps/", several, [rfp["name"] for rfp in several]
        if what < 0.14:
            return "POST", "/sites/", {"name": mark}, [mark]
        if what < 0.3:
            return "PATCH", f"/rfps/{self.chance.choice(self.shared)}/", {"building": mark}, [mark]
        return "PATCH", f"/rfps/{self.chance.choice(self.made)}/", {"room": mark}, [mark]

    def _mac(self, number: int) -> str:
        n = self.count * LIST + number
        return f"02:01:{self.number:02X}:{n >> 16 & 255:02X}:{n >> 8 & 255:02X}:{n & 255:02X}"

    def _ask(self, line: Line, method: str, path: str, body: Any) -> None:
        if self._line is None:
            self._line = http.client.HTTPConnection(line["to"], WEB_PORT, timeout=PATIENCE)
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        self._line.request(method, f"/api/v1{path}", text, headers)
        answer = self._line.getresponse()
        content = answer.read()
        line["status"] = answer.status
        line["word"] = answer.headers.get("OMM-Replication", "")
        line["seq"] = int(answer.headers.get("OMM-Journal-Seq", 0))
        if answer.status == http.client.CREATED and path == "/rfps/":
            self.made += [rfp["id"] for rfp in json.loads(content)]
        elif answer.status >= http.client.BAD_REQUEST:
            line["text"] = content[:300].decode(errors="replace")
        if answer.status == http.client.NOT_FOUND:
            gone = path.split("/")[2]
            self.made = [each for each in self.made if each != gone]

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def main() -> None:
    path, seed, pause, token, *addresses = sys.argv[1:]
    ended = threading.Event()
    setup = Administrator(99, random.Random(0), token, addresses, [])
    shared = _make_shared(setup)
    people = [
        Administrator(number, random.Random(f"{seed} {number}"), token, addresses, shared)
        for number in range(ADMINISTRATORS)
    ]
    with Path(path).open("a", buffering=1) as book:

        def work(person: Administrator) -> None:
            while not ended.is_set():
                line = person.write()
                book.write(json.dumps(line) + "\n")
                time.sleep(float(pause) * person.chance.uniform(0.5, 1.5))

        threads = [threading.Thread(target=work, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        ended.set()
        for thread in threads:
            thread.join()


def _make_shared(setup: Administrator) -> list[str]:
    """The base stations that everybody changes; made before anything goes wrong."""
    body = [{"mac": shared_mac(number)} for number in range(SHARED)]
    for _ in range(4):
        line: Line = {"to": setup.addresses[setup._at]}
        setup._ask(line, "POST", "/rfps/", body)
        if line["status"] == http.client.CREATED:
            return setup.made
        setup._close()
        setup._at = 1 - setup._at
    raise SystemExit(f"nobody takes changes: {line}")


if __name__ == "__main__":
    main()
