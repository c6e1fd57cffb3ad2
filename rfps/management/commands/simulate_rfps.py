"""``manage.py simulate_rfps``: base stations that are not there, for trials and tests."""

import asyncio
import ipaddress
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rfps.simulator import fleet
from rfps.simulator.station import Fault


class Command(BaseCommand):
    """Prints one JSON line for every change of a base station."""

    help = "Simulate base stations that try the given OMM addresses in turn."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options of the command."""
        parser.add_argument(
            "--omm",
            action="append",
            required=True,
            metavar="ADDRESS",
            help="address of an OMM; give both of a pair",
        )
        parser.add_argument("--port", type=int, default=16321)
        parser.add_argument("--count", type=int, default=1, help="how many base stations")
        parser.add_argument(
            "--first-mac",
            default="00:30:42:00:00:01",
            help="MAC address of the first; the others follow",
        )
        parser.add_argument("--source", help="address that connections come from")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="where the keys are kept over a restart"
        )
        parser.add_argument(
            "--handshakes",
            type=int,
            default=fleet.HANDSHAKES,
            help="how many begin at once (default %(default)s)",
        )
        parser.add_argument("--fault", action="append", default=[], metavar="KIND:COUNT",
                            help="the last COUNT do this wrong: " + ", ".join(Fault))  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        try:
            omms = [str(ipaddress.ip_address(each)) for each in options["omm"]]
            addresses = fleet.macs(options["first_mac"], options["count"])
            faults = _faults(options["fault"], options["count"])
            keys = fleet.Keys(options["keys"])
        except (ValueError, OSError) as problem:
            raise CommandError(str(problem)) from None
        if not 1 <= options["port"] <= 65535 or options["handshakes"] < 1:
            raise CommandError("--port is 1 to 65535, --handshakes at least 1")
        asyncio.run(
            fleet.run(
                omms=omms,
                port=options["port"],
                addresses=addresses,
                tell=_print,
                keys=keys,
                faults=faults,
                source=options["source"],
                handshakes=options["handshakes"],
            )
        )


def _print(change: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(change) + "\n")
    sys.stdout.flush()


def _faults(words: list[str], count: int) -> dict[int, Fault]:
    """Which base station does what wrong, from the last one backwards; raises ValueError."""
    faults: dict[int, Fault] = {}
    left = count
    for word in words:
        kind, _, many = word.partition(":")
        for _ in range(int(many or 1)):
            left -= 1
            if left < 0:
                raise ValueError("more faults than base stations")
            faults[left] = Fault(kind)
    return faults
