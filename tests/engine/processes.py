"""Processes that a test starts: waited for until they are ready, found again by what they belong to, ended by id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(
    ready: Callable[[], bool], seconds: float = 60, *, what: str = "it", pause: float = 0.05
) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} did not get ready in {seconds} seconds"
        time.sleep(pause)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server; one that ended is told with the last lines of its log."""

    def alive_and_ready() -> bool:
        assert process.poll() is None, f"the program ended: {log.read_text(errors='replace')[-2000:]}"
        return ready()

    wait_until(alive_and_ready, what=log.stem)


def is_open(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as one:
        one.settimeout(2)
        return one.connect_ex((address, port)) == 0


def free_port(address: str = "127.0.0.1") -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind((address, 0))
        port: int = one.getsockname()[1]
        return port


def find_processes(mark: str) -> list[int]:
    """Processes whose command line names a folder of ours, and all that they started.

    An engine's containerd and its shims outlive an engine that is killed, and so do the containers under them.
    """
    parents: dict[int, int] = {}
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        # a process may end while it is looked at
        with contextlib.suppress(OSError, IndexError, ValueError):
            pid = int(folder.name)
            parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.add(pid)
    found.discard(os.getpid())
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found)


def end_processes(mark: str) -> None:
    """End what is left of an engine, by process id."""

    def gone() -> bool:
        left = find_processes(mark)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_until(gone, 20, what="the end of an engine")
