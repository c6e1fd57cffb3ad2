"""What the samples of the last hours cost: to take, to write, to keep few, to read for a chart.

``python -m tests.bench.samples ROUNDS`` measures in a process with one OMM's environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.stats import summary
from tests.pair import ROOT

LOOPED = 20_000
WRITES_A_ROUND = 25
READS_A_ROUND = 5
BEATS_AN_HOUR = 20 * 3600
"""Ten of each OMM a second: every one is listened to."""
LOOKS_AN_HOUR = 4 * 3600


def samples(directory: Path, rounds: int) -> dict[str, Any]:
    """All of it, in an OMM without a peer and without processes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMM_")}
    own = {"OMM_ADDRESS": "127.0.0.1", "OMM_DATA_DIR": str(directory), "OMM_ENV_FILE": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.samples", str(rounds)],
        cwd=ROOT,
        env={**kept, **own, "DJANGO_SETTINGS_MODULE": "omm_portal.settings"},
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _cpu(work: Callable[[], object], times: int) -> float:
    """Seconds of processor time that one call takes."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def _durations(work: Callable[[int], object], times: int) -> list[float]:
    found = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        found.append(time.perf_counter() - began)
    return found


def _measure(rounds: int) -> dict[str, Any]:
    from django.db import connections

    from standby.housekeeping import samples_clean_up
    from standby.models import Sample
    from standby.runtime.sampling import Interval
    from standby.samples import SPAN, sample_columns, samples_keep

    document = {
        "node": {"role": "active"},
        "peer": {"in_contact": True, "role": "standby", "latency_ms": 0.8},
        "journal": {"seq": 120, "peer_seq": 120, "unsafe": 0},
        "rfps": {"connected": 12},
    }
    interval, now = Interval(), int(time.time()) // SPAN * SPAN
    listen = _cpu(lambda: interval.note_silence(0.1, 17), LOOPED)
    look = _cpu(lambda: interval.note_document(document, 2.5, 0.25), LOOPED)
    first = now - 86400
    began = time.process_time()
    writes = _durations(
        lambda number: samples_keep([interval.sample(first + number * SPAN)]),
        rounds * WRITES_A_ROUND,
    )
    write = (time.process_time() - began) / len(writes)
    samples_keep([interval.sample(at) for at in range(first, now, SPAN)])
    samples_clean_up(now)
    reads = _durations(lambda _: sample_columns(now, 24), rounds * READS_A_ROUND)
    with connections["live"].cursor() as cursor:
        cursor.execute("SELECT SUM(pgsize) FROM dbstat WHERE name = 'standby_sample'")
        size = cursor.fetchone()[0]
    answer = json.dumps(sample_columns(now, 24), separators=(",", ":"))
    an_hour = listen * BEATS_AN_HOUR + look * LOOKS_AN_HOUR + write * 3600 / SPAN
    return {
        "write": summary(writes),
        "read_24h": summary(reads),
        "cpu_s_an_hour": round(an_hour, 2),
        "rows": Sample.objects.count(),
        "table_kb": round(size / 1024),
        "answer_kb": round(len(answer) / 1024, 1),
    }


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", database="live", verbosity=0)
    print(json.dumps(_measure(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
