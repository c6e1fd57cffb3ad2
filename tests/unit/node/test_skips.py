"""With ``CI=true`` a skipped test is a failure; elsewhere it is a skip. The exit code is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from omm_portal.node.env import BASE_DIR

SKIPPING = "import pytest\n\ndef test_it() -> None:\n    pytest.skip('nothing here')\n"
MODULE = "import pytest\npytest.skip('not here', allow_module_level=True)\n"


@pytest.mark.parametrize("text", [SKIPPING, MODULE], ids=["test", "module"])
@pytest.mark.parametrize(("ci", "fails"), [("true", True), ("", False)])
def test_a_skip_fails_in_ci_only(tmp_path: Path, text: str, ci: str, fails: bool) -> None:
    (tmp_path / "test_one.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "-p", "tests.plugin_skips"]
    status = tmp_path / "status"
    ended = subprocess.run(
        [*command, "-c", str(tmp_path / "pytest.ini"), str(tmp_path)],
        cwd=BASE_DIR,
        env={**os.environ, "CI": ci, "PYTEST_STATUS_FILE": str(status)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode not in {0, 5}) is fails, ended.stdout
    assert int(status.read_text()) == ended.returncode
    assert ("allows no skip" in ended.stdout) is fails
