"""Columns of rows and fields to a batch of records. Every form of log ends here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analyzer.records.arrays import (
    Codes,
    Ints,
    Mask,
    constant,
    labels,
    strings,
    to_arrow,
    to_codes,
    to_ints,
    valid_mask,
)
from analyzer.records.schema import FIELDS, FORMS, LEVELS, RECORDS, STATUSES, TIME
from analyzer.records.times import parse_times

COLUMN_KEYS = ("time", "level", "msg", "traceID", "spanID", "span", "error")
"""The keys that have columns of their own."""

_LEVEL_CODES = {level: code for code, level in enumerate(LEVELS)} | {
    # logrus also reads `warn`; the terminal form cuts to four letters.
    "warn": LEVELS.index("warning"),
    **{level[:4].upper(): code for code, level in enumerate(LEVELS)},
}
_SECOND = 1_000_000_000
_TIME_FROM = ("record", "wrapper")


@dataclass
class Rows:
    """What is known of each record but its fields.

    Attributes:
        line: Number of the first physical line, from 1.
        lines: Number of physical lines.
        offset: First byte in the source.
        length: Number of bytes.
        form: Index into ``FORMS``.
        status: Index into ``STATUSES``.
        text: Verbatim text, null where the fields say everything.
        stream: Index into ``streams``, -1 for none; None when no record has one.
        streams: Names that wrappers gave.
        stamps: Time of the wrapper as text, null where there is none; None when no record has one.
    """

    line: Ints
    lines: Ints
    offset: Ints
    length: Ints
    form: Codes
    status: Codes
    text: pa.StringArray
    stream: Codes | None
    streams: list[str]
    stamps: pa.StringArray | None


@dataclass
class Fields:
    """The fields of all rows, in the order of the rows.

    Attributes:
        row: The row of each field, ascending.
        key: Index into ``keys``.
        value: Index into ``strings``.
        keys: Distinct keys.
        strings: Where the values are.
    """

    row: Ints
    key: Codes
    value: Codes
    keys: list[str]
    strings: pa.StringArray


def assemble(source: str, first_record: int, rows: Rows, fields: Fields) -> pa.RecordBatch:
    """A batch with exactly the schema ``RECORDS``.

    Args:
        source: Name of the input.
        first_record: Number of the first record of the batch.
        rows: One entry a record.
        fields: Their fields. Of two fields with one key the later stands, since map keys are unique.
    """
    count = len(rows.line)
    column_of = np.full(len(fields.keys), -1, np.int64)
    for number, name in enumerate(COLUMN_KEYS):
        if name in fields.keys:
            column_of[fields.keys.index(name)] = number
    column = column_of[fields.key]
    own = column >= 0
    own_at = np.flatnonzero(own)
    texts = _columns(count, fields, column[own_at], own_at)

    own_time = parse_times(texts["time"])
    level, known_level = _levels(texts["level"])
    # What is no time or no level is not lost: it stays among the fields.
    strange_time = valid_mask(texts["time"]) & ~valid_mask(own_time)
    strange_level = valid_mask(texts["level"]) & ~known_level
    if strange_time.any():
        own &= ~((column == 0) & strange_time[fields.row])
    if strange_level.any():
        own &= ~((column == 1) & strange_level[fields.row])

    time, time_from = _times(own_time, rows.stamps)
    columns = {
        "record": to_arrow(np.arange(first_record, first_record + count, dtype=np.int64)),
        "source": constant(source, count),
        "stream": _streams(count, rows),
        "line": to_arrow(rows.line),
        "lines": to_arrow(rows.lines),
        "offset": to_arrow(rows.offset),
        "length": to_arrow(rows.length),
        "time": time,
        "time_from": time_from,
        "level": labels(level, LEVELS, known_level),
        "message": texts["msg"],
        "trace_id": texts["traceID"],
        "span_id": texts["spanID"],
        "span": texts["span"],
        "error": texts["error"],
        "form": labels(rows.form, FORMS),
        "status": labels(rows.status, STATUSES),
        "fields": _map(count, fields, np.flatnonzero(~own)),
        "text": rows.text,
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in RECORDS.names], schema=RECORDS)


def _columns(count: int, fields: Fields, column: Ints, at: Ints) -> dict[str, pa.StringArray]:
    """The values of the keys that have columns, one string array a key."""
    index = np.full(len(COLUMN_KEYS) * count, -1, np.int32)
    index[column * count + fields.row[at]] = fields.value[at]
    table = index.reshape(len(COLUMN_KEYS), count)
    present = table >= 0
    arrays = {}
    for number, name in enumerate(COLUMN_KEYS):
        valid = present[number]
        if not valid.any():
            arrays[name] = pa.nulls(count, pa.string())
        else:
            arrays[name] = fields.strings.take(to_arrow(table[number], None if valid.all() else valid))
    return arrays


def _levels(texts: pa.StringArray) -> tuple[Codes, Mask]:
    """Codes into ``LEVELS``, and where they mean something."""
    encoded = texts.dictionary_encode()
    meaning = [_LEVEL_CODES.get(name, -1) for name in encoded.dictionary.to_pylist()]
    codes = np.array([*meaning, -1], np.int32)[
        np.where(valid_mask(texts), to_codes(encoded.indices), len(meaning))
    ]
    known = codes >= 0
    return np.where(known, codes, 0).astype(np.int32), known


def _times(
    own: pa.TimestampArray, stamps: pa.StringArray | None
) -> tuple[pa.TimestampArray, pa.DictionaryArray]:
    """The record's own time, made finer by the wrapper's within the same second, or the wrapper's alone."""
    present = valid_mask(own)
    if stamps is None:
        return own, labels(np.zeros(len(own), np.int32), _TIME_FROM, present)
    wrapped = parse_times(stamps)
    wrapper_present = valid_mask(wrapped)
    value, stamp = to_ints(own), to_ints(wrapped)
    finer = present & (value % _SECOND == 0) & (value // _SECOND == stamp // _SECOND)
    from_wrapper = wrapper_present & (finer | ~present)
    chosen = np.where(from_wrapper, stamp, value)
    either = present | wrapper_present
    time = to_arrow(np.where(either, chosen, 0), either).view(TIME)
    return time, labels(from_wrapper.astype(np.int32), _TIME_FROM, either)


def _streams(count: int, rows: Rows) -> pa.DictionaryArray:
    if rows.stream is None:
        return labels(np.zeros(count, np.int32), [""], np.zeros(count, np.bool_))
    named = rows.stream >= 0
    return labels(np.where(named, rows.stream, 0).astype(np.int32), rows.streams or [""], named)


def _map(count: int, fields: Fields, at: Ints) -> pa.MapArray:
    """The other fields as maps."""
    at = _without_repeats(fields, at)
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(fields.row[at], minlength=count), out=offsets[1:])
    keys = strings(fields.keys).take(to_arrow(fields.key[at]))
    values = fields.strings.take(to_arrow(fields.value[at]))
    return pa.MapArray.from_arrays(to_arrow(offsets), keys, values).cast(FIELDS)


def _without_repeats(fields: Fields, at: Ints) -> Ints:
    """The fields without those that a later one of the same key and row replaces."""
    # logrus sorts its keys: where they ascend within a row, none repeats.
    order = np.empty(len(fields.keys), np.int64)
    order[sorted(range(len(fields.keys)), key=fields.keys.__getitem__)] = np.arange(len(fields.keys))
    row, rank = fields.row[at], order[fields.key[at]]
    unsorted = (row[1:] == row[:-1]) & (rank[1:] <= rank[:-1])
    if not unsorted.any():
        return at
    suspect = np.flatnonzero(np.isin(row, row[1:][unsorted]))
    identity = row[suspect] * len(fields.keys) + rank[suspect]
    _, last = np.unique(identity[::-1], return_index=True)
    keep = np.ones(len(at), np.bool_)
    keep[suspect] = False
    keep[suspect[len(suspect) - 1 - last]] = True
    return at[keep]
