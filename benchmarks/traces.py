"""Grow a log and the exported traces of the same builds: ``python -m benchmarks.traces 100MB FOLDER``.

One real run with its OTLP JSON lines (``sample_logs/mirror-used-trace``) is repeated: every build gets trace and span
IDs of its own, in log and trace alike, and a time of its own.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.sizes import SAMPLES, parse_size

CASE = SAMPLES / "mirror-used-trace"

_HEX = re.compile(rb'(?<=")[0-9a-f]{16}(?:[0-9a-f]{16})?(?=")|(?<=ID=)[0-9a-f]{16,32}\b')
_NANOS = re.compile(rb'(?<=UnixNano":")\d{19}(?=")')
_TIME = re.compile(rb'(?<=^time=")[^"]+', re.MULTILINE)
_APART = timedelta(minutes=1)


@dataclass(frozen=True)
class Grown:
    """What was made.

    Attributes:
        log: The log.
        traces: The traces of its builds.
        builds: How many builds they hold.
    """

    log: Path
    traces: Path
    builds: int


def grow(size: int, folder: Path) -> Grown:
    """Make a log and its traces.

    Args:
        size: Bytes that the traces should have.
        folder: Where; it must be there.
    """
    log = (CASE / "buildkitd.log").read_bytes()
    spans = (CASE / "traces.otlp.jsonl").read_bytes()
    lines = log.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b"traceID=" in line)
    build = b"".join(line for line in lines[first:] if b"traceID=" in line)
    grown = Grown(folder / "buildkitd.log", folder / "traces.otlp.jsonl", max(size // len(spans), 1))
    with grown.log.open("wb") as to_log, grown.traces.open("wb") as to_traces:
        to_log.write(b"".join(lines[:first]))
        for number in range(grown.builds):
            for target, part in ((to_log, build), (to_traces, spans)):
                target.write(_repeated(part, number))
    return grown


def _repeated(part: bytes, number: int) -> bytes:
    """A build once more: an ID's first digits are its number, the others tell it from the build's other IDs."""
    later = number * _APART

    def renumber(match: re.Match[bytes]) -> bytes:
        return b"%08x" % number + match[0][8:]

    def postpone(match: re.Match[bytes]) -> bytes:
        moment = datetime.strptime(match[0].decode(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return (moment + later).strftime("%Y-%m-%dT%H:%M:%SZ").encode()

    nanos = int(later.total_seconds()) * 1_000_000_000
    part = _HEX.sub(renumber, part)
    part = _NANOS.sub(lambda match: b"%d" % (int(match[0]) + nanos), part)
    return _TIME.sub(postpone, part)


def _told(grown: Grown) -> Iterator[str]:
    yield f"{grown.builds:,} builds"
    for path in (grown.log, grown.traces):
        yield f"{path}: {path.stat().st_size:,} bytes"


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.traces", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("size", type=parse_size, help="of the traces, such as 100MB")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for line in _told(grow(given.size, given.folder)):
        print(line)


if __name__ == "__main__":
    main()
