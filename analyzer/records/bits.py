"""Sets of byte positions as bits packed into 64-bit words.

A set over a chunk of 2 MiB is 256 KiB: it stays in the processor's cache, and 64 positions are handled at
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from analyzer.records.arrays import Ints, Mask

Words = NDArray[np.uint64]

_ONE = np.uint64(1)
_TOP = np.uint64(63)
_SHIFTS = [np.uint64(1 << power) for power in range(6)]


def pack(mask: Mask) -> Words:
    """The set of true positions."""
    packed = np.packbits(mask, bitorder="little")
    short = -len(packed) % 8
    if short:
        packed = np.concatenate([packed, np.zeros(short, np.uint8)])
    return packed.view(np.uint64)


def positions(words: Words) -> Ints:
    """The members of a sparse set, ascending."""
    filled = np.flatnonzero(words)
    at = np.flatnonzero(np.unpackbits(words[filled].view(np.uint8), bitorder="little").view(np.bool_))
    members: Ints = (filled[at >> 6] << 6) + (at & 63)
    return members


def dense_positions(words: Words, size: int) -> Ints:
    """The members of a set that holds many of ``size`` positions, ascending."""
    return np.flatnonzero(np.unpackbits(words.view(np.uint8), count=size, bitorder="little").view(np.bool_))


def toggle(words: Words, at: Ints) -> None:
    """Adds each position to the set, or takes it out when it is there."""
    np.bitwise_xor.at(words, at >> 6, _ONE << (at & 63).astype(np.uint64))


def between(marks: Words) -> Words:
    """The positions from each odd mark (with it) to the next mark (without it): what stands within quotes."""
    inside = marks
    for shift in _SHIFTS:
        inside = inside ^ (inside << shift)
    parity = inside >> _TOP
    carried = np.zeros_like(parity)
    np.bitwise_xor.accumulate(parity[:-1], out=carried[1:])
    return inside ^ (np.uint64(0) - carried)


class Rank:
    """How many members of a set stand before a position."""

    def __init__(self, words: Words) -> None:
        self._words = np.append(words, np.uint64(0))
        self._before = np.zeros(len(words) + 2, np.int64)
        np.cumsum(np.bitwise_count(self._words), out=self._before[1:], dtype=np.int64)

    def __call__(self, at: Ints) -> Ints:
        """The ranks of positions up to the end of the chunk, which counts too."""
        word = at >> 6
        below = (_ONE << (at & 63).astype(np.uint64)) - _ONE
        ranks: Ints = self._before[word] + np.bitwise_count(self._words[word] & below)
        return ranks
