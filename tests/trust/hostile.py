"""Files made to harm: each is judged by the program itself, under limits, and what it took is measured."""

from __future__ import annotations

import gzip
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

SECONDS = 300.0
"""Time after which a program is taken to hang."""

ADDRESSES = 8 << 30
"""Bytes of address space that the program may take; a fraction of it is used."""

Lines = Iterator[bytes]


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


_HEAD = b'time="2026-01-05T10:00:00Z" level=debug msg="do request" '


def _lines(scale: float, number: int, line: Callable[[int], bytes]) -> bytes:
    return b"".join(line(at) for at in range(int(number * scale)))


LOGS: dict[str, Callable[[float], bytes]] = {
    "one line of 100 MB": lambda scale: _HEAD + b'error="' + b"x" * int(100e6 * scale),
    "one value of 100 MB of escapes": lambda scale: (
        _HEAD + b'error="' + b"\\x00" * int(25e6 * scale) + b'"\n'
    ),
    "a million distinct keys": lambda scale: _lines(scale, 1_000_000, lambda at: _HEAD + b"k%d=1\n" % at),
    "a line with a million keys": lambda scale: (
        _HEAD + b" ".join(b"k%d=1" % at for at in range(int(1e6 * scale))) + b"\n"
    ),
    "a million traces": lambda scale: _lines(
        scale,
        1_000_000,
        lambda at: _HEAD + b'request.method=GET span="HTTP GET" spanID=%016x traceID=%032x\n' % (at, at),
    ),
    "half a million references": lambda scale: _lines(
        scale,
        500_000,
        lambda at: (
            _HEAD
            + b'request.method=HEAD span="resolving docker.io/a/b%d:1" spanID=%016x traceID=t\n' % (at, at)
        ),
    ),
    "half a million errors": lambda scale: _lines(
        scale,
        500_000,
        lambda at: b'time="2026-01-05T10:00:00Z" level=error msg="failed %d" error="x509: %d"\n' % (at, at),
    ),
    "half a million secrets": lambda scale: _lines(
        scale, 500_000, lambda at: _HEAD + b"response.header.set-cookie=c%d\n" % at
    ),
    "JSON nested 100,000 deep": lambda scale: (
        (b'{"level":"debug","msg":"x","a":' + b"[" * int(1e5 * scale) + b"]" * int(1e5 * scale) + b"}\n") * 20
    ),
    "wrappers in wrappers": lambda scale: b'{"log":"' * int(1e6 * scale) + b"\n",
    "20 MB of noise": lambda scale: random.Random(0).randbytes(int(20e6 * scale)),
    "20 MB of line ends": lambda scale: b"\n" * int(20e6 * scale),
    "20 MB of zeros": lambda scale: b"\0" * int(20e6 * scale),
    "20 MB of escape sequences": lambda scale: b"\x1b[31m\x1b]0;x\x07\r" * int(2e6 * scale),
    "time that runs backwards": lambda scale: _lines(
        scale,
        300_000,
        lambda at: b'time="%04d-01-05T10:00:00Z" level=debug msg="do request"\n' % (9999 - at % 9999),
    ),
    "gzip bomb, 1 GB": lambda scale: gzip.compress((b"a" * 999 + b"\n") * int(1e5 * scale)) * 10,
    "zstd bomb, 1 GB": lambda scale: zstandard.compress(b"a" * int(1e9 * scale)),
    "gzip cut short": lambda scale: gzip.compress(_HEAD * int(1e6 * scale))[:-9],
}
"""Logs, by what they are; a scale of one is their full size."""

CONFIGS: dict[str, Callable[[float], bytes]] = {
    "TOML nested 100,000 deep": lambda scale: b"a = " + b"[" * int(1e5 * scale) + b"]" * int(1e5 * scale),
    "TOML of 50,000 registries": lambda scale: _lines(
        scale, 50_000, lambda at: b'[registry."r%d.example.com"]\nmirrors = ["m%d.example.com"]\n' % (at, at)
    ),
    "TOML of 100 MB": lambda scale: b"# " + b"x" * int(100e6 * scale),
    "TOML with a key of 10,000 parts": lambda scale: b".".join([b"a"] * int(1e4 * scale)) + b" = 1\n",
}
"""Configurations of a harmless log."""

TRACES: dict[str, Callable[[float], bytes]] = {
    "OTLP nested 100,000 deep": lambda scale: b'{"resourceSpans":' + b"[" * int(1e5 * scale),
    "OTLP in one object of 100 MB": lambda scale: (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * int(33e6 * scale)) + b"]}]}]}"
    ),
}
"""Traces beside a harmless log."""


def attack(folder: Path, harmless: Path, scale: float = 1.0) -> Iterator[Tried]:
    """Try every file.

    Args:
        folder: Where files may be made; each is deleted once it was tried.
        harmless: A folder with a log and its configuration.
        scale: Share of the full size.
    """
    file = folder / "hostile"
    log, config = str(harmless / "buildkitd.log"), str(harmless / "buildkitd.toml")
    kinds = (
        (LOGS, ["check", str(file), "--config", config]),
        (CONFIGS, ["check", log, "--config", str(file)]),
        (TRACES, ["check", log, "--config", config, "--trace", str(file)]),
    )
    for makers, words in kinds:
        for name, make in makers.items():
            file.write_bytes(make(scale))
            yield _try(name, words, file.stat().st_size)
            file.unlink()


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
