"""From a record's number to its source and first line, in little memory.

Most records are one line, so line and record number run side by side; only where their distance changes is
anything kept.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import pyarrow as pa

from analyzer.tables.selection import int64s


class LineIndex:
    """The lines of all records of all sources of a log."""

    def __init__(self) -> None:
        self._records: list[int] = []
        self._distances: list[int] = []
        self._sources: list[str] = []
        self._firsts: list[int] = []
        self._end = 0

    def update(self, batch: pa.RecordBatch, source: str) -> None:
        """Take a batch of records of one source, in order."""
        if batch.num_rows == 0:
            return
        records, lines = int64s(batch.column("record")), int64s(batch.column("line"))
        if not self._sources or self._sources[-1] != source:
            self._sources.append(source)
            self._firsts.append(int(records[0]))
        distances = lines - records
        changes = np.flatnonzero(np.diff(distances)) + 1
        places = [0, *changes.tolist()]
        if self._distances and self._distances[-1] == int(distances[0]):
            places = places[1:]
        self._records += records[places].tolist()
        self._distances += distances[places].tolist()
        self._end = int(records[-1]) + 1

    def locate(self, record: int) -> tuple[str, int] | None:
        """Source and first physical line (from 1) of a record; None where there is no such record."""
        if not 0 <= record < self._end:
            return None
        source = self._sources[bisect_right(self._firsts, record) - 1]
        return source, record + self._distances[bisect_right(self._records, record) - 1]
