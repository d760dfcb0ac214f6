"""Coverage: what a log can be asked, per source and start of the daemon."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.exchanges import Gap
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.sections import MOST_DAMAGED, Section, find_sections
from analyzer.tables.selection import by_stream, int64_array, int64s
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
        Column(
            "recorded",
            pa.bool_(),
            "an exported trace beside it holds every request of the builds that it shows, and is whole",
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
_NO_STARTUP = "the start-up lines are not all there"


@dataclass(slots=True)
class _Counts:
    """What is counted for one start while the log is read."""

    first: int = -1
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

    def daemons_of(self, batch: pa.RecordBatch) -> pa.Array:
        """The daemon's number of each row of a batch with source, stream and record; null for none."""
        found = np.full(batch.num_rows, -1, np.int64)
        records = int64s(batch.column("record"))
        for key, rows in by_stream(batch):
            firsts, numbers = self._starts.get(key, ([], []))
            places = np.searchsorted(np.array(firsts, np.int64), records[rows], side="right") - 1
            found[rows] = np.array([*numbers, -1], np.int64)[places]
        return pc.if_else(pc.less(int64_array(found), 0), pa.scalar(None, pa.int64()), int64_array(found))


class CoverageBuilder:
    """Counts records and lines per start, and states what each start can be asked."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._counts: dict[int, _Counts] = defaultdict(_Counts)
        self._ends_in_block: dict[tuple[str, str | None], bool] = {}

    def update(self, batch: pa.RecordBatch, daemons: DaemonsBuilder) -> None:
        """Take a batch of records, and let a builder of daemons take it too."""
        sections, _ = find_sections(batch)
        self.take(sections, daemons.take(sections))

    def take(self, sections: Iterable[Section], owners: Iterable[int]) -> None:
        """Take sections.

        Args:
            sections: Sections, those of a stream in the order of the input.
            owners: The daemon of each, as `DaemonsBuilder.take` gives them.
        """
        for section, owner in zip(sections, owners, strict=True):
            counts = self._counts[owner]
            counts.first = section.first if counts.first < 0 else counts.first
            counts.records += section.records
            counts.lines += section.lines
            counts.understood += section.understood
            counts.lines_not_understood += section.lines_not_understood
            counts.damaged += section.damaged[: MOST_DAMAGED - len(counts.damaged)]
            key = (section.source, section.stream)
            torn = section.torn
            if section.torn_start is not None and not self._ends_in_block.get(key):
                torn = [section.torn_start, *torn]
            counts.torn += torn[: MOST_DAMAGED - len(counts.torn)]
            self._ends_in_block[key] = section.ends_in_block

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
        for provisional, counts in sorted(self._counts.items(), key=lambda item: item[1].first):
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
