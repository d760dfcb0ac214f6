"""A file of spooled rows as DuckDB reads it: column by column, filtered on the way, in little memory.

Imported only where rows are in a file: ``pyarrow.dataset`` imports pandas, which takes 0.3 s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

Read = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
"""Gives the rows, of some columns in the order of the schema."""


class Spooled(ds.Dataset):  # type: ignore[misc] # pyarrow has no types
    """Rows that DuckDB takes for a dataset: it asks the class of a dataset for `schema` and `scanner` only.

    Arrow's own scanner reads ahead in threads of its own, which on a million rows of ``requests`` takes 150 to
    300 MB more, and never the same.
    """

    def __init__(self, schema: pa.Schema, read: Read) -> None:
        self._schema = schema
        self._read = read

    @property
    def schema(self) -> pa.Schema:
        """The schema of the rows."""
        return self._schema

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - the name that DuckDB knows
        **_: Any,
    ) -> Any:
        """A pass over the rows, or over those columns and rows that are asked for."""
        chosen = self._schema.names if columns is None else list(columns)
        needed = set(chosen)
        if filter is not None:
            # its text names each column that it asks; another word of it costs a column too many, no more
            needed |= set(re.findall(r"\w+", str(filter))) & set(self._schema.names)
        read = [name for name in self._schema.names if name in needed]
        return _Pass(self._schema, self._read, read, chosen, filter)


@dataclass(frozen=True)
class _Pass:
    """What DuckDB takes for a scanner."""

    schema: pa.Schema
    read: Read
    needed: list[str]
    chosen: list[str]
    filter: Any

    @property
    def projected_schema(self) -> pa.Schema:
        return pa.schema([self.schema.field(name) for name in self.chosen])

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self.read(self.needed):
            if self.filter is None:
                yield batch.select(self.chosen)
            else:
                rows = pa.Table.from_batches([batch]).filter(self.filter)
                yield from rows.select(self.chosen).to_batches()
