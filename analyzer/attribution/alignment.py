"""Two lists that tell of the same events in the same order, each perhaps not of all: what surely belongs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def align(
    first: Sequence[A], second: Sequence[B], fits: Callable[[A, B], bool]
) -> tuple[list[tuple[A, B]], bool]:
    """Pair the members of two lists as far as only one way is possible.

    The shorter list must lie in the longer one, in its order. Where it lies in more ways than one, only what each
    of them pairs alike is paired.

    Args:
        first: A list in its order.
        second: A list in its order.
        fits: Whether two members can be the same event.

    Returns:
        The pairs, and whether the shorter list lies in the longer one at all.
    """
    if len(first) > len(second):
        turned, lies = align(second, first, lambda two, one: fits(one, two))
        return [(one, two) for two, one in turned], lies
    left = _place(first, second, fits)
    if left is None:
        return [], False
    backwards = _place(first[::-1], second[::-1], fits)
    assert backwards is not None
    right = [len(second) - 1 - place for place in backwards[::-1]]
    pairs = zip(first, left, right, strict=True)
    return [(one, second[place]) for one, place, other in pairs if place == other], True


def _place(short: Sequence[A], long: Sequence[B], fits: Callable[[A, B], bool]) -> list[int] | None:
    """The places of the first way in which a list lies in another; None where it does not."""
    places: list[int] = []
    here = 0
    for one in short:
        while here < len(long) and not fits(one, long[here]):
            here += 1
        if here == len(long):
            return None
        places.append(here)
        here += 1
    return places
