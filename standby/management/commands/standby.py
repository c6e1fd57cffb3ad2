"""``manage.py standby``: ask the running OMM of this host about the pair, or tell it to act."""

import json
import os
import pwd
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from omm_portal.node.process import start_ticks
from omm_portal.node.runfiles import read_process_list
from standby.backup import shell
from standby.gate import GateClosed
from standby.journal import Busy
from standby.link.control import ControlError, ControlUnavailable, call
from standby.maintenance import is_on, maintenance_begin, maintenance_end, maintenance_row
from standby.models import Maintenance
from standby.replication import outcome
from standby.services import secret_rotate
from standby.written import Conflict, Written

ANSWER_SECONDS = 5.0
STOP_SECONDS = 20.0

Answer = dict[str, Any]
Saved = TypeVar("Saved")


class Command(BaseCommand):
    """One sub-command for each thing a person may want of the pair."""

    help = "Show the pair's status, or switch over, take over, reboot or shut down this OMM."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The sub-commands; each takes ``--json``."""
        actions = parser.add_subparsers(dest="action", required=True)
        for name, text in (
            ("status", "show the status document"),
            ("switchover", "hand the active role over to the peer"),
            ("reboot", "restart this OMM; an active one hands over first"),
            ("shutdown", "stop this OMM; an active one hands over first"),
        ):
            _json_option(actions.add_parser(name, help=text))
        takeover = actions.add_parser("takeover", help="make this OMM active")
        takeover.add_argument("--force", action="store_true", help="even without a SIP answer")
        takeover.add_argument(
            "--confirm", metavar="ADDRESS", help="the peer's address, for --force"
        )
        _json_option(takeover)
        rotate = actions.add_parser(
            "rotate-secret", help="wrap stored secrets with a new pair secret"
        )
        rotate.add_argument(
            "--alone", action="store_true", help="although the other OMM may not know it yet"
        )
        _json_option(rotate)
        maintenance = actions.add_parser("maintenance", help="no automatic takeover for a while")
        end = maintenance.add_mutually_exclusive_group()
        end.add_argument(
            "--for", dest="minutes", type=float, metavar="MINUTES", help="begin; at most 1440"
        )
        end.add_argument("--end", action="store_true", help="have takeovers automatic again")
        maintenance.add_argument("--reason", default="", help="shown to everybody")
        _json_option(maintenance)

        shell.add_arguments(actions)

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry out one action; a refusal or a node that does not run ends with exit code 1."""
        handlers: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "status": self._status,
            "takeover": self._takeover,
            "maintenance": self._maintenance,
            "rotate-secret": self._rotate_secret,
            "shutdown": self._shutdown,
            "backup": lambda given: shell.backup(given, os_user()),
            "restore": shell.preview,
        }
        handler = handlers.get(options["action"], self._plain)
        answer = handler(options)
        if options["json"]:
            document = answer.get("document", answer)
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
        elif options["action"] == "status":
            self.stdout.write("\n".join(status_lines(answer["document"])))
        elif options["action"] in ("maintenance", "rotate-secret", "backup", "restore"):
            safe = f" ({answer['replication']})" if "replication" in answer else ""
            self.stdout.write(f"{answer['reason']}{safe}")
        else:
            self.stdout.write("\n".join(action_lines(answer)))
        if not (answer.get("ok") and answer.get("accepted", True)):
            raise SystemExit(1)

    def _status(self, options: dict[str, Any]) -> Answer:
        return _ask({"command": "status"})

    def _plain(self, options: dict[str, Any]) -> Answer:
        return _ask({"command": options["action"], "actor": os_user()})

    def _takeover(self, options: dict[str, Any]) -> Answer:
        if options["force"]:
            self._demand_confirmation(options["confirm"])
        return _ask({"command": "takeover", "actor": os_user(), "force": options["force"]})

    def _demand_confirmation(self, typed: str | None) -> None:
        """Taking over by force is confirmed with the peer's address."""
        peer = settings.OMM.peer_address
        if not peer:
            return
        if typed is None:
            try:
                typed = input(f"Type the peer's address ({peer}) to take over by force: ")
            except EOFError:
                typed = ""
        if typed.strip() != peer:
            raise CommandError("not confirmed: that is not the peer's address")

    def _maintenance(self, options: dict[str, Any]) -> Answer:
        """Begin, replace or end the maintenance; without an option: show it."""
        if options["minutes"] is None and not options["end"]:
            return _maintenance_answer(maintenance_row())
        return _changed(lambda: _maintenance_written(options), _maintenance_answer)

    def _rotate_secret(self, options: dict[str, Any]) -> Answer:
        """Wrap the keys of stored secrets anew, if the other OMM can read them afterwards."""
        if not options["alone"]:
            peer = _ask({"command": "secret"})
            if not peer.get("ok"):
                why = f"{peer.get('reason')}: it could not read stored secrets afterwards"
                return {"ok": False, "reason": f"{why} (--alone does it nevertheless)"}
        return _changed(lambda: secret_rotate(actor=os_user(), source="cli"), _rotation_answer)

    def _shutdown(self, options: dict[str, Any]) -> Answer:
        rows = read_process_list(settings.OMM.pids_path)
        answer = _ask({"command": "stop", "actor": os_user()}, supervisor=True)
        deadline = time.monotonic() + settings.OMM.handover_wait + STOP_SECONDS
        while answer.get("ok") and any(start_ticks(row["pid"]) is not None for row in rows):
            if time.monotonic() > deadline:
                return {"ok": False, "reason": "this OMM has not stopped yet"}
            time.sleep(0.05)
        return {**answer, "reason": "this OMM has stopped"}


def _json_option(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def os_user() -> str:
    """The name of the person at this host's shell."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _ask(message: Answer, *, supervisor: bool = False) -> Answer:
    """One request to the running node; raises CommandError when it gives no answer."""
    node = settings.OMM
    socket = node.supervisor_socket if supervisor else node.control_socket
    try:
        return call(socket, message, node.handover_wait + ANSWER_SECONDS)
    except ControlUnavailable:
        raise CommandError(f"no OMM runs on {node.data_dir} (start it: manage.py omm)") from None
    except ControlError as problem:
        raise CommandError(f"this OMM gives no answer: {problem}") from None


def _changed(save: Callable[[], Written[Saved]], told: Callable[[Saved], Answer]) -> Answer:
    """Save a change from the shell; the answer, or why it was refused."""
    try:
        written = save()
    except GateClosed as refusal:
        return {"ok": False, "reason": f"{refusal.reason} {_ask_the_other()}".strip()}
    except Conflict as refusal:
        return {"ok": False, "reason": refusal.reason}
    except ValidationError as problem:
        raise CommandError("; ".join(problem.messages)) from None
    except Busy:
        raise CommandError("the OMM is busy at the moment; try again") from None
    return {**told(written.value), "replication": outcome(written.receipt).word}


def _rotation_answer(count: int) -> Answer:
    done = f"{count} wrapped anew" if count else "all wrapped with it already"
    return {"ok": True, "reason": f"keys of stored secrets: {done}", "wrapped": count}


def _maintenance_written(options: dict[str, Any]) -> Written[Maintenance]:
    now = timezone.now()
    if options["end"]:
        return maintenance_end(now=now, actor=os_user(), source="cli")
    try:
        until = now + timedelta(minutes=options["minutes"])
    except (ValueError, OverflowError):
        raise CommandError("--for must be a number of minutes, at most 1440") from None
    return maintenance_begin(
        until=until, reason=options["reason"], now=now, actor=os_user(), source="cli"
    )


def _maintenance_answer(row: Maintenance) -> Answer:
    if not is_on(row, timezone.now()) or row.until is None:
        return {"ok": True, "reason": "no maintenance is on", "maintenance": None}
    why = f": {row.reason}" if row.reason else ""
    return {
        "ok": True,
        "reason": f"maintenance by {row.owner} until {row.until:%Y-%m-%d %H:%M} UTC{why}",
        "maintenance": {
            "owner": row.owner,
            "reason": row.reason,
            "until": row.until.isoformat(),
        },
    }


def _ask_the_other() -> str:
    peer = settings.OMM.peer_address
    return f"Ask on the active OMM; the other one is {peer}." if peer else ""


def action_lines(answer: Answer) -> list[str]:
    """What became of an action, for people: the verdict, then each check that speaks against it."""
    accepted = answer.get("ok") and answer.get("accepted", True)
    lines = [f"{'accepted' if accepted else 'refused'}: {answer.get('reason') or 'done'}"]
    for check in answer.get("checks") or ():
        mark = "ok    " if check.get("ok") else "FAILED"
        advice = "" if check.get("ok") else f" - {check.get('advice', '')}"
        lines.append(f"  {mark} {check.get('name')}: {check.get('message')}{advice}")
    return lines


def status_lines(document: Answer) -> list[str]:
    """The status document for people."""
    node, peer, journal = document["node"], document["peer"], document["journal"]
    in_sync = "synchronised" if node["synchronised"] else "not synchronised"
    lines = [
        f"this OMM  {node['address']}: {node['role']}, term {node['term']}, {in_sync}",
        f"because   {document['reason']}",
    ]
    if peer is None:
        lines.append("peer      none is configured")
    else:
        contact = "in contact" if peer["in_contact"] else "not in contact"
        lines.append(f"peer      {peer['address']}: {contact}, {peer['role'] or 'role unknown'}")
    lines.append(f"journal   entry {journal['seq']}, {journal['unsafe']} unsafe")
    lines += [f"{item['severity']:<9} {item['message']}" for item in document["warnings"]]
    return lines
