"""From a record's number to its source and first line, in little memory.

Most records are one line, so line and record number run side by side; only where their distance changes is
anything kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analyzer.tables.selection import int64s


@dataclass(frozen=True, slots=True)
class LineChanges:
    """Where in a batch the distance of line and record changes.

    Attributes:
        records: Records from which on a distance holds; the first is the first of the batch.
        distances: Line less record, from each of them on.
        end: The record after the batch.
    """

    records: list[int]
    distances: list[int]
    end: int

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> LineChanges:
        """The changes of a batch, which holds at least one record."""
        records, lines = int64s(batch.column("record")), int64s(batch.column("line"))
        distances = lines - records
        places = np.concatenate(([0], np.flatnonzero(np.diff(distances)) + 1))
        return cls(records[places].tolist(), distances[places].tolist(), int(records[-1]) + 1)


class LineIndex:
    """The lines of all records of all sources of a log."""

    def __init__(self) -> None:
        self._records = array("q")
        self._distances = array("q")
        self._sources: list[str] = []
        self._firsts: list[int] = []
        self._end = 0

    def so_far(self) -> LineIndex:
        """The lines of the records taken until now. Nothing is copied: what was taken stays where it is."""
        known = LineIndex()
        known._records, known._distances = self._records, self._distances
        known._sources, known._firsts = self._sources, self._firsts
        known._end = self._end
        return known

    def update(self, batch: pa.RecordBatch, source: str) -> None:
        """Take a batch of records of one source, in order."""
        if batch.num_rows:
            self.take(LineChanges.of(batch), source)

    def take(self, changes: LineChanges, source: str) -> None:
        """Take the changes of a batch of records of one source, in order."""
        places = slice(0, None)
        if not self._sources or self._sources[-1] != source:
            self._sources.append(source)
            self._firsts.append(changes.records[0])
        elif self._distances[-1] == changes.distances[0]:
            places = slice(1, None)
        self._records.extend(changes.records[places])
        self._distances.extend(changes.distances[places])
        self._end = changes.end

    def locate(self, record: int) -> tuple[str, int] | None:
        """Source and first physical line (from 1) of a record; None where there is no such record."""
        if not 0 <= record < self._end:
            return None
        source = self._sources[bisect_right(self._firsts, record) - 1]
        return source, record + self._distances[bisect_right(self._records, record) - 1]
