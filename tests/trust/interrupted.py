"""Programs killed while they write: what stands at the target is what was there, or all of the new, or nothing."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engine.program import START

KINDS: dict[str, tuple[str, ...]] = {
    "check, html": ("check", "LOG", "--format", "html", "--output", "TARGET"),
    "check, json": ("check", "LOG", "--format", "json", "--output", "TARGET"),
    "records as CSV": ("show", "LOG", "records", "--format", "csv", "--output", "TARGET"),
    "export, parquet": ("export", "LOG", "TARGET"),
    "export, csv": ("export", "LOG", "TARGET", "--format", "csv"),
    "export, duckdb": ("export", "LOG", "TARGET", "--format", "duckdb"),
    "export, otlp": ("export", "LOG", "TARGET", "--format", "otlp"),
}
"""Commands that write; the time that each takes is measured before, and divided for the kills."""


@dataclass(frozen=True)
class Kill:
    """A program that was killed.

    Attributes:
        kind: What it wrote.
        after: Seconds that it was given.
        landed: It was still at work when it was killed.
        writing: Its work stood beside the target when it was killed.
        state: What stood at the target: absent, old, new, or half.
    """

    kind: str
    after: float
    landed: bool
    writing: bool
    state: str


def content(place: Path) -> dict[str, bytes] | None:
    """The files at a place by their paths below it; None where there is nothing."""
    if place.is_file():
        return {"": place.read_bytes()}
    if not place.exists():
        return None
    found = {str(path.relative_to(place)): path for path in sorted(place.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items()}


def kill(log: Path, count: int, seed: int = 0) -> Iterator[Kill]:
    """Kill programs: two of three as soon as they write, or a little later, and the others at any moment.

    Every other one has an earlier result to lose.

    Args:
        log: A log large enough that writing takes a while.
        count: How many programs.
        seed: Of the moments.
    """
    moments = random.Random(seed)
    wholes: dict[str, tuple[dict[str, bytes], float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            kind = list(KINDS)[number % len(KINDS)]
            if kind not in wholes:
                whole = Path(folder) / f"whole-{len(wholes)}"
                begun = time.monotonic()
                code = _start(kind, log, whole).wait()
                seconds = time.monotonic() - begun
                if code not in (0, 1, 3):
                    raise AssertionError(f"{kind}: exit code {code}")
                wholes[kind] = _known(whole), seconds
            new, seconds = wholes[kind]
            target = Path(folder) / f"target-{number}"
            old = _before(kind, target) if number // len(KINDS) % 2 else None
            begun = time.monotonic()
            process = _start(kind, log, target)
            if number % 3:
                _await_writing(process, target, moments.choice((0, 0, 0.003, 0.02, 0.1)))
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moments.uniform(0.3, 1.0) * seconds)
            after, landed = time.monotonic() - begun, process.poll() is None
            writing = landed and bool(_work(target))
            if landed:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            yield Kill(kind, after, landed, writing, _state(kind, content(target), old, new))


def _work(target: Path) -> list[str]:
    """What is made beside a target before it takes its place."""
    return glob.glob(f".{glob.escape(target.name)}.*.partial", root_dir=target.parent)


def _await_writing(process: subprocess.Popen[bytes], target: Path, more: float) -> None:
    """Wait until a program writes, and a little more; or until it has ended."""
    while process.poll() is None and not _work(target):
        time.sleep(0.0005)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(more)


def _known(place: Path) -> dict[str, bytes]:
    found = content(place)
    if not found:
        raise AssertionError(f"nothing at {place}")
    return found


def _start(kind: str, log: Path, target: Path) -> subprocess.Popen[bytes]:
    places = {"LOG": str(log), "TARGET": str(target)}
    words = [places.get(word, word) for word in KINDS[kind]]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*START, *words], stdout=quiet, stderr=quiet, start_new_session=True)


def _before(kind: str, target: Path) -> dict[str, bytes]:
    """An earlier result at the target: a file, or a real export of a small log."""
    if kind in ("export, parquet", "export, csv"):
        small = target.with_name(target.name + ".small")
        small.write_bytes(b'time="2026-01-05T10:00:00Z" level=info msg="running server on /run/b.sock"\n')
        _start(kind, small, target).wait()
    else:
        target.write_bytes(b"what was here before\n")
    return _known(target)


def _state(
    kind: str, found: dict[str, bytes] | None, old: dict[str, bytes] | None, new: dict[str, bytes]
) -> str:
    if found is None:
        return "absent" if old is None else "half"
    if found == old:
        return "old"
    # a database holds times of its own, so its bytes differ from run to run: it is whole if it can be read
    whole = _rows(found) == _rows(new) if kind == "export, duckdb" else found == new
    return "new" if whole else "half"


def _rows(database: dict[str, bytes]) -> list[tuple[str, int]]:
    import duckdb

    with tempfile.NamedTemporaryFile(suffix=".duckdb") as file:
        file.write(database[""])
        file.flush()
        try:
            with duckdb.connect(file.name, read_only=True) as connection:
                names = connection.sql("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
                return [(name, len(connection.table(name).fetchall())) for (name,) in names]
        except duckdb.Error:
            return []
