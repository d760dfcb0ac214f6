"""NumPy to Arrow and back without a copy.

``pa.array`` and ``.to_numpy()`` import pandas at their first call, which takes 150 ms; these go by the
buffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

_ARROW = {np.dtype(np.int32): pa.int32(), np.dtype(np.int64): pa.int64()}


def to_arrow(values: NDArray[Any], valid: Mask | None = None) -> pa.Array:
    """An int32 or int64 array as Arrow array; null where ``valid`` is false."""
    values = np.ascontiguousarray(values)
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(_ARROW[values.dtype], len(values), [bitmap, pa.py_buffer(values)])


def to_codes(array: pa.Array) -> Codes:
    """The values of an int32 Arrow array; undefined where it is null."""
    if not len(array):
        return np.zeros(0, np.int32)
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array)]


def to_ints(array: pa.Array) -> Ints:
    """The values of an Arrow array of 64 bits each (integers, timestamps); undefined where it is null."""
    if not len(array):
        return np.zeros(0, np.int64)
    return np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array)]


def valid_mask(array: pa.Array) -> Mask:
    """Where an Arrow array is not null."""
    bitmap = array.buffers()[0]
    if bitmap is None:
        return np.ones(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].view(np.bool_)


def strings(texts: Iterable[str]) -> pa.StringArray:
    """Texts as an Arrow string array without nulls."""
    pieces = list(texts)
    joined = "".join(pieces)
    data = joined.encode("utf-8", "replace")
    if len(data) == len(joined):
        lengths = np.fromiter(map(len, pieces), np.int32, len(pieces))
    else:
        encoded = [piece.encode("utf-8", "replace") for piece in pieces]
        lengths = np.fromiter(map(len, encoded), np.int32, len(encoded))
    offsets = np.zeros(len(pieces) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(pieces), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def sparse_strings(length: int, texts: dict[int, str]) -> pa.StringArray:
    """A string array that is null but at the given positions."""
    if not texts:
        return pa.nulls(length, pa.string())
    index = np.zeros(length, np.int32)
    valid = np.zeros(length, np.bool_)
    places = np.fromiter(texts, np.int64, len(texts))
    index[places] = np.arange(len(texts), dtype=np.int32)
    valid[places] = True
    return strings(texts.values()).take(to_arrow(index, valid))


def slices(data: bytes | memoryview, starts: Ints, ends: Ints) -> pa.StringArray:
    """Pieces of UTF-8 text as a string array. Pieces stand in order and do not overlap."""
    count = len(starts)
    offsets = np.empty(2 * count + 1, np.int32)
    offsets[0:-1:2] = starts
    offsets[1::2] = ends
    offsets[-1] = ends[-1] if count else 0
    pieces = pa.Array.from_buffers(pa.string(), 2 * count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return pieces.take(to_arrow(np.arange(0, 2 * count, 2, dtype=np.int32)))


def labels(codes: Codes, names: Sequence[str], valid: Mask | None = None) -> pa.DictionaryArray:
    """A dictionary-encoded column; null where ``valid`` is false."""
    return pa.DictionaryArray.from_arrays(to_arrow(codes, valid), strings(names))


def constant(name: str, length: int) -> pa.DictionaryArray:
    """A dictionary-encoded column of one value."""
    return labels(np.zeros(length, np.int32), [name])
