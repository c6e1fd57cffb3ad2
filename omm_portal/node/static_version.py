"""The version of all static files together, as their addresses hold it."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path


def version_of(directory: Path) -> str:
    """A digest of the files of ``directory`` and of the package that brings its own along.

    One for all: a changed file has a new address, and so have the modules that a script imports
    by a relative path.
    """
    digest = hashlib.blake2b(digest_size=6)
    digest.update(metadata.version("drf-spectacular-sidecar").encode())
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(directory)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
