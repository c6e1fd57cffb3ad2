"""Open files: every open page is one."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource
from omm_portal.node.process import FILES, allow_many_files

resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
allow_many_files()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
assert soft == (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)), (soft, hard)
allow_many_files()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
"""


def test_a_low_soft_limit_is_raised_as_far_as_the_hard_one_allows() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
