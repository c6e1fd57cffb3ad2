"""The pages' scripts, held to their word by node's own test runner (``tests/js``)."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.pair import ROOT

NODE = shutil.which("node") or shutil.which("nodejs")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def test_the_script_tests_pass() -> None:
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/js/*.test.mjs"))
    assert files
    done = subprocess.run(
        [str(NODE), "--test", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "skipped 0" in done.stdout, done.stdout
