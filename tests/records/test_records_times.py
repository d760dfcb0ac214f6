from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.arrays import strings
from analyzer.records.times import parse_times
from tests.records import reference

TIMES = st.from_regex(
    r"\A(19[67]\d|20\d\d|2[12]\d\d)-[01]\d-[0-3]\dT[012]\d:[0-6]\d:[0-6]\d(\.\d{1,10})?(Z|[+-][0-3]\d:?[0-6]\d|)\Z"
)


def nanoseconds(texts: list[str]) -> list[int | None]:
    values: list[int | None] = parse_times(strings(texts)).cast(pa.int64()).to_pylist()
    return values


def test_zones_and_fractions() -> None:
    second = 1_795_558_030 * 10**9
    assert nanoseconds(
        [
            "2026-11-24T22:07:10Z",
            "2026-11-25T01:07:10+03:00",
            "2026-11-24T17:37:10-0430",
            "2026-11-24T22:07:10.1234567Z",
            "2026-11-24T22:07:10.123456789Z",
        ]
    ) == [second, second, second, second + 123_456_700, second + 123_456_789]


def test_what_is_no_time_is_null() -> None:
    assert (
        nanoseconds(["", "0000", "2026-11-24", "2026-11-24T22:07:10", "2026-02-30T00:00:00Z"]) == [None] * 5
    )
    assert nanoseconds(["2300-01-01T00:00:00Z", "2026-11-24T22:07:60Z", "2026-11-24 22:07:10Z"]) == [None] * 3


@given(st.lists(TIMES, max_size=5))
def test_as_the_reference_reads_them(texts: list[str]) -> None:
    assert nanoseconds(texts) == [reference.nanoseconds(text) for text in texts]
