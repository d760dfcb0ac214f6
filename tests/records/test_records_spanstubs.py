from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.exportedspans import Event, ExportedSpan
from analyzer.records.exportedtraces import SpanReader
from tests.tracefiles import TRACE_ID, printed, stub


def read(data: bytes) -> tuple[list[ExportedSpan], int]:
    reader = SpanReader(io.BytesIO(data))
    return list(reader), reader.damaged


def value(kind: str, told: object) -> dict[str, object]:
    return {"Type": kind, "Value": told}


def test_a_span_is_read_whole() -> None:
    told = stub(
        2,
        Attributes=[
            {"Key": "http.status_code", "Value": value("INT64", 404)},
            {"Key": "command", "Value": value("STRINGSLICE", ["buildctl", "a b"])},
            {"Key": "flag", "Value": value("BOOL", False)},
        ],
        Events=[{"Name": "http.tls.done", "Attributes": None}, {"Name": "message", "Attributes": None}],
        Status={"Code": 1, "Description": "no"},
    )
    [span], damaged = read(printed(told))
    assert damaged == 0
    assert span == ExportedSpan(
        TRACE_ID,
        "0000000000000002",
        "0000000000000001",
        "HTTP GET",
        "client",
        1795561913258687954,
        1795561913305081429,
        "error",
        "no",
        "buildkitd",
        "otelhttp",
        {"http.status_code": "404", "command": "buildctl 'a b'", "flag": "false"},
        (Event("http.tls.done", {}),),
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, "unset"), (1, "error"), (2, "ok"), ("Error", "error"), ("Ok", "ok"), (9, "unset")],
)
def test_status_codes_are_those_of_go(code: object, status: str) -> None:
    [span], _ = read(printed(stub(1, Status={"Code": code})))
    assert span.status == status


def test_a_parent_in_another_trace_is_no_parent() -> None:
    other = {"TraceID": "f" * 32, "SpanID": "1" * 16}
    nothing = {"TraceID": "0" * 32, "SpanID": "0" * 16}
    spans, _ = read(printed(stub(1, Parent=other), stub(2, Parent=nothing), stub(3, Parent=None)))
    assert [span.parent_span_id for span in spans] == [None, None, None]


def test_objects_on_one_line_each_are_read_too() -> None:
    stubs = [stub(number) for number in (1, 2, 3)]
    lines = "\n".join(map(json.dumps, stubs)).encode()
    assert read(lines) == read(printed(*stubs))
    assert len(read(lines)[0]) == 3


@pytest.mark.parametrize("cut", [(50, 400), (0, 30), (0, 1)])
def test_a_damaged_object_costs_only_itself(cut: tuple[int, int]) -> None:
    first = printed(stub(1))
    data = first[: cut[0]] + first[cut[1] :] + printed(stub(2), stub(3))
    spans, damaged = read(data)
    assert [span.span_id[-1] for span in spans][-2:] == ["2", "3"]
    assert damaged == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(stub(1))), JSON)
def test_no_value_of_a_member_raises(name: str, told: Any) -> None:
    spans, damaged = read(printed(stub(1) | {name: told}, stub(2)))
    assert spans[-1].span_id == f"{2:016x}"
    assert len(spans) + damaged == 2 or name == "SpanContext"
