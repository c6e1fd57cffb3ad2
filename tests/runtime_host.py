"""One OMM reduced to its heart: the pair runtime with a real disk and real sockets.

``python -m tests.runtime_host`` sets Django up once, then reads one JSON command a line and
answers with one JSON line. Every start of the runtime is a fork of its own, so it can be killed,
frozen and started again in milliseconds. See tests/bare.py for the other end of the line.
"""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import time
import traceback
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests import namespaces

_libc = ctypes.CDLL(None)

Message = dict[str, Any]

log = logging.getLogger("tests.runtime_host")


class Host:
    """Carries out the commands; each method that is one begins with ``do_``."""

    def __init__(self) -> None:
        self._held: AbstractContextManager[Any] | None = None
        self._token = ""

    def do_prepare(self) -> Message:
        """Make an empty data directory that any number of starts can begin from."""
        from django.conf import settings

        from omm_portal.node.prepare import prepare

        prepare(settings.OMM)
        template = settings.OMM.data_dir.with_name("template")
        shutil.copytree(settings.OMM.data_dir, template)
        return {}

    def do_start(
        self, network: str = "", wall_offset: float = 0.0, version: str = "", **changes: Any
    ) -> Message:
        """Fork a process that runs the pair runtime; ``changes`` differ from the environment."""
        pid = os.fork()
        if pid:
            return {"pid": pid}
        code = 70
        try:
            _libc.prctl(1, signal.SIGKILL)
            if network:
                namespaces.enter(network)
            if wall_offset:
                _shift_wall_clock(wall_offset)
            if version:
                _pretend_version(version)
            _run(changes)
            code = 0
        except BaseException:
            log.exception("the runtime ended")
        finally:
            logging.shutdown()
            os._exit(code)

    def do_sites(self, names: list[str]) -> Message:
        """Make sites, one change each; the word that each answer would have."""
        from rfps import services
        from standby.replication import outcome

        words = []
        for name in names:
            written = services.site_create(name=name, actor="admin", source="api")
            words.append(outcome(written.receipt).word)
        return {"words": words}

    def do_many_entries(self, count: int) -> Message:
        """One site and then its renames, without waiting for any confirmation."""
        from rfps import services

        site = services.site_create(name="Name 1", actor="admin", source="api").value
        for number in range(2, count + 1):
            services.site_update(site=site, name=f"Name {number}", actor="admin", source="api")
        return {}

    def do_writer(self, prefix: str, answers: str) -> Message:
        """Fork a process that adds base stations until it is killed and notes each answer."""
        from rfps import services
        from standby.replication import outcome

        pid = os.fork()
        if pid:
            return {"pid": pid}
        _libc.prctl(1, signal.SIGKILL)
        with Path(answers).open("a", buffering=1) as out:
            for count in itertools.count(1):
                values = {"name": f"{prefix} {count}", "mac": _any_mac()}
                try:
                    written = services.rfp_create(values=values, actor="admin", source="api")
                    word = outcome(written.receipt).word
                except Exception as error:
                    word = type(error).__name__
                out.write(f"{values['name']}={word}\n")
        raise AssertionError("a writer only ends by being killed")

    def do_sip(self, server: str, port: int) -> Message:
        """Configure the SIP proxy although it may not answer."""
        from standby import services

        changes = {"proxy_server": server, "proxy_port": port, "transport": "UDP"}
        services.sip_settings_update(changes=changes, confirmed=True, actor="admin")
        return {}

    def do_look(self) -> Message:
        """What this OMM's database holds."""
        from omm_portal.accounts.models import User
        from rfps.models import Rfp, Site
        from standby import journal
        from standby.models import JournalEntry, PendingSetAside, SetAside

        head, digest = journal.digest_at_head()
        entries = JournalEntry.objects.order_by("seq")
        return {
            "head": dataclasses.asdict(head),
            "digest": digest,
            "rfps": sorted(Rfp.objects.values_list("name", flat=True)),
            "sites": sorted(Site.objects.values_list("name", flat=True)),
            "admins": User.objects.filter(username="admin").count(),
            "lineages": sum('"operation":"lineage"' in e.body for e in entries),
            "hashes": list(entries.values_list("hash", flat=True)),
            "set_aside": SetAside.objects.count(),
            "pending": PendingSetAside.objects.count(),
        }

    def do_get(self, path: str) -> Message:
        """Ask this OMM's REST interface as the administrator."""
        from django.conf import settings
        from django.test import Client

        client = Client(headers={"host": settings.OMM.address})
        answer = client.get(path, headers={"authorization": f"Token {self._token}"})
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            login = {"username": "admin", "password": settings.OMM.admin_password.reveal()}
            found = client.post("/api/v1/tokens/", login, content_type="application/json")
            self._token = found.json()["token"]
            answer = client.get(path, headers={"authorization": f"Token {self._token}"})
        return {"status": answer.status_code, "json": answer.json()}

    def do_open_change(self, name: str) -> Message:
        """A request up to the point after its last look at the database, before its COMMIT."""
        from rfps.models import Site
        from standby import journal

        self._held = journal.change(actor="admin", source="api")
        change = self._held.__enter__()
        change.save(Site(name=name))
        return {}

    def do_commit_change(self) -> Message:
        """The rest of that request; the name of what it raised, if it did."""
        held, self._held = self._held, None
        assert held is not None
        try:
            held.__exit__(None, None, None)
        except Exception as error:
            return {"raised": type(error).__name__, "reason": str(error)}
        return {"raised": ""}

    def serve(self) -> None:
        """Read and answer commands until the other end closes."""
        from django.db import connections

        for line in sys.stdin:
            _reap()
            message = json.loads(line)
            handler = getattr(self, f"do_{message.pop('do')}")
            try:
                answer = {"ok": True, **handler(**message)}
            except Exception as error:
                traceback.print_exc()
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            if self._held is None:
                connections.close_all()
            print(json.dumps(answer), flush=True)


def _run(changes: Message) -> None:
    from django.conf import settings

    from omm_portal.node.secrets import Secret
    from standby.models import NodeIdentity
    from standby.runtime import PairRuntime, set_current
    from standby.runtime.config import RuntimeConfig

    if "pair_secret" in changes:
        changes["pair_secret"] = Secret(changes["pair_secret"])
    settings.OMM = dataclasses.replace(settings.OMM, **changes)
    identity = NodeIdentity.objects.get(pk=1)
    runtime = PairRuntime(RuntimeConfig.from_environment(settings.OMM, identity.node_id))
    set_current(runtime)
    runtime.start()
    runtime.join()
    if runtime.failure is not None:
        raise runtime.failure


def _any_mac() -> str:
    return f"00:30:42:{secrets.token_bytes(3).hex(':')}"


def _shift_wall_clock(offset: float) -> None:
    real = time.time
    time.time = lambda: real() + offset


def _pretend_version(version: str) -> None:
    from standby.runtime import core, document

    core.VERSION = document.VERSION = version


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    _libc.prctl(1, signal.SIGKILL)
    os.environ["DJANGO_SETTINGS_MODULE"] = "omm_portal.settings"
    os.environ["OMM_PROCESS"] = "standby"
    import django

    django.setup()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
    logging.getLogger().handlers[0].setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(name)s %(message)s")
    )
    print(json.dumps({"ok": True, "directory": str(Path.cwd())}), flush=True)
    Host().serve()


if __name__ == "__main__":
    main()
