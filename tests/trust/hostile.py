"""Files made to harm, tried: each is judged by the program itself, under limits, and what it took is measured."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.trust.hostilefiles import BUNDLES, CONFIGS, LOGS, RULES, TRACES

SECONDS = 300.0
"""Time after which a program is taken to hang."""

ADDRESSES = 8 << 30
"""Bytes of address space that the program may take; a fraction of it is used."""


@dataclass(frozen=True)
class Tried:
    """What became of a hostile file.

    Attributes:
        name: What it is.
        file_bytes: Its size.
        code: Exit code; None where the program hung.
        traceback: A traceback reached the user.
        seconds: Wall time.
        peak_bytes: Resident memory at its peak, of the process that took most.
    """

    name: str
    file_bytes: int
    code: int | None
    traceback: bool
    seconds: float
    peak_bytes: int

    @property
    def ok(self) -> bool:
        """It ended as a check ends, and showed nobody a traceback."""
        return self.code in (0, 1, 2, 3) and not self.traceback


def attack(folder: Path, harmless: Path, scale: float = 1.0) -> Iterator[Tried]:
    """Try every file.

    Args:
        folder: Where files may be made; each is deleted once it was tried.
        harmless: A folder with a log and its configuration.
        scale: Share of the full size.
    """
    file, rule = folder / "hostile", folder / "hostile.toml"
    log, config = str(harmless / "buildkitd.log"), str(harmless / "buildkitd.toml")
    kinds = (
        (LOGS, file, ["check", str(file), "--config", config]),
        (CONFIGS, file, ["check", log, "--config", str(file)]),
        (TRACES, file, ["check", log, "--config", config, "--trace", str(file)]),
        (RULES, rule, ["check", log, "--config", config, "--rules", str(rule)]),
        (BUNDLES, file, ["check", str(file), "--config", config]),
    )
    for makers, place, words in kinds:
        for name, make in makers.items():
            place.write_bytes(make(scale))
            yield _try(name, words, place.stat().st_size)
            place.unlink()


_MEASURED = """
import os, resource, sys
from analyzer.cli import main
try:
    code = main()
except SystemExit as end:
    code = end.code
most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
os.write(2, b"\\npeak %d" % (most << 10))
os._exit(code or 0)
"""
"""The program, which tells at its end how much memory it took at most."""


def _try(name: str, words: list[str], size: int) -> Tried:
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", _MEASURED, *words, "--format", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)),
    ) as process:
        try:
            _, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            # and the processes that read for it
            os.killpg(process.pid, signal.SIGKILL)
            return Tried(name, size, None, False, time.monotonic() - begun, 0)
    seconds = time.monotonic() - begun
    peak = re.search(rb"\npeak (\d+)$", told)
    return Tried(name, size, process.returncode, b"Traceback" in told, seconds, int(peak[1]) if peak else 0)
