"""Network namespaces of this process: making, entering and removing them (needs root)."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

CLONE_NEWNET = 0x40000000
DIRECTORY = Path("/run/netns")
_PREFIX = "omm-"
_libc = ctypes.CDLL(None, use_errno=True)


def why_impossible() -> str:
    """Why this process cannot make network namespaces; empty when it can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need root and iproute2"
    probe = name("probe")
    if subprocess.run(["ip", "netns", "add", probe], check=False).returncode:
        return "this machine allows no network namespaces"
    ip("netns", "del", probe)
    return ""


def name(part: str) -> str:
    """The name of a namespace that belongs to this process."""
    return f"{_PREFIX}{os.getpid()}-{part}"


def ip(*words: str) -> None:
    """Run the ip command; raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def remove(*names: str) -> None:
    """Remove those of the namespaces that are there."""
    for each in names:
        if (DIRECTORY / each).exists():
            ip("netns", "del", each)


def sweep() -> None:
    """Remove what processes left behind that were killed before they could do it."""
    for path in DIRECTORY.glob(f"{_PREFIX}*-*"):
        owner = path.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)


def enter(name: str) -> None:
    """Move this thread into a named network namespace; raises OSError."""
    descriptor = os.open(DIRECTORY / name, os.O_RDONLY)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")
    finally:
        os.close(descriptor)
