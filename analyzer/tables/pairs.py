"""Pairs: requests for an object whose answer is the next that their span says of it, found on whole columns.

They are most of a log: `fetch`, since v0.23 `fetching layer`, `do request` and `fetch response received`, all with
one digest in one span. What they come to hangs on nothing else that the span says, so they are handed on as one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from analyzer.tables.selection import codes_of, int64s

REACH = 1 << 17
"""Records (some 40 MB of log) over which what a log tells of one request may be spread. Longer silence ends it: a
late answer then stands alone, which the coverage tells."""

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_FETCH, _LAYER, _REQUEST, _ANSWER = range(1, 5)
_KINDS = {
    "fetch": _FETCH,
    "fetching layer": _LAYER,
    "do request": _REQUEST,
    "fetch response received": _ANSWER,
}


def find_pairs(
    columns: pa.RecordBatch, rows: Numbers, keys: Numbers, names: list[str], values: pa.Array
) -> tuple[Numbers, Numbers]:
    """Find the pairs among the events of a batch.

    Args:
        columns: record, message, trace_id and span_id of each event.
        rows: The event of each field.
        keys: The key of each field, an index into ``names``.
        names: The keys.
        values: The value of each field.

    Returns:
        For each event that is the request of a pair its answer, else -1; and the event between ``fetch`` and it
        that announces it, else -1.
    """
    answer, layer = np.full(columns.num_rows, -1, np.int64), np.full(columns.num_rows, -1, np.int64)
    kind = _kinds(columns.column("message"))
    if not (kind == _ANSWER).any():
        return answer, layer
    fields = _Fields(columns.num_rows, rows, keys, names, values)
    digest = fields.codes("digest")
    told = np.flatnonzero((digest >= 0) & (kind > 0))
    group = _spans(columns)[told] * (int(digest.max(initial=0)) + 1) + digest[told]
    order = told[np.argsort(group, kind="stable")]
    if len(order) < 2:
        return answer, layer
    group, kind, url = np.sort(group), kind[order], fields.codes("url")[order]
    place = np.arange(len(order))
    first = np.concatenate(([True], group[1:] != group[:-1]))
    start = np.maximum.accumulate(np.where(first, place, 0))
    # a fetch before it in the batch: no other line of the span need be known to tell that nothing is missing
    fetched = np.maximum.accumulate(np.where(kind == _FETCH, place, -1)) >= start
    asked = (kind == _REQUEST) & fetched & (url >= 0) & fields.holds("request.method", "GET")[order]
    answered = (kind == _ANSWER) & fields.settled()[order] & ~first
    pairs = place[1:][asked[:-1] & answered[1:] & (url[1:] == url[:-1])] - 1
    # what lies further apart is let go of in between
    record = int64s(columns.column("record"))[order]
    pairs = pairs[record[pairs + 1] - record[pairs - 1] <= REACH]
    answer[order[pairs]] = order[pairs + 1]
    # fetched, so it is not the first of its group
    announced = pairs[kind[pairs - 1] == _LAYER]
    announced = announced[fetched[announced - 1]]
    layer[order[announced]] = order[announced - 1]
    return answer, layer


def _kinds(message: pa.Array) -> Numbers:
    codes, names = codes_of(message)
    kinds = np.array([*(_KINDS.get(name, 0) for name in names), 0], np.int64)
    found: Numbers = kinds[codes]
    return found


def _spans(columns: pa.RecordBatch) -> Numbers:
    trace, _ = codes_of(columns.column("trace_id"))
    span, names = codes_of(columns.column("span_id"))
    spans: Numbers = trace * (len(names) + 1) + span
    return spans


class _Fields:
    """The fields of events, a key at a time."""

    def __init__(self, events: int, rows: Numbers, keys: Numbers, names: list[str], values: pa.Array) -> None:
        self._events, self._rows, self._keys, self._names = events, rows, keys, names
        encoded = values.dictionary_encode()
        self._codes = int64s(encoded.indices.cast(pa.int64()))
        self._values = encoded.dictionary

    def codes(self, name: str) -> Numbers:
        """A code of the value of a key in each event, the same for the same value; -1 without one."""
        found = np.full(self._events, -1, np.int64)
        if name in self._names:
            mine = self._keys == self._names.index(name)
            found[self._rows[mine]] = self._codes[mine]
        return found

    def holds(self, name: str, value: str) -> Mask:
        """Where a key has a value."""
        place = self._values.index(value).as_py()
        return self.codes(name) == place if place >= 0 else np.zeros(self._events, np.bool_)

    def settled(self) -> Mask:
        """Where the status is a number and no challenge, which the next lines would be about."""
        codes = self.codes("response.status")
        known = np.unique(codes[codes >= 0]).tolist()
        status = [(code, (self._values[code].as_py() or "")[:3]) for code in known]
        settled = [code for code, number in status if number.isdigit() and number != "401"]
        return np.isin(codes, np.array(settled, np.int64))
