"""What viewers of traces get: read back as they read it, whole, in order, and never evidence."""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import analyzer as bk
from analyzer.records.exportedspans import OWN_SCOPE, ExportedSpan
from analyzer.reports.perfetto import write_trace_events
from analyzer.reports.viewers import write_view
from tests.reports.rendering import HOSTILE

SAMPLES = ("mirror-fallback", "mirror-used-old", "parallel", "mirror-used-trace", "push-wrong-ca", "dockerd")


def seen_of(repository: Path, name: str) -> Any:
    sample = repository / "sample_logs" / name
    [log] = [path for path in sample.iterdir() if path.name.startswith(("buildkitd.log", "dockerd.log"))]
    traces = sample / "traces.otlp.jsonl"
    config = next(
        (path for path in (sample / "buildkitd.toml", sample / "daemon.json") if path.exists()), None
    )
    meant = bk.load_config(config) if config else None
    return bk.attribute(bk.read(log), meant, trace=traces if traces.exists() else None)


def tables_of(seen: Any) -> dict[str, Any]:
    return {name: seen.tables.rows(name) for name in seen.tables}


def read_otlp(path: Path) -> list[tuple[str, Any]]:
    """The spans by OpenTelemetry's own classes, each with its scope; IDs as they were written."""
    text = (gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()).decode()
    document = json_format.Parse(text, TracesData())
    return [
        (part.scope.name, span)
        for resource in document.resource_spans
        for part in resource.scope_spans
        for span in part.spans
    ]


def identifier(value: bytes) -> str:
    # the protobuf's own JSON has bytes in base64, where OTLP has hexadecimal digits
    return base64.b64encode(value).decode()


@pytest.mark.parametrize("name", SAMPLES)
def test_opentelemetry_reads_it_back(repository: Path, tmp_path: Path, name: str) -> None:
    seen = seen_of(repository, name)
    target = tmp_path / "a.json"
    written = write_view(target, tables_of(seen), "otlp")
    spans = read_otlp(target)
    assert written == {"spans": len(spans)}
    known = {(identifier(span.trace_id), identifier(span.span_id)) for _, span in spans}
    assert len(known) == len(spans)
    for scope, span in spans:
        assert len(identifier(span.trace_id)) == 32
        assert len(identifier(span.span_id)) == 16
        if scope == OWN_SCOPE:
            assert span.start_time_unix_nano <= span.end_time_unix_nano
            parent = identifier(span.parent_span_id)
            assert not parent or (identifier(span.trace_id), parent) in known
            assert any(one.key == "buildkit_analyzer.clock" for one in span.attributes)
    requests = seen.tables["requests"].to_pylist()
    drawn = [span for scope, span in spans if span.name.startswith("HTTP ")]
    assert len(drawn) == len(requests)


def test_a_request_says_what_the_conventions_name(repository: Path, tmp_path: Path) -> None:
    write_view(tmp_path / "a.json", tables_of(seen_of(repository, "mirror-fallback")), "otlp")
    refused = [
        span for _, span in read_otlp(tmp_path / "a.json") if span.name == "HTTP GET mirror.example.com"
    ]
    told = {one.key: one.value for one in refused[0].attributes}
    assert told["http.response.status_code"].int_value == 404
    assert told["server.address"].string_value == "mirror.example.com"
    assert told["buildkit_analyzer.role"].string_value == "mirror"
    assert (refused[0].kind, refused[0].status.code) == (3, 2)


def test_an_export_proves_nothing_of_its_own_log(repository: Path, tmp_path: Path) -> None:
    sample = repository / "sample_logs" / "mirror-used"
    log, config = bk.read(sample / "buildkitd.log"), bk.load_config(sample / "buildkitd.toml")
    write_view(tmp_path / "own.json", tables_of(bk.attribute(log, config)), "otlp")
    before = bk.check(log, config)
    after = bk.check(log, config, trace=tmp_path / "own.json")
    assert [(one.rule, one.verdict, one.evidence) for one in before.findings] == [
        (one.rule, one.verdict, one.evidence) for one in after.findings
    ]


def nothing_overlaps(events: list[dict[str, Any]]) -> bool:
    """Whether the complete events of each thread lie within each other or one after the other."""
    threads = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            threads[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
    for found in threads.values():
        ends: list[float] = []
        for start, minus in sorted(found):
            while ends and ends[-1] <= start:
                ends.pop()
            if ends and start - minus > ends[-1]:
                return False
            ends.append(start - minus)
    return True


REQUIRED = {"X": {"ph", "pid", "tid", "ts", "dur", "name", "cat", "args"}, "M": {"ph", "pid", "name", "args"}}
"""What the Trace Event Format demands of complete and of metadata events."""


@pytest.mark.parametrize("name", SAMPLES)
def test_perfetto_gets_events_that_lie_within_each_other(repository: Path, tmp_path: Path, name: str) -> None:
    write_view(tmp_path / "a.json.gz", tables_of(seen_of(repository, name)), "perfetto")
    document = json.loads(gzip.decompress((tmp_path / "a.json.gz").read_bytes()))
    assert document["displayTimeUnit"] == "ms"
    events = document["traceEvents"]
    for event in events:
        assert REQUIRED[event["ph"]] <= set(event)
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
        assert event["ph"] == "X" or event["name"] in {"process_name", "process_sort_index", "thread_name"}
    assert nothing_overlaps(events)
    named = {(event["pid"], event.get("tid")) for event in events if event["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in events if event["ph"] == "X"} == named


PLAIN = ExportedSpan("a" * 32, "", None, HOSTILE, "internal", 0, 0, "unset", None, None, None, {}, ())


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12)), max_size=40))
def test_no_spans_whatever_overlap_in_a_lane(times: list[tuple[int, int]]) -> None:
    spans = [
        ExportedSpan(
            "a" * 32,
            f"{n:016x}",
            None,
            HOSTILE,
            "internal",
            at * 1000,
            (at + lasts) * 1000,
            "unset",
            None,
            None,
            None,
            {},
            (),
        )
        for n, (at, lasts) in enumerate(times)
    ]
    events = json.loads("".join(write_trace_events(iter(spans))))["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == len(spans)
    assert nothing_overlaps(events)


@pytest.mark.parametrize("format_", ["otlp", "perfetto"])
def test_the_same_log_gives_the_same_bytes(repository: Path, tmp_path: Path, format_: str) -> None:
    for name in ("a.gz", "b.gz"):
        write_view(tmp_path / name, tables_of(seen_of(repository, "parallel")), format_)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    from analyzer.errors import OutputError

    with pytest.raises(OutputError, match="is no file"):
        write_view(tmp_path, {}, "otlp")
