"""Choose rows of a batch of records without making Python objects of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LOUD_LEVELS = ("error", "fatal", "panic")
"""Levels at which a record reports a failure."""


def plain(column: pa.Array) -> pa.Array:
    """A column as plain strings, whether it came dictionary-encoded or not."""
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column


def is_one_of(column: pa.Array, values: Sequence[str]) -> pa.Array:
    """Where a text column holds one of some values; null reads as false.

    A dictionary is searched once, not once a row.
    """
    wanted = pa.array(list(values), type=pa.string())
    if pa.types.is_dictionary(column.type):
        return pc.fill_null(pc.is_in(column.dictionary, value_set=wanted).take(column.indices), False)
    return pc.is_in(column, value_set=wanted)


def matches(column: pa.Array, pattern: str) -> pa.Array:
    """Where a text column matches a pattern of RE2; null reads as false.

    A dictionary is searched once, not once a row.
    """
    if pa.types.is_dictionary(column.type):
        found = pc.match_substring_regex(column.dictionary, pattern)
        return pc.fill_null(found.take(column.indices), False)
    return pc.fill_null(pc.match_substring_regex(column, pattern), False)


def starts_with_any(column: pa.Array, prefixes: Sequence[str]) -> pa.Array:
    """Where a text column starts with one of some prefixes, plain words; null reads as false."""
    return matches(column, "^(?:" + "|".join(prefix.replace(".", r"\.") for prefix in prefixes) + ")")


def texts(column: pa.Array) -> list[str | None]:
    """The values of a text column; of a dictionary, by way of its few names."""
    if not pa.types.is_dictionary(column.type):
        values: list[str | None] = column.to_pylist()
        return values
    names = [*column.dictionary.to_pylist(), None]
    codes = pc.fill_null(pc.cast(column.indices, pa.int32()), len(names) - 1).to_pylist()
    return [names[code] for code in codes]


def with_searchable_messages(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its messages dictionary-encoded: a log repeats itself, and each is then searched once."""
    place = batch.schema.get_field_index("message")
    column = batch.column(place)
    if pa.types.is_dictionary(column.type):
        return batch
    encoded = column.dictionary_encode()
    return batch.set_column(place, pa.field("message", encoded.type), encoded)


def rows_of(batch: pa.RecordBatch, mask: pa.Array, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows that a mask selects, each a dictionary of the named columns.

    Args:
        batch: Records.
        mask: Booleans, one a row; null reads as false.
        columns: Names of columns to read. A map comes as a list of pairs, a time as nanoseconds since 1970.
    """
    chosen = batch.select(list(columns)).filter(mask)
    if chosen.num_rows == 0:
        return
    values = [_values(chosen.column(name)) for name in columns]
    for row in zip(*values, strict=True):
        yield dict(zip(columns, row, strict=True))


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())  # as Python objects, nanoseconds import pandas
    return texts(column) if pa.types.is_dictionary(column.type) else column.to_pylist()


def truths(column: pa.Array) -> np.ndarray[Any, Any]:
    """Booleans as NumPy, without pandas; null reads as false."""
    filled = pc.cast(pc.fill_null(column, False), pa.int8())
    values = np.frombuffer(filled.buffers()[1], np.int8)[filled.offset : filled.offset + len(filled)]
    return values.astype(bool)


def codes_of(column: pa.Array) -> tuple[np.ndarray[Any, Any], list[Any]]:
    """A column as codes and their distinct values; null is the code after the last value."""
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    values = encoded.dictionary.to_pylist()
    indices = pc.cast(pc.fill_null(encoded.indices, len(values)), pa.int64())
    return int64s(indices), values


def by_stream(batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, str | None], np.ndarray[Any, Any]]]:
    """Each source and stream of a batch, with the positions of its rows, first come first."""
    source, stream = (codes_of(batch.column(name)) for name in ("source", "stream"))
    (source_codes, source_names), (stream_codes, stream_names) = source, stream
    joined = source_codes * (len(stream_names) + 1) + stream_codes
    values, firsts = np.unique(joined, return_index=True)
    for value in values[np.argsort(firsts)]:
        name = source_names[int(value) // (len(stream_names) + 1)]
        code = int(value) % (len(stream_names) + 1)
        key = (str(name), None if code == len(stream_names) else stream_names[code])
        yield key, (np.arange(len(joined)) if len(values) == 1 else np.flatnonzero(joined == value))


def int64s(column: pa.Array) -> np.ndarray[Any, Any]:
    """An int64 column without nulls as NumPy, without pandas."""
    values = np.frombuffer(column.buffers()[1], dtype=np.int64)
    return values[column.offset : column.offset + len(column)]


def int64_array(values: np.ndarray[Any, Any]) -> pa.Array:
    """NumPy numbers as an int64 column, without pandas."""
    values = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
