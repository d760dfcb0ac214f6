"""How a table describes itself: its columns, their types and what they mean, in one object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type and meaning (one sentence of the documentation)."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class TableSpec:
    """A table: its name, what one row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]
    notes: str = ""

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the table."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def empty(self) -> pa.Table:
        """A table of this shape without rows."""
        # not Schema.empty_table(): that imports pandas
        return pa.Table.from_batches([], schema=self.schema)

    def build(self, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        """A table from rows; a column that a row does not name is null there.

        Raises:
            KeyError: A row names a column that the table lacks.
        """
        rows = list(rows)
        known = {column.name for column in self.columns}
        for row in rows:
            if strange := row.keys() - known:
                raise KeyError(f"{self.name} has no column {sorted(strange)}")
        arrays = [
            pa.array([row.get(column.name) for row in rows], type=column.type) for column in self.columns
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)
