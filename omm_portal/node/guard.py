"""The guard: kills what the supervisor's children started when the supervisor is gone.

The kernel ends the children themselves with the supervisor, but not *their* children. This
process reads ``+PID`` and ``-PID`` lines (process groups) from its standard input, which the
supervisor alone holds open: at its end it kills every group that is still listed.
Run as a plain script, so that it stays small.
"""

import contextlib
import os
import signal
import sys

IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    """Follow the list until the supervisor ends, then kill what is on it."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        text = line.strip()
        if text[1:].isdigit():
            (groups.add if text[0] == "+" else groups.discard)(int(text[1:]))
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
