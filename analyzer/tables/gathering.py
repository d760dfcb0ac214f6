"""Rows of a table that come one by one, gathered into columns; many of them wait in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from analyzer.tables.schema import TableSpec
from analyzer.tables.spool import Rows, Spool

_TOGETHER = 1 << 10
"""Rows made columns at once."""


class Gatherer:
    """Takes the rows of a table, in their order.

    Args:
        spec: The table.
    """

    def __init__(self, spec: TableSpec) -> None:
        self._spec = spec
        self._waiting: list[Mapping[str, Any]] = []
        self._spool = Spool(spec.schema)

    def __deepcopy__(self, memo: dict[int, Any]) -> Gatherer:
        copied = Gatherer(self._spec)
        # rows do not change any more
        copied._waiting, copied._spool = list(self._waiting), deepcopy(self._spool, memo)
        return copied

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take rows; a column that a row does not name is null there."""
        self._waiting += rows
        if len(self._waiting) >= _TOGETHER:
            self._build()

    def finish(self) -> Rows:
        """All rows; none can be taken any more."""
        if self._waiting:
            self._build()
        return self._spool.finish()

    def _build(self) -> None:
        self._spool.append(self._spec.build(self._waiting))
        self._waiting = []
