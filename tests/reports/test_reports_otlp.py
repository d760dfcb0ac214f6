"""The table of spans written as OTLP and read again."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.redaction import Redactor
from analyzer.reports.otlp import write_otlp
from analyzer.sources.tracefiles import TraceFile, open_traces
from analyzer.tables.trace_spans import TraceSpans, read_trace_spans
from tests.attribution.made_traces import table_of
from tests.conftest import CAPTURES, REPOSITORY
from tests.tracefiles import http_span, jsonl, otlp_span, request, texts

TRACES = sorted((REPOSITORY / "sample_logs").glob("*-trace/*.otlp.jsonl")) + sorted(
    (REPOSITORY / "sample_logs").glob("*-trace/*.dockerbuild")
)
CAPTURED = sorted(CAPTURES.glob("otlp-*/traces.otlp.jsonl")) if CAPTURES else []
CAPTURED += sorted(CAPTURES.glob("otlp-*/*.dockerbuild")) if CAPTURES else []
URL = "https://user:hunter2@mirror.example.com/v2/library/alpine/manifests/3.20?ns=docker.io&sig=hunter3"


def again(found: TraceSpans, folder: Path) -> tuple[TraceSpans, bytes]:
    """What is read of what was written of spans."""
    path = folder / "again.jsonl"
    path.write_bytes(b"".join(write_otlp(found.rows)))
    return read_trace_spans([TraceFile("again", path, record=False)], Redactor()), path.read_bytes()


def told(found: TraceSpans) -> list[dict[str, Any]]:
    """The rows, but for the file that they came from."""
    return [{name: value for name, value in row.items() if name != "source"} for row in table_of(found.rows)]


@pytest.mark.parametrize("path", [*TRACES, *CAPTURED], ids=lambda path: f"{path.parent.name}-{path.suffix}")
@pytest.mark.parametrize("redact", [True, False])
def test_what_was_written_gives_the_same_rows(path: Path, tmp_path: Path, redact: bool) -> None:
    found = read_trace_spans(open_traces([str(path)]), Redactor(enabled=redact))
    if redact:
        back, _ = again(found, tmp_path)
    else:
        (tmp_path / "x.jsonl").write_bytes(b"".join(write_otlp(found.rows)))
        back = read_trace_spans(open_traces([str(tmp_path / "x.jsonl")]), Redactor(enabled=False))
    assert found.rows.num_rows
    assert told(back) == told(found)
    assert back.version == found.version
    assert back.damaged == ()


def test_the_captures_tell_of_connections(tmp_path: Path) -> None:
    """Else the test above would show nothing of these columns."""
    rows = [row for path in TRACES for row in told(read_trace_spans(open_traces([str(path)]), Redactor()))]
    assert {row["tls"] for row in rows} >= {"done", "none"}
    assert {row["connection_reused"] for row in rows} == {True, False, None}
    assert any(row["address"] for row in rows)
    assert {row["status"] for row in rows} >= {"unset", "error"}


def test_no_secret_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(request([http_span(1, URL)])))
    found = read_trace_spans(open_traces([str(path)]), Redactor())
    back, written = again(found, tmp_path)
    assert b"hunter" in path.read_bytes()
    assert b"hunter" not in written
    assert told(back) == told(found)
    assert found.redactions
    assert back.redactions == 0


def test_each_line_is_a_request_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(request([otlp_span(number) for number in range(1, 701)])))
    found = read_trace_spans(open_traces([str(path)]), Redactor())
    lines = [json.loads(line) for line in b"".join(write_otlp(found.rows)).splitlines()]
    assert len(lines) == 3
    assert all(list(line) == ["resourceSpans"] for line in lines)


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_events = st.lists(
    st.builds(
        lambda name, attributes: {"name": name, "attributes": texts(**attributes)},
        st.sampled_from(["http.tls.done", "http.getconn.done", "http.connect.x.done", "exception", "other"]),
        st.dictionaries(
            st.sampled_from(
                [
                    "http__tls__error",
                    "http__remote",
                    "http__conn__reused",
                    "exception__message",
                    "exception__type",
                ]
            ),
            st.sampled_from(["", "true", "false", "10.0.0.1:443", "x509: unknown authority", "reset"]),
        ),
    ),
    max_size=4,
)
_attributes = st.dictionaries(
    st.sampled_from(["url.full", "http.url", "error.type", "http.status_code", "url.scheme", "x"]),
    st.sampled_from(
        ["", "404", "999999", "*tls.Error", "https://a.example.com/v2/", "http://b:5000/v2/x?ns=c", "é\x1b"]
    ),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["HTTP GET", "HTTP HEAD", "HTTP x", "resolving", ""]) | _text,
                "kind": st.integers(0, 6),
                "status": st.fixed_dictionaries(
                    {},
                    optional={
                        "code": st.integers(0, 3),
                        "message": st.sampled_from(["", "tls: bad", "EOF", "x509: no"]),
                    },
                ),
                "events": _events,
                "attributes": _attributes.map(
                    lambda values: [
                        {"key": key, "value": {"stringValue": value}} for key, value in values.items()
                    ]
                ),
                "startTimeUnixNano": st.sampled_from(["0", "1", "1795561779415675788", "x"]),
                "endTimeUnixNano": st.sampled_from(["", "5", "1795561779415675789"]),
                "parentSpanId": st.sampled_from(["", "0" * 16, "ab" * 8]),
            }
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["", "buildkitd"]),
    st.sampled_from(["", "otelhttp"]),
)
def test_whatever_a_span_tells_it_tells_again(spans: list[dict[str, Any]], service: str, scope: str) -> None:
    made = [otlp_span(number, **span) for number, span in enumerate(spans, 1)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "a.jsonl"
        path.write_bytes(jsonl(request(made, service, scope)))
        found = read_trace_spans([TraceFile("a", path, record=False)], Redactor())
        back, _ = again(found, folder)
    assert told(back) == told(found)


DONE, RACED = (
    {"name": "http.tls.done"},
    {"name": "http.tls.done", "attributes": texts(http__tls__error="reset")},
)
REUSED = {
    "name": "http.getconn.done",
    "attributes": texts(http__conn__reused="true", http__remote="10.0.0.1:443"),
}
TRIED = {"name": "http.connect.10.0.0.1:443.done", "attributes": texts(http__remote="10.0.0.1:443")}
FAULT = {"name": "exception", "attributes": texts(exception__message="EOF")}


@pytest.mark.parametrize(
    ("events", "status", "status_code", "expected"),
    [
        ([], {}, 200, ("none", None, None, None)),
        ([DONE], {}, 200, ("done", None, None, None)),
        ([RACED, DONE], {}, 200, ("done", None, None, None)),
        ([RACED], {}, 200, ("error", None, None, None)),
        ([RACED], {"code": 2}, None, ("error", "reset", None, None)),
        ([RACED], {}, None, ("error", "reset", None, None)),
        ([], {"code": 2, "message": "tls: bad"}, None, ("error", "tls: bad", None, None)),
        ([TRIED, FAULT], {}, None, ("none", "EOF", "10.0.0.1:443", None)),
        ([TRIED, FAULT], {"code": 2}, 200, ("none", "EOF", "10.0.0.1:443", None)),
        ([REUSED], {"code": 1}, 404, ("none", None, "10.0.0.1:443", True)),
    ],
)
def test_what_events_told_is_kept(
    tmp_path: Path,
    events: list[dict[str, Any]],
    status: dict[str, Any],
    status_code: int | None,
    expected: tuple[str | None, ...],
) -> None:
    path = tmp_path / "a.jsonl"
    made = http_span(1, "https://a.example.com/v2/", status_code=status_code, events=events, status=status)
    path.write_bytes(jsonl(request([made])))
    found = read_trace_spans(open_traces([str(path)]), Redactor())
    back, _ = again(found, tmp_path)
    for rows in (told(found), told(back)):
        assert tuple(rows[0][name] for name in ("tls", "error", "address", "connection_reused")) == expected
    assert told(back) == told(found)
