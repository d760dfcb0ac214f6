"""Wrapper prefixes of many lines at once, by the shapes that earlier lines showed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyzer.records.arrays import Ints
    from analyzer.records.wrappers import Unwrapped

_MOST_SHAPES = 32


@dataclass(frozen=True)
class Shape:
    """A prefix in which only the digits of times change from line to line.

    Attributes:
        pattern: The prefix of one line.
        digits: Where any digit may stand.
        stamp_at: Where the wrapper's RFC 3339 time stands.
        stream: The name that the prefix gives.
    """

    pattern: NDArray[np.uint8]
    digits: Ints
    letters: Ints
    stamp_at: tuple[int, int] | None
    stream: str | None

    @property
    def length(self) -> int:
        """Bytes of the prefix."""
        return len(self.pattern)

    def matches(self, text: NDArray[np.uint8], begins: Ints, ends: Ints) -> NDArray[np.bool_]:
        """Which lines begin with a prefix of this shape."""
        found = ends - begins >= self.length
        starts = begins[found]
        # Letters first, and of them the first and last alone: most lines that do not fit end here.
        for columns in (self.letters[[0, -1]], self.letters):
            fits = (text[starts[:, None] + columns] == self.pattern[columns]).all(axis=1)
            found[np.flatnonzero(found)[~fits]] = False
            starts = starts[fits]
        if len(self.digits):
            fits = ((text[starts[:, None] + self.digits] - np.uint8(48)) < 10).all(axis=1)
            found[np.flatnonzero(found)[~fits]] = False
        return found


def make_shape(line: bytes, found: Unwrapped) -> Shape:
    """The shape of the prefix of a line."""
    pattern = np.frombuffer(line[: found.prefix], np.uint8)
    changing = np.zeros(found.prefix, np.bool_)
    for start, end in found.times:
        changing[start:end] = (pattern[start:end] - np.uint8(48)) < 10
    return Shape(pattern, np.flatnonzero(changing), np.flatnonzero(~changing), found.stamp_at, found.stream)


@dataclass
class Shapes:
    """The shapes seen so far, longest first: a longer one says more about a line."""

    shapes: list[Shape] = field(default_factory=list)

    def add(self, shape: Shape) -> bool:
        """Remembers a shape; False when there are too many to be worth it."""
        if len(self.shapes) >= _MOST_SHAPES:
            return False
        self.shapes.append(shape)
        self.shapes.sort(key=lambda known: -known.length)
        return True

    def match(self, text: NDArray[np.uint8], begins: Ints, ends: Ints, lines: Ints) -> NDArray[np.int64]:
        """For each line the index of its shape, or -1.

        Args:
            text: The chunk.
            begins: Where each line starts.
            ends: Positions of the line ends.
            lines: The lines to match; the others get -1.
        """
        shape_of = np.full(len(begins), -1, np.int64)
        for number, shape in enumerate(self.shapes):
            if not len(lines):
                break
            fits = shape.matches(text, begins[lines], ends[lines])
            shape_of[lines[fits]] = number
            lines = lines[~fits]
        return shape_of
