"""What one process knows of being able to write (standby/runtime/health.py)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from standby.domain.facts import Role

if TYPE_CHECKING:
    from tests.simulation.host import Host

PERIOD = 0.5


class Health:
    """Notices what cannot be written, and mends what that left behind."""

    def __init__(self, host: Host) -> None:
        self.database_error = False
        self.term_error = False
        self._host = host
        host.life.later(PERIOD, self._check)

    @property
    def error(self) -> bool:
        """Something could not be written, and no later check has found it mended."""
        return self.database_error or self.term_error

    def writable(self) -> bool:
        """Within a transaction: False when it cannot commit, which is an error of this OMM."""
        if self._host.disk_full:
            self.database_error = True
        return not self._host.disk_full

    def _check(self) -> None:
        """Write something; an OMM that can again closes what was left open, and opens anew."""
        self._host.life.later(PERIOD, self._check)
        self._host.database.submit(self._try_write)

    def _try_write(self) -> None:
        if not self.writable():
            return
        host, member = self._host, self._host.member
        recovered, self.database_error = self.database_error, False
        self.term_error = False
        if recovered and not member.gate_open:
            host.disk.fence_open = False
        wanted = member.fence_wanted
        if member.role is Role.ACTIVE and not member.gate_open and wanted is not None:
            host.report(lambda: host.database.submit(partial(host.commit_open, wanted)))
