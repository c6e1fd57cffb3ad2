"""Behind one address for both OMMs: a proxy that always leads to the active one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site_map import wait_live
from tests.browser.test_follow import wait_ticket
from tests.pair import PASSWORD, Node, Pair, free_ports, running_pair

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(180)]


class Proxy:
    """Forwards each connection to the OMM whose health check says active, as load balancers do;
    connections to one that is no longer active are closed."""

    def __init__(self, port: int, nodes: tuple[Node, Node]) -> None:
        self._port, self._nodes = port, nodes
        self._lead: Node | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(5)

    async def _begin(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        while True:
            found = await asyncio.to_thread(self._active)
            if found is not self._lead:
                self._lead = found
                for writer in self._open:
                    writer.close()
                self._open.clear()
            await asyncio.sleep(0.1)

    def _active(self) -> Node | None:
        for node in self._nodes:
            with contextlib.suppress(OSError), urlopen(f"{node.url}/health/active", timeout=0.3):
                return node
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lead = self._lead
        try:
            if lead is None:
                return
            onward, back = await asyncio.open_connection(lead.address, lead.web_port)
            self._open |= {writer, back}
            await asyncio.gather(self._pour(reader, back), self._pour(onward, writer))
        except OSError:
            return
        finally:
            writer.close()

    async def _pour(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        target.close()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, str]]:
    """A pair and the one address of both."""
    (port,) = free_ports(1, ("127.0.0.1",))
    url = f"http://127.0.0.1:{port}"
    directory: Path = tmp_path_factory.mktemp("proxied")
    with running_pair(directory, OMM_PUBLIC_URL=url) as pair:
        Proxy(port, pair.nodes).start()
        yield pair, url


def test_a_page_goes_on_through_the_proxy(page: Page, proxied: tuple[Pair, str]) -> None:
    pair, url = proxied
    page.goto(f"{url}/login/?next=/rfps/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/rfps/")
    wait_ticket(page)
    first = pair.active
    expect(page.get_by_role("contentinfo")).to_contain_text(first.address)

    first.kill()

    heir = pair.b if first is pair.a else pair.a
    expect(page.get_by_role("contentinfo")).to_contain_text(heir.address)
    assert page.url == f"{url}/rfps/"
    wait_live(page)
    expect(page.get_by_role("link", name="Add base station")).to_be_visible()
