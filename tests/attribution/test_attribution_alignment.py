"""Lists that tell of the same events: what is paired is paired rightly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.attribution.alignment import align


def same(one: tuple[int, str], two: tuple[int, str]) -> bool:
    return one[1] == two[1]


def test_equal_lists_are_paired_member_by_member() -> None:
    events = [(0, "a"), (1, "a"), (2, "b")]
    assert align(events, events, same) == (list(zip(events, events, strict=True)), True)


def test_what_fits_in_two_ways_is_not_paired() -> None:
    all_, some = [(0, "a"), (1, "a"), (2, "b")], [(1, "a"), (2, "b")]
    assert align(all_, some, same) == ([((2, "b"), (2, "b"))], True)
    assert align(some, all_, same) == ([((2, "b"), (2, "b"))], True)


def test_lists_that_contradict_each_other_are_not_paired() -> None:
    assert align([(0, "a"), (1, "b")], [(0, "b"), (1, "a")], same) == ([], False)
    assert align([(0, "a")], [(0, "b")], same) == ([], False)


def test_nothing_lies_in_everything() -> None:
    assert align([], [(0, "a")], same) == ([], True)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.booleans())
def test_whatever_is_lost_no_pair_is_wrong(events: list[tuple[str, bool]], turned: bool) -> None:
    all_ = [(place, kind) for place, (kind, _) in enumerate(events)]
    some = [event for event, (_, stays) in zip(all_, events, strict=True) if stays]
    pairs, lies = align(some, all_, same) if turned else align(all_, some, same)
    assert lies
    assert all(one == two for one, two in pairs)
