"""Daemons: one row a start of the daemon, with what its lines tell of the program.

A daemon covers the records of its source and stream from its first to its last; several streams may lie
interleaved in one source. A log names no version at its start. What tells it: the head of a stack that the
daemon prints (``51 v0.17.3 /usr/bin/buildkitd --config ...``, from v0.10 on, at debug level); the user-agent
``buildkit/v0.17`` of its requests (from v0.10 on, the series only); for v0.9, which sends containerd's name,
containerd's version, or that the worker's labels lack a network (label since v0.10.0); for dockerd its own
``Docker daemon`` line, which is Docker's version. ``log.level``, which a warning names, exists from v0.30 on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from analyzer.tables.lifetimes import Lifetime, learn, opening_line
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.sections import Section, find_sections
from analyzer.tables.selection import int64_array

SPEC = TableSpec(
    name="daemons",
    row="a start of the daemon, or the rest of one whose start the log lacks",
    columns=(
        Column("daemon", pa.int64(), "its number, from 0, in the order of the records"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("first_record", pa.int64(), "its first record"),
        Column("last_record", pa.int64(), "its last record"),
        Column("records", pa.int64(), "how many records are its own"),
        Column("startup", pa.bool_(), "its start-up lines are there"),
        Column("running", pa.bool_(), "it came to serve (`running server on`)"),
        Column("program", pa.string(), "buildkitd or dockerd"),
        Column(
            "version",
            pa.string(),
            "v0.17.3, or only the series (v0.17), or dockerd's version; null if unknown",
        ),
        Column("version_evidence", pa.string(), "proof, inference or none"),
        Column("version_from", pa.string(), "what the version is known by"),
        Column(
            "version_at_least", pa.string(), "the oldest series that writes lines as these, such as v0.30"
        ),
        Column("command_line", pa.string(), "the daemon's command line, where a stack shows it"),
        Column("network_default_warned", pa.bool_(), "it warned that it uses the host's network by default"),
        Column("startup_failure", pa.string(), "why it did not start"),
        Column("clean_exit", pa.bool_(), "it stopped because it was told to"),
        Column("end_seen", pa.bool_(), "its end is in the log, clean or not"),
        Column("rootless", pa.bool_(), "it runs without root"),
        Column("tracing", pa.bool_(), "its records carry trace IDs"),
        Column("debug", pa.bool_(), "records at debug or trace level are there"),
    ),
    notes="Start-up lines are those of v0.9.3 to v0.32.2; a log that starts later has startup = false.",
)


class DaemonsBuilder:
    """Builds `daemons` from sections of records, and tells which daemon each belongs to."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._daemons: list[Lifetime] = []
        self._current: dict[tuple[str, str | None], int] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records, in the order of the input."""
        self.assign(batch)

    def assign(self, batch: pa.RecordBatch) -> pa.Array:
        """Take a batch, and say to which daemon each of its records belongs.

        Call this, `update` or `take`, once a batch.

        Returns:
            An int64 a record: a provisional number, that `numbers` turns into the table's.
        """
        sections, owner = find_sections(batch)
        numbers = np.array(self.take(sections), np.int64)
        return int64_array(numbers[owner] if len(numbers) else owner)

    def take(self, sections: Iterable[Section]) -> list[int]:
        """Take sections, those of a stream in the order of the input.

        Returns:
            The provisional number of the daemon of each.
        """
        return [self._take(section) for section in sections]

    def numbers(self) -> list[int | None]:
        """The table's number of each provisional number; null of what proved to be no daemon."""
        order = sorted(
            (index for index, one in enumerate(self._daemons) if one.is_daemon),
            key=lambda index: self._daemons[index].first,
        )
        final: list[int | None] = [None] * len(self._daemons)
        for number, index in enumerate(order):
            final[index] = number
        return final

    def finish(self) -> pa.Table:
        """The table, in the order of the daemons' first records."""
        numbered = zip(self.numbers(), self._daemons, strict=True)
        known = sorted((number, one) for number, one in numbered if number is not None)  # numbers are unique
        return SPEC.build(_row(number, one) for number, one in known)

    def describe(self, provisional: int) -> tuple[str, str | None, bool]:
        """Source, stream and whether trace IDs were seen, of a provisional number."""
        one = self._daemons[provisional]
        return one.source, one.stream, one.tracing

    def _take(self, section: Section) -> int:
        key = (section.source, section.stream)
        index = self._current.get(key)
        opening = opening_line(section.event) if section.event else None
        if index is None or (opening and self._daemons[index].ended_before(opening)):
            self._daemons.append(Lifetime(*key, section.first, section.last))
            index = self._current[key] = len(self._daemons) - 1
        one = self._daemons[index]
        if section.event:
            learn(one, section.event, opening)
        one.take(section)
        return index


def _row(number: int, one: Lifetime) -> dict[str, Any]:
    version, evidence, known_by = one.version()
    return {
        "daemon": number,
        "source": one.source,
        "stream": one.stream,
        "first_record": one.first,
        "last_record": one.last,
        "records": one.records,
        "startup": one.startup,
        "running": one.ran,
        "program": one.program,
        "version": version,
        "version_evidence": evidence,
        "version_from": known_by,
        "version_at_least": one.at_least,
        "command_line": one.command_line(),
        "network_default_warned": one.network_default_warned,
        "startup_failure": one.startup_failure,
        "clean_exit": one.clean_exit,
        "end_seen": one.end_seen,
        "rootless": one.rootless,
        "tracing": one.tracing,
        "debug": one.debug,
    }
