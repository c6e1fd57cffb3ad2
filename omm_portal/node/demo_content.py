"""What the demo shows: two sites, twelve base stations, SIP and the two OMM addresses.

Written through the REST endpoints of the active OMM, like any script would; what is there already
stays as it is, so it can be run again and again.
"""

import json
import urllib.error
import urllib.request
from typing import Any

from omm_portal.node.checks import SIP_ADDRESS, SIP_PORT
from omm_portal.node.demo_files import NODES, PASSWORD, USER

ANSWER_SECONDS = 10.0
SITES = ("Head office", "Warehouse")
RFPS_PER_SITE = 6
ROOMS = ("Reception", "Corridor", "Workshop", "Canteen", "Stairs", "Archive")
RFP_COUNT = len(SITES) * RFPS_PER_SITE
FIRST_MAC = "00:30:42:00:00:01"


class DemoProblem(RuntimeError):
    """The demo cannot go on; the message says why."""


class Rest:
    """A signed-in client of one OMM."""

    def __init__(self, url: str) -> None:
        self._base = f"{url}/api/v1/"
        self._token = ""
        answer = self.send("POST", "tokens/", {"username": USER, "password": PASSWORD})
        self._token = str(answer["token"])

    def send(self, method: str, path: str, content: Any = None) -> Any:
        """One request; the answer's JSON. Raises DemoProblem for anything but success."""
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Token {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as problem:
            detail = problem.read().decode("utf-8", "replace")
            raise DemoProblem(f"{method} {path}: {problem.code} {detail}") from None
        except OSError as problem:
            raise DemoProblem(f"{method} {path}: {problem}") from None
        return json.loads(text) if text else None


def configure(url: str) -> None:
    """Bring the pair, whose active OMM is at ``url``, to the demo's content."""
    rest = Rest(url)
    _sip(rest)
    _addresses(rest)
    _base_stations(rest, _sites(rest))


def _sip(rest: Rest) -> None:
    if rest.send("GET", "settings/sip/")["proxy_server"]:
        return
    wanted = {"proxy_server": SIP_ADDRESS, "proxy_port": SIP_PORT}
    wanted |= {"registrar_server": SIP_ADDRESS, "registrar_port": SIP_PORT}
    rest.send("PATCH", "settings/sip/?confirm=1", wanted)


def _addresses(rest: Rest) -> None:
    if rest.send("GET", "settings/omm/")["first_address"]:
        return
    first, second = NODES["a"].address, NODES["b"].address
    rest.send("PATCH", "settings/omm/", {"first_address": first, "second_address": second})
    rest.send("POST", "settings/omm/confirm/", {})


def _sites(rest: Rest) -> dict[str, str]:
    """The id of each site by its name."""
    found = {row["name"]: row["id"] for row in rest.send("GET", "sites/?limit=500")["results"]}
    for name in SITES:
        if name not in found:
            found[name] = rest.send("POST", "sites/", {"name": name})["id"]
    return found


def _base_stations(rest: Rest, sites: dict[str, str]) -> None:
    if rest.send("GET", "rfps/?limit=1")["count"]:
        return
    rows = [
        {
            "mac": f"00:30:42:00:00:{number + 1:02X}",
            "name": f"{room} {site_number + 1}",
            "site": sites[site],
            "cluster": site_number + 1,
        }
        for site_number, site in enumerate(SITES)
        for number, room in enumerate(ROOMS, start=site_number * RFPS_PER_SITE)
    ]
    rest.send("POST", "rfps/", rows)
