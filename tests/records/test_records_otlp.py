from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.exportedspans import Event, ExportedSpan, go_time, identifier, nanoseconds
from analyzer.records.exportedtraces import SpanReader
from tests.tracefiles import START, TRACE_ID, http_span, jsonl, otlp_span, printed, request, stub, texts


class Dribble(io.RawIOBase):
    """A stream that gives as many bytes at a time as it likes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._rest = data
        self._sizes = [*sizes] or [1]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        count = self._sizes[0] if len(self._sizes) == 1 else self._sizes.pop(0)
        given, self._rest = self._rest[:count], self._rest[count:]
        return given


def read(data: bytes, size: int = 1 << 20) -> tuple[list[ExportedSpan], int]:
    reader = SpanReader(io.BytesIO(data), size=size)
    return list(reader), reader.damaged


def test_a_span_is_read_whole() -> None:
    told = http_span(
        2,
        "https://mirror.example.com/v2/",
        status={"code": 2, "message": "no"},
        events=[{"name": "http.tls.done"}, {"name": "message", "attributes": texts(a="b")}],
    )
    [span], damaged = read(jsonl(request([told])))
    assert damaged == 0
    assert span == ExportedSpan(
        TRACE_ID,
        "0000000000000002",
        "0000000000000001",
        "HTTP GET",
        "client",
        START + 2,
        START + 1_002,
        "error",
        "no",
        "buildkitd",
        "otelhttp",
        {
            "http.request.method": "GET",
            "url.full": "https://mirror.example.com/v2/",
            "http.response.status_code": "200",
        },
        (Event("http.tls.done", {}),),
    )


def snake(value: Any) -> Any:
    """A request as another printer of protobuf writes it: other names, base64, numbers, names of enumerations."""
    if isinstance(value, list):
        return [snake(one) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
        if key in ("traceId", "spanId", "parentSpanId"):
            inner = base64.b64encode(bytes.fromhex(inner)).decode()
        elif key.endswith("UnixNano") or key == "intValue":
            inner = int(inner)
        elif key == "kind":
            inner = "SPAN_KIND_CLIENT"
        elif key == "status":
            inner = {"code": "STATUS_CODE_ERROR"}
        found[name] = snake(inner)
    return found


def test_other_printers_of_protobuf_are_read_alike() -> None:
    told = request([http_span(number, "https://m/v2/", status={"code": 2}) for number in (1, 2)])
    assert read(jsonl(told)) == read(jsonl(snake(told)))
    older = json.loads(json.dumps(told).replace("scopeSpans", "instrumentationLibrarySpans"))
    assert read(jsonl(told)) == read(jsonl(older))


def test_any_layout_of_the_file_gives_the_same_spans() -> None:
    requests = [
        request([otlp_span(number) for number in (1, 2)]),
        request([otlp_span(3)], service="buildctl"),
    ]
    lines = read(jsonl(*requests))
    assert len(lines[0]) == 3
    merged = {"resourceSpans": [one["resourceSpans"][0] for one in requests]}
    for text in (
        json.dumps(merged),
        json.dumps(merged, indent=2),
        json.dumps(merged, indent="\t") + "\n\n",
        json.dumps(requests),
        json.dumps(requests, indent=1),
        "\r\n".join(map(json.dumps, requests)),
        "\ufeff" + jsonl(*requests).decode(),
        "\n  ".join(map(json.dumps, requests)),
    ):
        assert read(text.encode()) == lines, text


def test_an_object_that_is_too_large_is_read_in_parts() -> None:
    whole = request([otlp_span(number, name=f"é{number}") for number in range(1, 200)])
    expected = read(jsonl(whole))
    assert len(expected[0]) == 199
    for size in (5_000, 5_001, 20_000):
        assert read(jsonl(whole), size) == expected
        assert read(json.dumps(whole, indent=1, ensure_ascii=False).encode(), size) == expected
        assert read(jsonl(whole, whole), size)[0] == expected[0] * 2


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_damage_costs_only_itself(at: float) -> None:
    line = jsonl(request([otlp_span(number) for number in range(1, 41)]))
    place = int(len(line) * at)
    spans, damaged = read(line[:place] + b"\x00\xff}{" + line[place + 4 :] + jsonl(request([otlp_span(99)])))
    ids = [span.span_id for span in spans]
    assert damaged >= 1
    assert len(ids) >= 39
    assert ids[-1] == f"{99:016x}"
    assert {span.service for span in spans} == {"buildkitd"}


def test_a_file_that_is_cut_gives_what_is_whole() -> None:
    line = jsonl(request([otlp_span(number) for number in range(1, 41)]))
    spans, damaged = read(line[: len(line) // 2])
    assert 15 <= len(spans) <= 20
    assert damaged == 1


def test_what_is_not_known_is_passed_over() -> None:
    span = otlp_span(1, flags=256, links=[{"spanId": "00"}], droppedEventsCount=1, later={"a": [1]})
    odd: dict[str, Any] = {"resourceMetrics": [{"scopeMetrics": []}]}
    spans, damaged = read(jsonl(odd, request([span]), {}))
    assert (len(spans), damaged) == (1, 0)
    for wrong in ({"traceId": "xyz"}, {"spanId": None}, {"spanId": "0" * 16}):
        assert read(jsonl(request([otlp_span(1) | wrong, otlp_span(2)])))[1] == 1
    for odd_member in ({"kind": 99}, {"status": 7}, {"attributes": {"a": 1}}, {"events": "x"}, {"name": 3}):
        assert len(read(jsonl(request([otlp_span(1) | odd_member])))[0]) == 1


def test_values_of_attributes_become_text() -> None:
    values = {
        "a": {"boolValue": True},
        "b": {"intValue": 7},
        "c": {"doubleValue": 1.5},
        "d": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": "2"}]}},
        "e": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}},
        "f": {},
        "command": {"arrayValue": {"values": [{"stringValue": "a b"}, {"stringValue": "--c"}]}},
        "half": {"stringValue": "\ud800"},
    }
    told = [{"key": key, "value": value} for key, value in values.items()]
    [span], _ = read(jsonl(request([otlp_span(1, attributes=told)])))
    assert span.attributes == {
        "a": "true",
        "b": "7",
        "c": "1.5",
        "d": "x, 2",
        "e": "k=v",
        "f": "",
        "command": "'a b' --c",
        "half": "?",
    }


def test_identifiers_and_times() -> None:
    assert identifier("ABCDEF0123456789", 16) == "abcdef0123456789"
    assert identifier("q83vASNFZ4k=", 16) == "abcdef0123456789"
    assert [identifier(value, 16) for value in ("", "0" * 16, "g" * 16, 5, None, "q83v", "١" * 16)] == [
        None
    ] * 7
    assert [nanoseconds(value) for value in ("5", 5, "x", None, True, -1, "0", 1e400, 1 << 64)] == [
        *(5, 5),
        *[None] * 7,
    ]
    assert go_time("2026-11-24T23:11:53.258687954Z") == 1795561913258687954
    assert go_time("2026-11-25T01:11:53.25+02:00") == 1795561913250000000
    assert [go_time(value) for value in ("0001-01-01T00:00:00Z", "x", 5, "2026")] == [None] * 4


DEEP = b'{"a":' * 3_000
PIECES = [
    jsonl(request([otlp_span(1), otlp_span(2)])),
    jsonl(request([otlp_span(3)]))[:200],
    printed(stub(4), stub(5)),
    printed(stub(6))[:150],
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\n",
    b"\xff",
    b"\xc3",
    "é".encode(),
    b"null\n",
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[',
    b'"spanId"',
    b"NaN",
    b"9" * 50,
]
FILES = st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.binary(max_size=200))


@given(FILES, st.lists(st.integers(1, 300), min_size=1, max_size=8), st.sampled_from([64, 700, 1 << 20]))
def test_any_bytes_in_any_chunks_give_the_same_spans(data: bytes, sizes: list[int], size: int) -> None:
    whole = read(data, size)
    reader = SpanReader(Dribble(data, sizes), size=size)  # type: ignore[arg-type]
    assert (list(reader), reader.damaged) == whole


@given(st.lists(st.sampled_from(PIECES[4:]), max_size=6), st.lists(st.sampled_from(PIECES[4:]), max_size=6))
def test_what_stands_around_a_line_costs_it_nothing(before: list[bytes], after: list[bytes]) -> None:
    line = jsonl(request([otlp_span(70)]))
    spans, _ = read(b"".join(before) + b"\n" + line + b"".join(after))
    assert f"{70:016x}" in [span.span_id for span in spans]


def test_what_is_made_to_be_slow_is_given_up() -> None:
    assert read(DEEP * 20) == ([], 1)
    assert read(b'{"a":[' * 100_000) == ([], 1)
    assert read(jsonl({"a": json.loads("[" * 900 + "]" * 900)})) == ([], 0)
