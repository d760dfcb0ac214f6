"""What a source shows beside its verdicts: its tables, and the lines of its log that are worth quoting.

A report of verdicts needs none of it. A page for a person does: who served what, and what stood around a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.scan import read_records
from analyzer.tables.selection import int64_array, int64s

if TYPE_CHECKING:
    from analyzer.relations import Relation, Relations
    from analyzer.sources import Source


@dataclass(frozen=True)
class Exhibit:
    """What a source shows.

    Attributes:
        relations: Its tables, those of the configurations among them.
        source: The source, to be read once more for lines that are quoted.
        first_record: The number of its first record.
        redacted: Secrets are replaced by marks.
    """

    relations: Relations
    source: Source
    first_record: int = 0
    redacted: bool = True

    def tables(self) -> dict[str, Relation]:
        """The tables by name; they may wait in files."""
        return {name: self.relations.rows(name) for name in self.relations}

    def quote(self, records: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Rows of the table `records`, read anew and no further than to the last one that is wanted.

        Args:
            records: Numbers of records; those that the source does not hold are left out.
        """
        import numpy as np

        wanted = np.array(sorted({number for number in records if number >= self.first_record}), np.int64)
        if not len(wanted) or not self.source.repeatable:
            return
        for batch in read_records([self.source], redact=self.redacted, first_record=self.first_record):
            numbers = int64s(batch.column("record"))
            if not len(numbers):
                continue
            rows = np.flatnonzero(np.isin(numbers, wanted))
            if len(rows):
                yield batch.take(int64_array(rows))
            if numbers[-1] >= wanted[-1]:
                return
