"""Strict logrus lines to field boundaries, a chunk at a time.

The idea is that of simdjson, on packed NumPy words: find line ends, backslashes and quotes; from them what
stands within quotes; then the ``=`` and spaces outside quotes, which divide a strict line into fields
without looking at its characters again. A line with an odd number of quotes gets one more at its end, so
that damage never reaches the next line. What is not surely strict is left to ``logfmt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from analyzer.records.bits import Rank, Words, between, dense_positions, pack, positions, toggle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyzer.records.arrays import Ints, Mask

_NEWLINE, _QUOTE, _BACKSLASH, _SPACE, _EQUALS, _RETURN = b'\n"\\ =\r'


@dataclass
class Scan:
    """Where the fields of the strict lines are; all positions are bytes of the chunk.

    Attributes:
        strict: For each line, whether it was scanned.
        line: The line of each field, ascending.
        key: Where each key starts.
        equals: Where each key ends.
        value: Where each value starts, its quote not counted.
        end: Where each value ends, its quote not counted.
        quoted: Fields whose only escapes are quotes.
        escaped: Fields that hold other escapes.
    """

    strict: Mask
    line: Ints
    key: Ints
    equals: Ints
    value: Ints
    end: Ints
    quoted: Ints
    escaped: Ints


def line_ends(data: bytes) -> Ints:
    """Positions of the line ends."""
    return positions(pack(np.frombuffer(data, np.uint8) == _NEWLINE))


def scan(data: bytes | bytearray, begins: Ints, ends: Ints, wanted: Mask) -> Scan:
    """Finds the fields of strict lines.

    Args:
        data: Whole lines. What stands between the end of a line and the next ``begins`` must hold nothing but
            letters.
        begins: Where each line's payload starts.
        ends: Positions of the line ends.
        wanted: The lines that start with ``time=``; the others are not looked at.
    """
    text = np.frombuffer(data, np.uint8)
    size = len(text)
    mask = np.empty(size, np.bool_)

    newlines = pack(np.equal(text, _NEWLINE, out=mask))
    backslashes = pack(np.equal(text, _BACKSLASH, out=mask))
    escapes = _escapes(positions(backslashes))
    np.equal(text, _QUOTE, out=mask)
    mask[escapes + 1] = False
    quotes = pack(mask)
    quote_count = _per_line(Rank(quotes), ends)
    odd = (quote_count & 1) == 1
    if odd.any():
        toggle(quotes, ends[odd])
    within = between(quotes)

    structure = pack(np.equal(text, _SPACE, out=mask))
    structure |= pack(np.equal(text, _EQUALS, out=mask))
    structure |= newlines
    structure &= ~within
    structure_count = _per_line(Rank(structure), ends + 1)

    strict = wanted & ((structure_count & 1) == 0) & ~odd
    bare = backslashes & ~within
    if bare.any():
        strict[np.searchsorted(ends, positions(bare))] = False
    returns = (ends > begins) & (text[ends - 1] == _RETURN)
    if returns.any():
        strict &= ~(returns & (text[np.maximum(ends - 2, 0)] == _RETURN))
    _refuse_broken_text(data, text, begins, ends, strict)
    return _fields(text, structure, structure_count, quote_count, begins, ends, returns, strict, escapes)


def _escapes(backslashes: Ints) -> Ints:
    """The backslashes that escape the byte behind them: in a run of them, every second."""
    adjacent = np.diff(backslashes) == 1
    if not adjacent.any():
        return backslashes
    number = np.arange(len(backslashes))
    starts = np.concatenate([[True], ~adjacent])
    start: Ints = np.maximum.accumulate(np.where(starts, number, 0))
    even: Mask = ((number - start) & 1) == 0
    return backslashes[even]


def _per_line(rank: Rank, bounds: Ints) -> Ints:
    ranks = rank(bounds)
    counts: Ints = ranks.copy()
    counts[1:] -= ranks[:-1]
    return counts


def _refuse_broken_text(
    data: bytes | bytearray, text: NDArray[np.uint8], begins: Ints, ends: Ints, strict: Mask
) -> None:
    """Leaves lines that are no UTF-8 to the exact path."""
    if data.isascii() or _is_utf8(data):
        return
    lines = np.unique(np.searchsorted(ends, np.flatnonzero(text & 0x80)))
    for line in lines[strict[lines]].tolist():
        try:
            data[begins[line] : ends[line]].decode()
        except UnicodeDecodeError:
            strict[line] = False


def _is_utf8(data: bytes | bytearray) -> bool:
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _fields(
    text: NDArray[np.uint8],
    structure: Words,
    structure_count: Ints,
    quote_count: Ints,
    begins: Ints,
    ends: Ints,
    returns: Mask,
    strict: Mask,
    escapes: Ints,
) -> Scan:
    """Takes the structure apart; lines that do not fit leave ``strict``, and the rest is tried again."""
    every = dense_positions(structure, len(text))
    while True:
        lines = np.flatnonzero(strict)
        count = structure_count[lines] >> 1
        kept = every if len(lines) == len(strict) else every[np.repeat(strict, structure_count)]
        first = np.zeros(len(lines) + 1, np.int64)
        np.cumsum(count, out=first[1:])
        equals, end = kept[0::2], kept[1::2].copy()
        key = np.empty(len(equals), np.int64)
        key[1:] = end[:-1] + 1
        key[first[:-1]] = begins[lines]
        bad = (text[equals] != _EQUALS) | (text[end] == _EQUALS) | (equals == key)
        if returns.any():
            end[first[1:] - 1] -= returns[lines]
        quoted = (text[equals + 1] == _QUOTE) & (text[end - 1] == _QUOTE) & (end - equals > 2)
        if bad.any():
            strict[lines[np.searchsorted(first, np.flatnonzero(bad), "right") - 1]] = False
            continue
        # A quoted value has two quotes, all other fields none.
        if 2 * int(np.count_nonzero(quoted)) != int(quote_count[lines].sum()):
            strict[lines[2 * np.add.reduceat(quoted.astype(np.int64), first[:-1]) != quote_count[lines]]] = (
                False
            )
            continue
        break
    value, end = equals + 1 + quoted, end - quoted
    plain, other = _escaped_fields(text, escapes, value, end)
    return Scan(strict, np.repeat(lines, count), key, equals, value, end, plain, other)


def _escaped_fields(text: NDArray[np.uint8], escapes: Ints, value: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Fields with escaped quotes only, and fields with other escapes."""
    if not len(value) or not len(escapes):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing
    field = np.searchsorted(value, escapes, "right") - 1
    inside = (field >= 0) & (escapes < end[field])
    field = field[inside]
    other = np.unique(field[text[escapes[inside] + 1] != _QUOTE])
    return np.setdiff1d(field, other), other
