"""Sections: runs of records of one stream between lines that may begin or end a daemon.

Which start of the daemon a record belongs to hangs on all lines before it; but only few lines change that. So a
batch is cut at those lines, and what a daemon is told by the records between them is counted here, a section at
a time: without order, on whole columns, and wherever the batch was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.selection import by_stream, int64s, is_one_of, matches, rows_of, truths

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

AT_WORK = (
    "resolving",
    "do request",
    "fetch response received",
    "resolved",
    "fetch",
    "push",
    "session started",
    "Unauthorized",
    "checked for cached auth handler namespace",
    "fetching layer",
    "diff applied",
)
"""Messages that only a daemon at work writes."""

AGENTS_READ = 400
"""Requests of one daemon whose user-agent is read at most; they do not change while it runs."""

MOST_DAMAGED = 100
"""Damaged places of one daemon that are remembered."""

_AGENT_KEY = "request.header.user-agent"

# The interesting non-debug messages, for RE2: a superset of what `lifetimes` looks at.
_TURNING = (
    r"^(auto snapshotter|using |'debug' configuration|'trace' configuration|found |CDI setup error|TLS is "
    r"|skipping |git source cannot|currently, only|running server on|stopping server|Starting up$"
    r"|Docker daemon$|API listen on|Daemon shutdown complete|Processing signal |running in rootless mode)"
)
# Blocks of raw text that can tell of the daemon: its last words, a failed start, the head of a stack.
_TELLING_TEXT = r"(?:^|\n)(?:buildkitd: |failed to start daemon: |\d+ v?\d+\.\d+\.\d+)"
_FRAMES = re.compile(r"\t|[\w./()*\[\]·-]+\n\t\S")
"""A frame of a Go stack: a function and, after a tab, its file and line."""


@dataclass(slots=True)
class Section:
    """A run of records of one stream.

    Attributes:
        source: The log.
        stream: The wrapper's name for where the lines came from.
        event: The record that begins it and may begin or end a daemon: message, level, form, text, fields;
            None where a section begins only because a batch does.
        first: Its first record.
        last: Its last record.
        records: How many records.
        lines: How many physical lines.
        understood: How many records are whole log records.
        lines_not_understood: Lines of records that are malformed, truncated or no log records.
        traced: A record carries a trace ID.
        levelled: A record has a level.
        debug: A record is at debug or trace level.
        at_work: A record is one that only a daemon at work writes.
        agents: User-agents of its first requests, in order, each with how many followed one another.
        damaged: Record and line of its first malformed or truncated records.
        torn: Record and line of blocks that begin in the middle of a stack; of the first record only
            ``torn_start`` tells.
        torn_start: Record and line of its first record, if that is such a block.
        ends_in_block: Its last record is raw text.
    """

    source: str
    stream: str | None
    event: dict[str, Any] | None
    first: int
    last: int
    records: int
    lines: int
    understood: int
    lines_not_understood: int
    traced: bool
    levelled: bool
    debug: bool
    at_work: bool
    agents: list[tuple[str | None, int]] = field(default_factory=list)
    damaged: list[tuple[int, int]] = field(default_factory=list)
    torn: list[tuple[int, int]] = field(default_factory=list)
    torn_start: tuple[int, int] | None = None
    ends_in_block: bool = False


def find_sections(batch: pa.RecordBatch) -> tuple[list[Section], Numbers]:
    """Cut a batch into its sections.

    Args:
        batch: Records.

    Returns:
        The sections, those of one stream in order, and for each record the index of its section.
    """
    owner = np.zeros(batch.num_rows, np.int64)
    sections: list[Section] = []
    if batch.num_rows:
        columns = _Columns(batch)
        events = _turning_points(batch)
        turning = np.array(sorted(events), np.int64)
        for (source, stream), rows in by_stream(batch):
            inside = np.flatnonzero(np.isin(rows, turning)) if len(turning) else turning
            begins = np.unique(np.concatenate(([0], inside)))
            for index, begin in enumerate(begins.tolist()):
                end = int(begins[index + 1]) if index + 1 < len(begins) else len(rows)
                mine = rows[begin:end]
                owner[mine] = len(sections)
                sections.append(columns.section(source, stream, events.get(int(mine[0])), mine))
    return sections, owner


def _turning_points(batch: pa.RecordBatch) -> dict[int, dict[str, Any]]:
    """The rows that may change a daemon's phase, by their position in the batch."""
    message = batch.column("message")
    named = matches(message, _TURNING)
    # Debug lines are most of a log and none of them ends or starts anything; one tells of rootless mode.
    quiet = is_one_of(batch.column("level"), ("debug", "trace"))
    loud = pc.or_(pc.invert(quiet), is_one_of(message, ("running in rootless mode",)))
    fatal = is_one_of(batch.column("level"), ("fatal", "panic"))
    raw = is_one_of(batch.column("form"), ("stack", "other"))
    telling = pc.and_(raw, matches(batch.column("text"), _TELLING_TEXT))
    mask = pc.or_(pc.or_(pc.and_(named, loud), fatal), telling)
    places = pc.indices_nonzero(mask).to_pylist()
    return dict(
        zip(places, rows_of(batch, mask, ["message", "level", "form", "text", "fields"]), strict=True)
    )


class _Columns:
    """What sections are told, a column of the batch each."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        level, form = batch.column("level"), batch.column("form")
        self.record, self.line = int64s(batch.column("record")), int64s(batch.column("line"))
        self.lines = int64s(batch.column("lines"))
        self.traced = truths(pc.is_valid(batch.column("trace_id")))
        self.levelled = truths(pc.is_valid(level))
        self.debug = truths(is_one_of(level, ("debug", "trace")))
        self.at_work = truths(is_one_of(batch.column("message"), AT_WORK))
        self.damaged = truths(is_one_of(batch.column("status"), ("malformed", "truncated")))
        self.plain = truths(is_one_of(form, ("logfmt", "json", "terminal"))) & ~self.damaged
        self.strange = self.damaged | truths(is_one_of(form, ("other",)))
        self.raw = self.strange | truths(is_one_of(form, ("stack",)))
        self.any_raw = bool(self.raw.any())
        self.requests, self.agents = _agents_of(batch)

    def section(
        self, source: str, stream: str | None, event: dict[str, Any] | None, rows: Numbers
    ) -> Section:
        """The section of these rows."""
        whole = len(rows) == int(rows[-1]) - int(rows[0]) + 1
        at: Any = slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows
        strange = self.strange[at]
        section = Section(
            source=source,
            stream=stream,
            event=event,
            first=int(self.record[rows[0]]),
            last=int(self.record[rows[-1]]),
            records=len(rows),
            lines=int(self.lines[at].sum()),
            understood=int(self.plain[at].sum()),
            lines_not_understood=int(self.lines[at][strange].sum()) if self.any_raw else 0,
            traced=bool(self.traced[at].any()),
            levelled=bool(self.levelled[at].any()),
            debug=bool(self.debug[at].any()),
            at_work=bool(self.at_work[at].any()),
            agents=self._agents(rows, whole),
        )
        if self.any_raw:
            self._note_damage(section, rows, self.raw[at])
        return section

    def _note_damage(self, section: Section, rows: Numbers, raw: Mask) -> None:
        """Note damaged records, and blocks that begin in the middle of a stack: what stood before is lost.

        buildkitd writes an error and its stack at once (cmd/buildkitd/main.go), so no record comes in between.
        """
        section.ends_in_block = bool(raw[-1])
        for row in rows[self.damaged[rows]][:MOST_DAMAGED].tolist():
            section.damaged.append(self._place(row))
        begins = raw & ~np.concatenate(([False], raw[:-1]))
        text = self.batch.column("text")
        for place in np.flatnonzero(begins).tolist():
            row = int(rows[place])
            if len(section.torn) < MOST_DAMAGED and _FRAMES.match(text[row].as_py() or ""):
                if place:
                    section.torn.append(self._place(row))
                else:
                    section.torn_start = self._place(row)

    def _place(self, row: int) -> tuple[int, int]:
        return int(self.record[row]), int(self.line[row])

    def _agents(self, rows: Numbers, whole: bool) -> list[tuple[str | None, int]]:
        """User-agents of the first requests, each with how many followed one another."""
        if whole:
            begin, end = np.searchsorted(self.requests, (rows[0], rows[-1] + 1)).tolist()
            mine = np.arange(begin, min(end, begin + AGENTS_READ))
        else:
            mine = np.flatnonzero(np.isin(self.requests, rows))[:AGENTS_READ]
        told: list[tuple[str | None, int]] = []
        for place in mine.tolist():
            agent = self.agents[place]
            if told and told[-1][0] == agent:
                told[-1] = (agent, told[-1][1] + 1)
            else:
                told.append((agent, 1))
        return told


def _agents_of(batch: pa.RecordBatch) -> tuple[Numbers, list[str | None]]:
    """The rows of requests, and the user-agent of each."""
    requests = np.flatnonzero(truths(is_one_of(batch.column("message"), ("do request",))))
    agents: list[str | None] = [None] * len(requests)
    if not len(requests):
        return requests, agents
    fields = batch.column("fields")
    offsets = np.frombuffer(fields.offsets.buffers()[1], np.int32)
    offsets = offsets[fields.offsets.offset : fields.offsets.offset + len(fields) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    named = pc.indices_nonzero(pc.equal(fields.keys.slice(first, last - first), _AGENT_KEY))
    rows = np.searchsorted(offsets, int64s(pc.cast(named, pa.int64())) + first, side="right") - 1
    values = fields.items.slice(first, last - first).take(named).dictionary_encode()
    names = values.dictionary.to_pylist()
    place_of = {row: place for place, row in enumerate(requests.tolist())}
    for row, code in zip(rows.tolist(), values.indices.to_pylist(), strict=True):
        place = place_of.get(row)
        if place is not None and code is not None:
            agents[place] = names[code]
    return requests, agents
