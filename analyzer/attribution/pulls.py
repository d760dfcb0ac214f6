"""Pulls and pushes out of requests: one row an object, with each host that was asked and its answer.

Done on whole columns: the requests of an object stand together, in the order of their records, and each column of
the row is taken from one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.attribution.tables import ATTEMPT
from analyzer.records.arrays import to_arrow
from analyzer.tables.exchanges import OBJECT_REACH
from analyzer.tables.schema import TableSpec
from analyzer.tables.selection import codes_of, int64s, is_one_of, truths

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_EVIDENCE = ("none", "inference", "proof")
"""From weak to strong."""


PLACE = "place"
"""The column of a request's place in the order of records, where not every request has a record."""


def whole_objects(requests: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Requests in pieces that hold all requests of an object, in the order of the objects' first records.

    Args:
        requests: Requests in the order of their records.
    """
    held: pa.Table | None = None
    for batch in requests:
        table = pa.Table.from_batches([batch])
        held = table if held is None else pa.concat_tables([held, table])
        place = _place(held)
        end = place[-1].as_py() if held.num_rows else 0
        if held.num_rows and end - place[0].as_py() > 2 * OBJECT_REACH:
            whole = truths_of(_first_records(held) < end - OBJECT_REACH)
            yield held.filter(whole)
            held = held.filter(pc.invert(whole)).combine_chunks()
    if held is not None and held.num_rows:
        yield held


def truths_of(mask: Mask) -> pa.Array:
    """Booleans as Arrow, without pandas."""
    return pc.equal(
        pa.Array.from_buffers(pa.int8(), len(mask), [None, pa.py_buffer(mask.astype(np.int8))]), 1
    )


def build_objects(spec: TableSpec, requests: pa.Table) -> pa.Table:
    """The table ``pulls`` or ``pushes``.

    Args:
        spec: Which of them.
        requests: All requests for these objects, with their hosts, and pulls or pushes only.
    """
    if requests.num_rows == 0:
        return spec.empty()
    return _Objects(requests).table(spec)


def _first_records(requests: pa.Table) -> Numbers:
    """The first record of each request's object."""
    record, object_ = _ints(_place(requests)), _ints(requests.column("object"))
    _, place, inverse = np.unique(object_, return_index=True, return_inverse=True)
    return record[place][inverse]


def _place(requests: pa.Table) -> pa.ChunkedArray:
    return requests.column(PLACE if PLACE in requests.column_names else "record")


def _ints(column: pa.ChunkedArray) -> Numbers:
    return int64s(_one(pc.fill_null(column, -1)))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class _Objects:
    """Requests sorted by object and place; every method gives a value an object."""

    def __init__(self, requests: pa.Table) -> None:
        place, object_ = _ints(_place(requests)), _ints(requests.column("object"))
        order = np.lexsort((place, object_, _first_records(requests)))
        sorted_ = requests.take(to_arrow(order.astype(np.int64)))
        self.columns = {name: _one(sorted_.column(name)) for name in sorted_.column_names}
        object_ = int64s(pc.fill_null(self.columns["object"], -1))
        self.rows = np.arange(len(object_))
        self.same = np.concatenate(([False], object_[1:] == object_[:-1]))
        self.starts = np.flatnonzero(~self.same)
        self.group = np.cumsum(~self.same) - 1
        self.ends = np.concatenate((self.starts[1:], [len(object_)])) - 1

    def table(self, spec: TableSpec) -> pa.Table:
        """The table."""
        giver = self._giver()
        served = giver >= 0
        named = np.where(served, giver, self.ends)
        answered = self._valid("status_code") | self._valid("error")
        outcome = np.where(served, 0, np.where(answered[self.ends], 1, 2))
        registry = self._take("registry", self._first(self._valid("registry")))
        repository = self._take("repository", self._shortest("repository"))
        columns = {
            "registry": registry,
            "repository": repository,
            "reference": pc.coalesce(
                self._take("reference", self._first(self._valid("reference"))),
                pc.binary_join_element_wise(registry, repository, "/"),
            ),
            "kind": self._take("kind", self._kind()),
            "digest": self._take("digest", self._last(self._valid("digest"))),
            "time": self._take("time", self.starts),
            "trace_id": self._take("trace_id", self.starts),
            "span_id": self._take("span_id", self.starts),
            "source": self._take("source", self.starts),
            "daemon": self._take("daemon", self.starts),
            "served_by": self._take("host", giver),
            "role": self._take("role", giver),
            "outcome": _words(("served", "failed", "unfinished"), outcome),
            "evidence": self._evidence(giver),
            "evidence_why": self._take("host_why", named),
            "attempts": self._attempts(),
            "records": self._records(),
        }
        return pa.Table.from_arrays([columns[name] for name in spec.schema.names], schema=spec.schema)

    def _giver(self) -> Numbers:
        """The request whose host gave the object; upstream, where a resumed read took parts from both."""
        status = int64s(pc.fill_null(self.columns["status_code"], 0))
        good = (status >= 200) & (status < 400)
        outside = self._first(good & truths(is_one_of(self.columns["role"], ("upstream",))))
        unknown = self._first(good & ~self._valid("host"))
        latest = self._last(good)
        return np.where(outside >= 0, outside, np.where(unknown >= 0, unknown, latest))

    def _kind(self) -> Numbers:
        told = self._first(~truths(is_one_of(self.columns["kind"], ("other", "upload"))))
        return np.where(told >= 0, told, self.starts)

    def _evidence(self, giver: Numbers) -> pa.Array:
        """That of the giver; without one the weakest."""
        codes, names = codes_of(self.columns["host_evidence"])
        rank = np.array([_EVIDENCE.index(name) for name in names] + [0], np.int64)[codes]
        weakest = np.minimum.reduceat(rank, self.starts)
        return _words(_EVIDENCE, np.where(giver >= 0, rank[giver], weakest))

    def _attempts(self) -> pa.Array:
        """Each host in the order asked, with its last answer; a challenge and its second request are one attempt."""
        host, _ = codes_of(self.columns["host"])
        position = int64s(pc.fill_null(self.columns["position"], -1))
        again = self.same & (self._valid("host") | self._valid("position"))
        again[1:] &= (host[1:] == host[:-1]) & (position[1:] == position[:-1])
        last = np.flatnonzero(~np.concatenate((again[1:], [False])))
        outcome = pc.coalesce(
            self.columns["status_code"].cast(pa.string()),
            self.columns["error_kind"],
            pa.scalar("no answer"),
        )
        values = pa.StructArray.from_arrays(
            [self._take("host", last), self._take("role", last), outcome.take(to_arrow(last))],
            fields=list(ATTEMPT),
        )
        return pa.ListArray.from_arrays(self._offsets(self.group[last]), values)

    def _records(self) -> pa.Array:
        told = [(self._valid(name), self.columns[name]) for name in ("record", "response_record")]
        values = np.concatenate([int64s(pc.fill_null(column, 0))[there] for there, column in told])
        group = np.concatenate([self.group[there] for there, _ in told])
        order = np.lexsort((values, group))
        values, group = values[order], group[order]
        kept = np.ones(len(values), np.bool_)
        kept[1:] = (values[1:] != values[:-1]) | (group[1:] != group[:-1])
        return pa.ListArray.from_arrays(self._offsets(group[kept]), to_arrow(values[kept]))

    def _offsets(self, group: Numbers) -> pa.Array:
        offsets = np.zeros(len(self.starts) + 1, np.int32)
        np.cumsum(np.bincount(group, minlength=len(self.starts)), out=offsets[1:])
        return to_arrow(offsets)

    def _valid(self, name: str) -> Mask:
        return truths(pc.is_valid(self.columns[name]))

    def _first(self, mask: Mask) -> Numbers:
        """The first row of each object where something holds, -1 without one."""
        found = np.minimum.reduceat(np.where(mask, self.rows, len(self.rows)), self.starts)
        return np.where(found < len(self.rows), found, -1)

    def _last(self, mask: Mask) -> Numbers:
        return np.maximum.reduceat(np.where(mask, self.rows, -1), self.starts)

    def _shortest(self, name: str) -> Numbers:
        """The first row of each object with the shortest of its texts."""
        length = int64s(pc.fill_null(pc.utf8_length(self.columns[name]).cast(pa.int64()), 1 << 40))
        shortest = np.minimum.reduceat(length, self.starts)
        return self._first((length == shortest[self.group]) & self._valid(name))

    def _take(self, name: str, rows: Numbers) -> pa.Array:
        """The values of some rows; null for -1."""
        rows = rows.astype(np.int64)
        there = rows >= 0
        return self.columns[name].take(to_arrow(np.where(there, rows, 0), None if there.all() else there))


def _words(words: tuple[str, ...], codes: Numbers) -> pa.Array:
    return pa.array(words, pa.string()).take(to_arrow(codes.astype(np.int64)))
