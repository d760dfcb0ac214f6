"""A set of digests that a log may have millions of: what was fetched stays known as long as the daemon runs."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

_YOUNG = 1 << 16


class Digests:
    """A set of texts in eight bytes each; two of a million are taken for one with a chance of one in 10^7."""

    def __init__(self) -> None:
        self._young: set[str] = set()
        self._old = np.zeros(0, np.uint64)

    def __deepcopy__(self, memo: dict[int, Any]) -> Digests:
        copied = Digests()
        # what is old is replaced and never changed
        copied._young, copied._old = set(self._young), self._old
        return copied

    def add(self, text: str) -> None:
        """Put a text in."""
        self._young.add(text)
        if len(self._young) >= _YOUNG:
            marks = np.array([_mark(one) for one in self._young], np.uint64)
            self._old = np.union1d(self._old, marks)
            self._young = set()

    def __contains__(self, text: str) -> bool:
        if text in self._young:
            return True
        if not len(self._old):
            return False
        mark = _mark(text)
        place = int(np.searchsorted(self._old, np.uint64(mark)))
        return place < len(self._old) and int(self._old[place]) == mark


def _mark(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
