"""A captured log, cut into the rounds that a generated log repeats.

A *round* is a run of records whose traces all begin and end in it: parallel builds stay interleaved as they were,
and work that they share stays within it. Around the rounds stand the start-up lines and the stop.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

START = b'time="'
TRACE = re.compile(rb"\btraceID=([0-9a-f]{32})")
SPAN = re.compile(rb"\bspanID=([0-9a-f]{16})")
DIGEST = re.compile(rb"sha256:([0-9a-f]{64})")
SLOT = re.compile(
    rb"(?P<clock>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?=Z|[+-]\d\d:\d\d)"
    rb"|(?P<date>[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d)(?= GMT)"
    rb"|(?<![0-9a-zA-Z])(?P<id>[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16}|(?=[a-z]*[0-9])[0-9a-z]{25})(?![0-9a-zA-Z])"
)
"""What is written anew in each round: times and IDs."""
_APPLIED = re.compile(rb'msg="(?:diff applied|removed content)"')
_ASKED = re.compile(rb'msg=(?:fetch|"fetching layer"|"do request"|resolved|"fetch response received") ')
"""Messages whose digests come from a registry: images, which other builds name too."""


@dataclass(frozen=True)
class Record:
    """A log line, and the block of lines that are no records behind it, empty if there is none."""

    line: bytes
    block: bytes = b""

    @property
    def size(self) -> int:
        return len(self.line) + len(self.block) + 1


@dataclass(frozen=True)
class Capture:
    """A log in its parts: start-up lines, rounds, and what the daemon said when it stopped."""

    head: list[Record]
    rounds: list[list[Record]]
    tail: list[Record]

    @property
    def images(self) -> frozenset[bytes]:
        """Digests of what registries serve."""
        return frozenset(
            digest
            for round_ in self.rounds
            for record in round_
            if _ASKED.search(record.line)
            for digest in DIGEST.findall(record.line)
        )

    @property
    def failures(self) -> list[Record]:
        """Failed calls: an error and its stack."""
        records = (record for round_ in self.rounds for record in round_)
        return [
            one for one in records if one.block and b" level=error " in one.line and TRACE.search(one.line)
        ]


def read_capture(path: Path) -> Capture:
    """The parts of a log in text form without wrapper prefixes, plain or gzipped.

    Raises:
        SystemExit: The file is no such log.
    """
    raw = path.read_bytes()
    text = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    if not text.startswith(START):
        raise SystemExit(f"{path}: not the text form of a buildkitd log without prefixes")
    parts: list[list[bytes]] = []
    for line in text.rstrip(b"\n").split(b"\n"):
        if line.startswith(START):
            parts.append([line])
        else:
            parts[-1].append(line)
    records = [Record(part[0], b"".join(line + b"\n" for line in part[1:])) for part in parts]
    return _cut(records, path)


def _cut(records: Sequence[Record], path: Path) -> Capture:
    """Cut where no trace is open, and join what names content of the round before."""
    first: dict[bytes, int] = {}
    last: dict[bytes, int] = {}
    for number, record in enumerate(records):
        if found := TRACE.search(record.line):
            first.setdefault(found[1], number)
            last[found[1]] = number
    if not first:
        raise SystemExit(f"{path}: no line names a trace; take a log of BuildKit v0.16 or newer")
    begins, ends = set(first.values()), sorted(last.values())
    opened, closing = 0, set(ends)
    cuts = [min(begins)]
    for number in range(cuts[0], ends[-1] + 1):
        opened += number in begins
        opened -= number in closing
        if not opened:
            cuts.append(number + 1)
    rounds: list[list[Record]] = []
    for start, end in pairwise(cuts):
        piece = list(records[start:end])
        if rounds and _digests(piece, _APPLIED) - _digests(piece, _ASKED):
            rounds[-1] += piece
        else:
            rounds.append(piece)
    return Capture(list(records[: cuts[0]]), rounds, list(records[cuts[-1] :]))


def _digests(records: Iterable[Record], message: re.Pattern[bytes]) -> set[bytes]:
    return {one for record in records if message.search(record.line) for one in DIGEST.findall(record.line)}


def with_stacks(
    round_: Sequence[Record], share: float, failures: Sequence[Record], rng: random.Random
) -> list[Record]:
    """A round in which stack blocks take a share of the bytes: some are dropped, or failed calls added.

    An added call gets the trace and span of the record that it follows.
    """
    records = list(round_)
    total = sum(record.size for record in records)
    stacks = sum(len(record.block) for record in records)
    for number, record in enumerate(records):
        if record.block and stacks > share * total:
            records[number] = Record(record.line)
            total, stacks = total - len(record.block), stacks - len(record.block)
    # the share that is missed by less than half a block stays missed
    typical = sum(len(one.block) for one in failures) / max(len(failures), 1)
    while share * total - stacks > typical / 2:
        place = rng.randrange(len(records))
        trace, span = TRACE.search(records[place].line), SPAN.search(records[place].line)
        if trace is None or span is None:
            continue
        failed = rng.choice(failures)
        line = SPAN.sub(span[0], TRACE.sub(trace[0], failed.line))
        clock = records[place].line.partition(b" ")[0]
        line = clock + line[line.index(b" ") :]
        records.insert(place + 1, Record(line, failed.block))
        total, stacks = total + len(line) + 1 + len(failed.block), stacks + len(failed.block)
    return records
