"""SIP probes against a real SIP server (Debian package ``kamailio``)."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from standby.link.sip import SipTarget, probe

KAMAILIO = shutil.which("kamailio", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
HOST = "127.0.0.1"
CONFIG = """
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (!sanity_check()) {{ exit; }}
    if (method == "OPTIONS") {{ sl_send_reply("200", "OK"); exit; }}
    if (method == "REGISTER") {{ sl_send_reply("403", "Forbidden"); exit; }}
    exit;
}}
"""

pytestmark = pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def await_listener(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert process.poll() is None, "kamailio ended by itself"
        with suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)
    pytest.fail("kamailio does not listen")


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    assert KAMAILIO is not None
    port = free_port()
    config = tmp_path / "kamailio.cfg"
    config.write_text(CONFIG.format(host=HOST, port=port))
    log = (tmp_path / "log").open("wb")
    command = [KAMAILIO, "-DD", "-E", "-f", str(config), "-m", "32", "-M", "4", "-Y", str(tmp_path)]
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        await_listener(process, port)
        yield process, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
@pytest.mark.asyncio
async def test_a_real_server_is_reachable_until_it_dies(
    kamailio: tuple[subprocess.Popen[bytes], int], transport: str, method: str
) -> None:
    """Its sanity checks find nothing wrong with our requests; refusing (403) is an answer too."""
    process, port = kamailio
    target = SipTarget(HOST, port, transport, "100", method)
    assert await probe(target, HOST, 3)
    os.killpg(process.pid, signal.SIGSTOP)
    assert not await probe(target, HOST, 0.3), "a server that stands still does not answer"
    os.killpg(process.pid, signal.SIGCONT)
    assert await probe(target, HOST, 3)
    os.killpg(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    assert not await probe(target, HOST, 0.3)
