"""Coverage: what a log can be asked, per source and start of the daemon."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.exchanges import Gap
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import by_stream, int64s, is_one_of
from analyzer.tables.starts import Start

GAP = pa.struct([("reason", pa.string()), ("record", pa.int64()), ("line", pa.int64())])

SPEC = TableSpec(
    name="coverage",
    row="a source and start of the daemon",
    columns=(
        Column("source", pa.string(), "the log"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column(
            "daemon", pa.int64(), "the start (table `daemons`); null for a source without a BuildKit record"
        ),
        Column("records", pa.int64(), "records of this start"),
        Column("lines", pa.int64(), "physical lines of this start"),
        Column("startup", pa.bool_(), "its start-up lines are there"),
        Column("debug", pa.bool_(), "debug lines are there"),
        Column("trace_ids", pa.bool_(), "records carry trace IDs"),
        Column("complete", pa.bool_(), "start-up lines are there and nothing is seen to be missing"),
        Column(
            "excerpt",
            pa.bool_(),
            "nothing but lines about requests, as pasted from a log: what they prove they prove, by inference "
            "for the whole",
        ),
        Column("gaps", pa.list_(GAP), "what is missing, each with the record that shows it"),
        Column(
            "lines_not_understood",
            pa.int64(),
            "lines of records that are malformed, truncated or no log records",
        ),
        Column("redactions", pa.int64(), "secrets replaced in this source"),
    ),
)

_UNREADABLE = "lines that are cut or damaged"
_TORN = "a stack without its beginning"
_FRAMES = re.compile(r"\t|[\w./()*\[\]·-]+\n\t\S")
"""A frame of a Go stack: a function and, after a tab, its file and line."""

_NO_STARTUP = "the start-up lines are not all there"


@dataclass(slots=True)
class _Counts:
    """What is counted for one start while the log is read."""

    records: int = 0
    lines: int = 0
    understood: int = 0
    lines_not_understood: int = 0
    damaged: list[tuple[int, int]] = field(default_factory=list)
    torn: list[tuple[int, int]] = field(default_factory=list)


class DaemonLocator:
    """Tells the daemon of a record, by source, stream and place."""

    def __init__(self, daemons: pa.Table) -> None:
        self._starts: dict[tuple[str, str | None], tuple[list[int], list[int]]] = {}
        columns = [
            daemons.column(name).to_pylist() for name in ("source", "stream", "first_record", "daemon")
        ]
        for source, stream, first, number in zip(*columns, strict=True):
            firsts, numbers = self._starts.setdefault((source, stream), ([], []))
            firsts.append(first)
            numbers.append(number)

    def daemon_of(self, source: str, stream: str | None, record: int) -> int | None:
        """The daemon's number; None for what belongs to none."""
        firsts, numbers = self._starts.get((source, stream), ([], []))
        place = bisect_right(firsts, record) - 1
        return numbers[place] if place >= 0 else None


class CoverageBuilder:
    """Counts records and lines per start, and states what each start can be asked."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._counts: dict[int, _Counts] = defaultdict(_Counts)
        self._ends_in_block: dict[tuple[str, str | None], bool] = {}

    def update(self, batch: pa.RecordBatch, owners: pa.Array) -> None:
        """Take a batch of records.

        Args:
            batch: Records.
            owners: The daemon of each, as `DaemonsBuilder.assign` gives them.
        """
        if batch.num_rows == 0:
            return
        owner, lines = int64s(owners), int64s(batch.column("lines"))
        damaged = is_one_of(batch.column("status"), ("malformed", "truncated"))
        strange = _mask(pc.or_(damaged, is_one_of(batch.column("form"), ("other",))))
        plain = _mask(is_one_of(batch.column("form"), ("logfmt", "json", "terminal"))) & ~_mask(damaged)
        for number in np.unique(owner).tolist():
            mine = owner == number
            counts = self._counts[number]
            counts.records += int(mine.sum())
            counts.lines += int(lines[mine].sum())
            counts.understood += int((mine & plain).sum())
            counts.lines_not_understood += int(lines[mine & strange].sum())
        self._find_torn_blocks(batch, owner, strange)
        places = np.flatnonzero(_mask(damaged)).tolist()
        for place in places:
            found = self._counts[int(owner[place])].damaged
            if len(found) < _MOST_DAMAGED:
                found.append((batch.column("record")[place].as_py(), batch.column("line")[place].as_py()))

    def _find_torn_blocks(
        self, batch: pa.RecordBatch, owner: np.ndarray[Any, Any], strange: np.ndarray[Any, Any]
    ) -> None:
        """Note blocks that begin in the middle of a stack: what stood before them is lost.

        buildkitd writes an error and its stack at once (cmd/buildkitd/main.go), so no record comes in between.
        """
        stack = strange | _mask(is_one_of(batch.column("form"), ("stack",)))
        if not stack.any() and not any(self._ends_in_block.values()):
            return
        for key, places in by_stream(batch):
            mine = stack[places]
            before = np.concatenate(([self._ends_in_block.get(key, False)], mine[:-1]))
            for place in places[mine & ~before].tolist():
                counts = self._counts[int(owner[place])]
                text = batch.column("text")[place].as_py() or ""
                if _FRAMES.match(text) and len(counts.torn) < _MOST_DAMAGED:
                    counts.torn.append(
                        (batch.column("record")[place].as_py(), batch.column("line")[place].as_py())
                    )
            self._ends_in_block[key] = bool(mine[-1])

    def finish(
        self,
        numbers: list[int | None],
        describe: dict[int, tuple[str, str | None, bool]],
        daemons: pa.Table,
        starts: Iterable[Start],
        gaps: Iterable[Gap],
        redactions: dict[str, int],
    ) -> pa.Table:
        """The table.

        Args:
            numbers: The table's number of each daemon, by the number that its records were given.
            describe: Source, stream and whether trace IDs were seen, by that same number.
            daemons: The table ``daemons``.
            starts: The starts that the requests were seen in.
            gaps: What is seen to be missing.
            redactions: Secrets replaced, by source.
        """
        locator = DaemonLocator(daemons)
        seen: dict[int | None, list[Start]] = defaultdict(list)
        for start in starts:
            seen[locator.daemon_of(start.source, start.stream, start.first_record)].append(start)
        missing: dict[int | None, list[Gap]] = defaultdict(list)
        for gap in gaps:
            missing[locator.daemon_of(gap.source, gap.stream, gap.record)].append(gap)
        facts = {row["daemon"]: row for row in daemons.to_pylist()}
        rows = []
        for provisional, counts in sorted(self._counts.items()):
            number = numbers[provisional]
            source, stream, tracing = describe[provisional]
            row: dict[str, Any] = {
                "source": source,
                "stream": stream,
                "daemon": number,
                "records": counts.records,
                "lines": counts.lines,
                "trace_ids": tracing,
                "lines_not_understood": counts.lines_not_understood,
                "redactions": redactions.get(source, 0),
            }
            if number is None:
                row |= {"startup": False, "debug": False, "complete": False, "excerpt": False, "gaps": []}
            else:
                row |= _judge(facts[number], counts, seen[number], missing[number])
            rows.append(row)
        return SPEC.build(rows)


_MOST_DAMAGED = 100


def _judge(daemon: dict[str, Any], counts: _Counts, starts: list[Start], gaps: list[Gap]) -> dict[str, Any]:
    """What one start can be asked."""
    whole = daemon["program"] == "dockerd" or daemon["startup_failure"] is not None
    startup = bool(daemon["startup"]) and (whole or any(start.started_whole for start in starts))
    alive = any(start.shows_life for start in starts) or daemon["startup"] or daemon["end_seen"]
    told = sum(start.requests_told for start in starts)
    excerpt = not alive and 0 < told == counts.understood
    found: list[dict[str, Any]] = [
        {"reason": gap.reason, "record": gap.record, "line": gap.line} for gap in gaps
    ]
    found += [{"reason": _UNREADABLE, "record": record, "line": line} for record, line in counts.damaged]
    found += [{"reason": _TORN, "record": record, "line": line} for record, line in counts.torn]
    if not startup:
        first = daemon["first_record"]
        found.append({"reason": _NO_STARTUP, "record": first, "line": None})
    found.sort(key=lambda gap: gap["record"])
    return {
        "startup": startup,
        "debug": bool(daemon["debug"]),
        "complete": startup and not found,
        "excerpt": excerpt,
        "gaps": found,
    }


def _mask(column: pa.Array) -> np.ndarray[Any, Any]:
    """Booleans as NumPy, without pandas; null reads as false."""
    filled = pc.cast(pc.fill_null(column, False), pa.int8())
    values = np.frombuffer(filled.buffers()[1], np.int8)[filled.offset : filled.offset + len(filled)]
    return values.astype(bool)
