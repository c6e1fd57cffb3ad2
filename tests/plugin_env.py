"""The environment of the tests: one OMM without a peer, its data in a directory of this run."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _prepare() -> None:
    for name in [name for name in os.environ if name.startswith("OMM_")]:
        del os.environ[name]
    for name in ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"):
        os.environ.pop(name, None)
    directory = tempfile.mkdtemp(prefix="omm-test-")
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(directory, ignore_errors=True))
    base = Path(directory)
    (base / "env").touch()
    (base / "data").mkdir()
    os.environ["OMM_ENV_FILE"] = str(base / "env")
    os.environ["OMM_ADDRESS"] = "127.0.0.1"
    os.environ["OMM_DATA_DIR"] = str(base / "data")


_prepare()
