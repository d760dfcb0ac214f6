from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from analyzer.redaction import Redactor
from analyzer.sources.tracefiles import open_traces
from analyzer.tables import spanorder, trace_spans
from analyzer.tables.spool import Spool
from analyzer.tables.trace_spans import SPEC, TraceSpans, read_trace_spans
from tests.tracefiles import (
    http_span,
    jsonl,
    layout,
    otlp_span,
    printed,
    record,
    request,
    stub,
    texts,
    write,
)

URL = "https://mirror.example.com/v2/library/alpine/manifests/3.20?ns=docker.io"


def read(*paths: Path) -> TraceSpans:
    return read_trace_spans(open_traces([str(path) for path in paths]), Redactor())


def rows(found: TraceSpans) -> list[dict[str, Any]]:
    table = found.rows.table()
    for name in ("start", "end"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.int64()))
    told: list[dict[str, Any]] = table.to_pylist()
    return told


def one(tmp_path: Path, span: dict[str, Any]) -> dict[str, Any]:
    [row] = rows(read(write(tmp_path, "a.jsonl", jsonl(request([span])))))
    return row


def event(name: str, **attributes: str) -> dict[str, Any]:
    return {"name": name, "attributes": texts(**attributes)}


CONNECTED = event("http.getconn.done", http__remote="10.0.0.1:443", http__conn__reused="false")
HANDSHAKE = event("http.tls.done")
REFUSED = event("http.tls.done", http__tls__error="x509: certificate signed by unknown authority")


def test_a_request_is_a_row(tmp_path: Path) -> None:
    span = http_span(2, URL, method="HEAD", events=[event("http.tls.start"), HANDSHAKE, CONNECTED])
    row = one(tmp_path, span)
    told = {name: row[name] for name in ("url", "host", "method", "status_code", "tls", "address", "error")}
    assert told == {
        "url": URL,
        "host": "mirror.example.com",
        "method": "HEAD",
        "status_code": 200,
        "tls": "done",
        "address": "10.0.0.1:443",
        "error": None,
    }
    assert (row["kind"], row["service"], row["scope"], row["connection_reused"]) == (
        "client",
        "buildkitd",
        "otelhttp",
        False,
    )
    assert dict(row["attributes"])["http.response.status_code"] == "200"
    assert row["end"] - row["start"] == 1_000


def test_both_generations_of_attributes_say_the_same(tmp_path: Path) -> None:
    new = one(tmp_path, http_span(1, URL, status_code=404))
    told = [
        *texts(http__method="GET", http__url=URL),
        {"key": "http.status_code", "value": {"intValue": "404"}},
    ]
    old = one(tmp_path, otlp_span(1, attributes=told))
    for name in ("url", "host", "method", "status_code", "tls", "error"):
        assert new[name] == old[name]
    assert new["status_code"] == 404


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("remotes.docker.resolver.HTTPRequest", texts(url__full=URL, http__request__method="GET")),
        ("moby.buildkit.v1.Control/Solve", texts(server__address="/run/buildkit/buildkitd.sock")),
        ("HTTP GET", texts(server__address="/run/buildkit/buildkitd.sock")),
        ("HTTP GET", texts(url__full="unix:///run/buildkit/buildkitd.sock")),
        ("HTTP GET", texts(url__full="https://[::1/v2/")),
    ],
)
def test_what_is_no_request_names_no_host(
    tmp_path: Path, name: str, attributes: list[dict[str, Any]]
) -> None:
    row = one(tmp_path, otlp_span(1, name, attributes=attributes))
    assert [row[name] for name in ("url", "host", "method", "status_code", "tls")] == [*[None] * 4, "none"]


@pytest.mark.parametrize(
    ("events", "status_code", "message", "tls"),
    [
        ([HANDSHAKE], 200, None, "done"),
        ([HANDSHAKE], None, None, "done"),
        ([REFUSED], None, None, "error"),
        ([REFUSED, HANDSHAKE], 200, None, "done"),
        ([REFUSED, HANDSHAKE], None, None, "error"),
        ([event("http.tls.start")], None, None, "none"),
        ([], None, "remote error: tls: bad certificate", "error"),
        ([], None, "dial tcp 10.0.0.1:443: connect: connection refused", "none"),
        ([], 200, None, "none"),
    ],
)
def test_how_the_handshake_went(
    tmp_path: Path, events: list[dict[str, Any]], status_code: int | None, message: str | None, tls: str
) -> None:
    status = {"code": 2, "message": message} if message else {}
    row = one(tmp_path, http_span(1, URL, status_code=status_code, events=events, status=status))
    assert row["tls"] == tls


def test_an_answer_is_no_error_and_a_failure_is(tmp_path: Path) -> None:
    refused = http_span(1, URL, status_code=404, status={"code": 2})
    refused["attributes"] += texts(error__type="404")
    row = one(tmp_path, refused)
    assert (row["status"], row["error"]) == ("error", None)
    raised = event("exception", exception__type="*net.OpError", exception__message="refused")
    assert one(tmp_path, http_span(1, URL, status_code=None, events=[raised]))["error"] == "refused"
    named = http_span(1, URL, status_code=None, status={"code": 2})
    named["attributes"] += texts(error__type="*net.OpError")
    assert one(tmp_path, named)["error"] == "*net.OpError"
    solve = otlp_span(1, "Control/Solve", status={"code": 2, "message": "failed to read ca.pem"})
    assert one(tmp_path, solve)["error"] == "failed to read ca.pem"


def test_secrets_do_not_get_through(tmp_path: Path) -> None:
    secret = "verysecretvalue"
    span = http_span(1, f"https://user:{secret}@cdn.example.com/x?verify={secret}&ns=docker.io")
    span["attributes"] += texts(
        http__request__header__authorization=f"Bearer {secret}",
        http__request__header__cookie=secret,
        http__response__header__x_amz_token=secret,
        http__authorization=secret,
        http__referer=f"https://cdn.example.com/?sig={secret}",
        command=f"buildctl build --opt build-arg:TOKEN={secret}",
    )
    span["status"] = {"code": 2, "message": f"Get https://cdn.example.com/x?sig={secret}: EOF"}
    found = read(write(tmp_path, "a.jsonl", jsonl(request([span]))))
    [row] = rows(found)
    assert secret not in json.dumps(row)
    assert "ns=docker.io" in row["url"]
    assert row["host"] == "cdn.example.com"
    assert found.redactions >= 8
    [kept] = rows(read_trace_spans(open_traces([str(tmp_path / "a.jsonl")]), Redactor(enabled=False)))
    assert secret in json.dumps(kept)


def test_a_trace_parent_is_left_out(tmp_path: Path) -> None:
    span = http_span(1, URL)
    span["attributes"] += texts(http__request__header__traceparent="00-1-2-01", http__traceparent="x")
    assert "traceparent" not in json.dumps(one(tmp_path, span))


def test_a_span_that_came_twice_stands_once_the_fuller_one(tmp_path: Path) -> None:
    half = http_span(1, URL, status_code=None, endTimeUnixNano="0")
    full = http_span(1, URL)
    for number, spans in enumerate(([half, full], [full, half], [full, full], [half, half])):
        [row] = rows(read(write(tmp_path, f"{number}.jsonl", jsonl(request(spans)))))
        assert row["status_code"] == (200 if full in spans else None)
    last = http_span(1, URL) | {"name": "HTTP PUT"}
    assert [row["name"] for row in rows(read(write(tmp_path, "x", jsonl(request([full, last])))))] == [
        "HTTP PUT"
    ]


def test_rows_come_by_file_trace_start_and_span(tmp_path: Path) -> None:
    other = "f" * 32
    spans = [otlp_span(3), otlp_span(1), otlp_span(2), otlp_span(9, traceId=other), otlp_span(4)]
    first = write(tmp_path, "z.jsonl", jsonl(request(spans[:3])))
    second = write(tmp_path, "a.jsonl", jsonl(request([*spans[3:], otlp_span(1)])))
    told = [(Path(row["source"]).name, row["span_id"][-1]) for row in rows(read(first, second))]
    # the span that both files hold is that of the later one
    assert told == [("z.jsonl", "2"), ("z.jsonl", "3"), ("a.jsonl", "1"), ("a.jsonl", "4"), ("a.jsonl", "9")]


def test_one_trace_in_two_forms_is_the_same(tmp_path: Path) -> None:
    first = write(tmp_path, "a.jsonl", jsonl(request([otlp_span(1), otlp_span(2)])))
    second = write(tmp_path, "a.dockerbuild", record(layout(printed(stub(1), stub(2)))))
    assert read(first, second).rows.num_rows == 2
    assert read(second).files == (str(second),)


def test_damage_is_told_and_costs_only_itself(tmp_path: Path) -> None:
    line = jsonl(request([otlp_span(1)]))
    found = read(write(tmp_path, "a.jsonl", line + b"garbage\n{\n" + line.replace(b"0001", b"0002")))
    assert found.rows.num_rows == 2
    [told] = found.damaged
    assert told.endswith("could not be read")
    nothing = read(write(tmp_path, "b.jsonl", jsonl({"resourceSpans": []})))
    assert nothing.damaged == (f"{tmp_path / 'b.jsonl'}: it holds no span",)


def test_the_version_is_known_where_all_requests_agree(tmp_path: Path) -> None:
    def agent(number: int, text: str) -> dict[str, Any]:
        span = http_span(number, URL)
        span["attributes"] += texts(user_agent__original=text)
        return span

    old, new, layer = agent(1, "buildkit/v0.17"), agent(2, "buildkit/v0.32"), agent(3, "containerd/1.7.22")
    assert read(write(tmp_path, "a", jsonl(request([old, layer])))).version == "v0.17"
    assert read(write(tmp_path, "b", jsonl(request([old, new])))).version is None
    assert read(write(tmp_path, "c", jsonl(request([layer])))).version is None


def test_rows_in_a_file_come_out_as_those_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random_ = random.Random(5)
    spans = [http_span(random_.randrange(1, 400), f"{URL}&n={number}") for number in range(600)]
    for span in spans:
        if random_.random() < 0.3:
            span["attributes"] += texts(more="x")
        if random_.random() < 0.1:
            del span["startTimeUnixNano"]
        span["traceId"] = f"{random_.randrange(1, 4):032x}"
    paths = [
        write(tmp_path, f"{number}.jsonl", jsonl(*(request([span]) for span in spans[number::2])))
        for number in (0, 1)
    ]
    expected = rows(read(*paths))
    assert len(expected) < 600
    monkeypatch.setattr(trace_spans, "_TOGETHER", 50)
    monkeypatch.setattr(trace_spans, "Spool", lambda schema: Spool(schema, memory_bytes=1_000))
    found = read(*paths)
    assert rows(found) == expected
    assert found.rows.schema.equals(SPEC.schema)


def test_rows_made_in_many_parts_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = [http_span(number, URL, traceId=f"{number % 7 + 1:032x}") for number in range(1, 300)]
    path = write(tmp_path, "a.jsonl", jsonl(request(spans + spans[::3])))
    expected = rows(read(path))
    assert len(expected) == 299
    monkeypatch.setattr(spanorder, "GROUP_ROWS", 7)
    assert rows(read(path)) == expected
    monkeypatch.setattr(spanorder, "_PART_ROWS", 1)
    assert rows(read(path)) == expected


def test_real_traces_name_the_hosts_that_were_asked(captures_root: Path | None) -> None:
    if captures_root is None:
        pytest.skip("no captures beside this checkout")
    judged = 0
    for path in sorted(captures_root.glob("otlp-*/truth.json")):
        truth = json.loads(path.read_text())
        for block in ("otlp", "dockerbuild"):
            told = truth.get(block) or {}
            if not told.get("hosts_equal_registry_log"):
                continue
            judged += 1
            found = read(path.parent / told["file"])
            assert found.damaged == ()
            seen = Counter(
                row["host"]
                for row in rows(found)
                if row["status_code"] is not None and urlsplit(row["url"]).path.startswith("/v2/")
            )
            asked = {host: number for host, number in truth["requests_by_host"].items() if number}
            assert {host: seen[host] for host in asked} == asked, path
            if "spans" in told and block == "otlp":
                assert found.rows.num_rows == told["unique_spans"]
    assert judged > 15
