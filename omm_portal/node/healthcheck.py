"""Asks the node of this environment whether it lives; for containers and monitoring.

Run as ``python -m omm_portal.node.healthcheck``: exit code 0 when ``/health/live`` answers 200.
"""

import sys
import urllib.request

from omm_portal.node.env import host_in_url, load
from omm_portal.node.health import UNSPECIFIED
from omm_portal.node.reader import EnvironmentProblem

ANSWER_SECONDS = 2.0


def main() -> int:
    """0 when the node lives, 1 when it does not, 2 for a bad environment."""
    try:
        node = load()
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    host = host_in_url(UNSPECIFIED.get(node.bind, node.bind))
    url = f"http://{host}:{node.web_port}/health/live"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
