"""The fields of the events of a batch, a key at a time and on whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.arrays import to_arrow
from analyzer.tables.selection import int64s, texts, truths

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class EventFields:
    """Fields of events.

    Args:
        events: How many events there are.
        rows: The event of each field, ascending.
        keys: The key of each field, an index into ``names``.
        names: The keys.
        values: The value of each field.
    """

    def __init__(self, events: int, rows: Numbers, keys: Numbers, names: list[str], values: pa.Array) -> None:
        self._events, self._rows, self._keys, self._names = events, rows, keys, names
        self._values = values
        self._places: dict[str, Numbers] = {}

    def places(self, name: str) -> Numbers:
        """The field of a key in each event, -1 without one."""
        if name not in self._places:
            found = np.full(self._events, -1, np.int64)
            if name in self._names:
                mine = np.flatnonzero(self._keys == self._names.index(name))
                found[self._rows[mine]] = mine
            self._places[name] = found
        return self._places[name]

    def has(self, name: str) -> Mask:
        """Where an event has a key."""
        return self.places(name) >= 0

    def has_any(self, prefix: str) -> Mask:
        """Where an event has a key that begins so."""
        found = np.zeros(self._events, np.bool_)
        for name in self._names:
            if name.startswith(prefix):
                found |= self.has(name)
        return found

    def codes(self, name: str) -> Numbers:
        """A code of the value of a key in each event, the same for the same value; -1 without one."""
        places = self.places(name)
        there = np.flatnonzero(places >= 0)
        found = np.full(self._events, -1, np.int64)
        encoded = self._values.take(to_arrow(places[there])).dictionary_encode()
        found[there] = int64s(encoded.indices.cast(pa.int64()))
        return found

    def matches(self, name: str, pattern: str) -> Mask:
        """Where the value of a key matches a pattern of RE2."""
        places = self.places(name)
        there = np.flatnonzero(places >= 0)
        found = np.zeros(self._events, np.bool_)
        encoded = self._values.take(to_arrow(places[there])).dictionary_encode()
        known = truths(pc.match_substring_regex(encoded.dictionary, pattern))
        found[there] = known[int64s(encoded.indices.cast(pa.int64()))] if len(known) else False
        return found

    def texts(self, name: str, events: Numbers) -> pa.Array:
        """The values of a key of some events, null without one."""
        places = self.places(name)[events]
        there = places >= 0
        return self._values.take(to_arrow(np.where(there, places, 0), None if there.all() else there))


def strings_of(column: pa.Array) -> list[str | None]:
    """The texts of a column."""
    return texts(column)
