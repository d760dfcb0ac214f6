"""Tables by name, each made when it is first asked for; those of several logs one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.spool import Rows, Spool

Relation: TypeAlias = "pa.Table | Rows"
"""A table in memory, or rows that may wait in a file."""


class Relations(Mapping[str, pa.Table]):
    """Tables by name.

    Indexing loads a table into memory; `rows` does not.

    Args:
        made: How each is made.
    """

    def __init__(self, made: Mapping[str, Callable[[], Relation] | Relation]) -> None:
        self._made = dict(made)
        self._known: dict[str, Relation] = {}

    def rows(self, name: str) -> Relation:
        """A table, which may wait in a file.

        Raises:
            KeyError: There is no such table.
        """
        if name not in self._known:
            made = self._made[name]
            self._known[name] = made() if callable(made) else made
        return self._known[name]

    def with_tables(self, more: Mapping[str, Callable[[], Relation] | Relation]) -> Relations:
        """These tables and others."""
        joined = Relations({**self._made, **more})
        joined._known = {name: known for name, known in self._known.items() if name not in more}
        return joined

    def __getitem__(self, name: str) -> pa.Table:
        rows = self.rows(name)
        return rows.table() if isinstance(rows, Rows) else rows

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


_NUMBERED = ("daemon", "object")
"""Columns that count within a log."""


def join_relations(parts: Sequence[Relations], shared: Sequence[str] = ()) -> Relations:
    """The tables of several logs, one after the other; daemons and objects are numbered on.

    Args:
        parts: The tables of each; what one does not have is taken from the others.
        shared: Names of tables that are the same in each, as those of a configuration are.
    """
    if len(parts) == 1:
        return parts[0]

    def first(name: str) -> Callable[[], Relation]:
        return lambda: next(part for part in parts if name in part).rows(name)

    def joined(name: str) -> Callable[[], Relation]:
        def join() -> Rows:
            having = [
                (part, moved) for part, moved in zip(parts, _offsets(parts), strict=True) if name in part
            ]
            return _join([part.rows(name) for part, _ in having], [moved for _, moved in having])

        return join

    names = dict.fromkeys(name for part in parts for name in part)
    return Relations({name: first(name) if name in shared else joined(name) for name in names})


def _offsets(parts: Sequence[Relations]) -> list[dict[str, int]]:
    """By how much the numbers of each log move."""
    moved: list[dict[str, int]] = []
    following = dict.fromkeys(_NUMBERED, 0)
    for part in parts:
        moved.append(dict(following))
        following["daemon"] += part.rows("daemons").num_rows
        following["object"] += 1 + max(
            (_highest(batch) for batch in batches_of(part.rows("requests"))), default=-1
        )
    return moved


def _highest(requests: pa.RecordBatch) -> int:
    highest = pc.max(requests.column("object")).as_py()
    return -1 if highest is None else int(highest)


def _join(parts: Sequence[Relation], offsets: Sequence[Mapping[str, int]]) -> Rows:
    spool = Spool(parts[0].schema)
    for part, offset in zip(parts, offsets, strict=True):
        for batch in batches_of(part):
            spool.append(_moved(batch, offset))
    return spool.finish()


def _moved(batch: pa.RecordBatch, offset: Mapping[str, int]) -> pa.RecordBatch:
    for name, by in offset.items():
        place = batch.schema.get_field_index(name)
        if by and place >= 0:
            moved: Any = pc.add(batch.column(place), by)
            batch = batch.set_column(place, batch.schema.field(place), moved)
    return batch


def batches_of(relation: Relation) -> Iterator[pa.RecordBatch]:
    """The rows of a table, batch by batch."""
    yield from relation.batches() if isinstance(relation, Rows) else relation.to_batches()
