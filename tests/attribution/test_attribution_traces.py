"""Logs joined with exported traces: proven where both agree, untouched where they may not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.attribution.requests import attribute_requests
from analyzer.attribution.traces import Joined, join_traces, no_requests, requests_of_traces, with_recorded
from analyzer.tables.coverage import SPEC as COVERAGE
from analyzer.tables.coverage import DaemonLocator
from analyzer.tables.daemons import SPEC as DAEMONS
from analyzer.tables.spool import Rows
from analyzer.tables.traces import SPEC as TRACES
from tests.attribution.made_traces import AT, MIRROR, UPSTREAM, MadeTrace, table_of, url_of
from tests.loglines import DIGEST, Lookup, fetch_layer, line, observe

LOOKUP = Lookup()
FALLBACK = [
    LOOKUP("resolving"),
    LOOKUP.head(),
    LOOKUP.answer("404 Not Found"),
    LOOKUP("trying next host after status: 404 Not Found", "info"),
    LOOKUP("resolving"),
    LOOKUP.head(),
    LOOKUP.answer(),
    LOOKUP("resolved"),
]
"""A look-up of v0.16 and later, whose lines name no host."""


def trace(first: int = 404, second: int = 200, mirror: str = MIRROR) -> MadeTrace:
    made = MadeTrace()
    home = made.resolving()
    made.ask(home, mirror, first)
    made.ask(home, UPSTREAM, second)
    return made


def named(joined: Joined) -> list[tuple[Any, ...]]:
    return [
        (row["host"], row["host_evidence"], row["status_code"], row["trace_span_id"])
        for row in table_of(joined.observed)
    ]


def pulls(joined: Joined) -> list[tuple[Any, ...]]:
    found = attribute_requests(joined.observed, DaemonLocator(DAEMONS.empty()), None)
    return [(row["kind"], row["served_by"], row["outcome"], row["evidence"]) for row in table_of(found.pulls)]


def join(lines: list[str], spans: Rows, **more: Any) -> Joined:
    return join_traces(observe(*lines).observed, spans, **more)


def test_a_look_up_gets_its_hosts_from_its_spans() -> None:
    joined = join(FALLBACK, trace().rows_of())
    assert named(joined) == [(MIRROR, "proof", 404, "h4"), (UPSTREAM, "proof", 200, "h6")]
    assert pulls(joined) == [("resolve", UPSTREAM, "served", "proof")]
    assert table_of(joined.observed)[0]["host_why"] == "the span h4 of the exported trace"
    assert [row["role"] for row in table_of(joined.observed)] == ["mirror", "upstream"]
    covered = asdict(joined.covered)
    assert (covered["requests"], covered["requests_with_span"], covered["spans"]) == (2, 2, 2)
    assert joined.recorded


def test_records_stay_those_of_the_log() -> None:
    rows = table_of(join(FALLBACK, trace().rows_of()).observed)
    before = table_of(observe(*FALLBACK).observed)
    assert [row["record"] for row in rows] == [row["record"] for row in before]
    assert [row["place"] for row in rows] == [row["record"] for row in rows]


def test_what_fits_in_two_ways_stays_as_the_log_has_it() -> None:
    twice = [*FALLBACK[:2], LOOKUP.answer("404 Not Found"), *FALLBACK[3:6], LOOKUP.answer("404 Not Found")]
    both = trace(404, 404)
    assert [host for host, *_ in named(join(twice, both.rows_of()))] == [MIRROR, UPSTREAM]
    one = join(twice, both.rows_of(without=("h4",)))
    assert [host for host, *_ in named(one)] == [None, None]
    assert one.covered.doubtful == 1
    assert not one.recorded


def test_where_both_lack_something_order_is_no_proof() -> None:
    lines = [*FALLBACK[4:8]]
    torn = trace(200, 200).rows_of(without=("h6",))
    assert named(join(lines, torn, cut=True)) == [(None, "none", 200, None)]


def test_a_digest_tells_requests_apart() -> None:
    lookup = [
        LOOKUP("resolving"), LOOKUP.head(), LOOKUP.answer(**{"response.header.docker-content-digest": DIGEST}),
        LOOKUP("resolved"), LOOKUP("fetch"), LOOKUP.get(),
        LOOKUP.answer(**{"response.header.docker-content-digest": DIGEST}),
    ]  # fmt: skip
    made = MadeTrace()
    home = made.resolving()
    made.ask(home, MIRROR, 200)
    made.ask(home, MIRROR, 200, method="GET", rest="manifests/sha256:" + "cd" * 32)
    joined = join(lookup, made.rows_of())
    assert [host for host, *_ in named(joined)] == [MIRROR, None]
    assert contradictions(joined) == [("request", f"GET {DIGEST}", "GET sha256:" + "cd" * 32)]


def test_a_layer_is_found_by_its_url() -> None:
    lines = fetch_layer((MIRROR, True, "200 OK"))
    made = MadeTrace()
    home = made.add("bb", "solve", "[1/4] FROM docker.io/library/alpine:3.20")
    made.ask(home, MIRROR, 200, method="GET", rest=f"blobs/{DIGEST}", tls="done")
    [row] = table_of(join(lines, made.rows_of()).observed)
    assert (row["host"], row["host_why"], row["tls"]) == (MIRROR, "the URL is logged", "done")
    assert row["trace_span_id"] == "h4"


def test_a_redirect_in_the_trace_is_what_it_led_to_in_the_log() -> None:
    made = MadeTrace()
    home = made.add("bb", "solve", "[1/4] FROM docker.io/library/alpine:3.20")
    made.ask(home, MIRROR, 307, method="GET", rest=f"blobs/{DIGEST}")
    joined = join(fetch_layer((MIRROR, True, "200 OK")), made.rows_of())
    assert named(joined) == [(MIRROR, "proof", 200, "h4")]
    assert joined.covered.contradictions == 0


def contradictions(joined: Joined) -> list[tuple[str, str, str]]:
    return [(row["what"], row["in_log"], row["in_trace"]) for row in table_of(joined.contradictions)]


def test_another_host_in_the_trace_is_a_contradiction_and_the_log_keeps_its_own() -> None:
    made = MadeTrace()
    home = made.add("bb", "solve", "[1/4] FROM docker.io/library/alpine:3.20")
    made.ask(home, "other.example.com", 200, method="GET", rest=f"blobs/{DIGEST}")
    joined = join(fetch_layer((MIRROR, True, "200 OK")), made.rows_of())
    assert contradictions(joined) == [("host", MIRROR, "other.example.com")]
    assert named(joined) == [(MIRROR, "proof", 200, None)]
    assert not joined.recorded


def test_another_answer_in_the_trace_is_a_contradiction() -> None:
    made = MadeTrace()
    home = made.add("bb", "solve", "[1/4] FROM docker.io/library/alpine:3.20")
    made.ask(home, MIRROR, 404, method="GET", rest=f"blobs/{DIGEST}")
    joined = join(fetch_layer((MIRROR, True, "200 OK")), made.rows_of())
    assert contradictions(joined) == [("status", "200", "404")]
    assert named(joined) == [(MIRROR, "proof", 200, None)]


def test_requests_told_in_another_order_are_a_contradiction() -> None:
    joined = join(FALLBACK, trace(200, 404).rows_of())
    assert {what for what, *_ in contradictions(joined)} == {"status"}
    assert [host for host, *_ in named(joined)] == [None, None]


def test_a_missing_span_is_no_contradiction() -> None:
    joined = join(FALLBACK, trace().rows_of(without=("h4", "o4")))
    assert contradictions(joined) == []
    assert [row[0] for row in named(joined)] == [None, UPSTREAM]


def test_a_log_without_debug_lines_gets_its_requests_from_the_trace() -> None:
    joined = join([], trace().rows_of())
    rows = table_of(joined.observed)
    assert [(row["record"], row["host"], row["kind"]) for row in rows] == [
        (None, MIRROR, "resolve"),
        (None, UPSTREAM, "resolve"),
    ]
    assert rows[0]["object"] == rows[1]["object"]
    assert pulls(joined) == [("resolve", UPSTREAM, "served", "proof")]
    assert joined.recorded


def test_requests_that_a_cut_log_lacks_stand_where_they_belong() -> None:
    layer = fetch_layer((UPSTREAM, False, "200 OK"))
    made = trace()
    home = made.add("bb", "solve", "[1/4] FROM docker.io/library/alpine:3.20")
    made.ask(home, UPSTREAM, 200, method="GET", rest=f"blobs/{DIGEST}")
    joined = join(layer, made.rows_of(), cut=True)
    rows = table_of(joined.observed)
    assert [row["record"] is None for row in rows] == [False, True, True]
    assert {row["source"] for row in rows} == {"log"}
    assert sorted(pulls(joined)) == [
        ("layer", UPSTREAM, "served", "proof"),
        ("resolve", UPSTREAM, "served", "proof"),
    ]


def test_a_request_that_the_log_half_tells_is_no_second_one() -> None:
    """Its span's parents are lost, so it might be the log's own."""
    joined = join(FALLBACK, trace().rows_of(without=("aa", "o4", "o6")))
    assert len(named(joined)) == 2
    assert joined.covered.doubtful == 2


def test_requests_without_ids_are_found_by_url_and_time() -> None:
    plain = {"url": url_of(MIRROR), "request__method": "HEAD"}
    lines = [
        line("resolving", host=MIRROR),
        line("do request", **plain),
        line("fetch response received", url=url_of(MIRROR), response__status="200 OK"),
    ]
    made = MadeTrace()
    made.ask(made.resolving(), MIRROR, 200)
    assert named(join(lines, made.rows_of())) == [(MIRROR, "proof", 200, "h4")]
    late = MadeTrace()
    late.ask(late.resolving(), MIRROR, 200, start=AT + 3_600_000_000_000)
    assert [row[3] for row in named(join(lines, late.rows_of()))] == [None, "h4"]


def test_a_trace_that_the_log_names_and_no_file_holds_is_told() -> None:
    known = TRACES.build([{"trace_id": "t1", "daemon": 0}, {"trace_id": "t9", "daemon": 0}])
    joined = join(FALLBACK, trace().rows_of(), traces=Rows.of(known))
    assert joined.covered.missing == 1
    assert not joined.recorded


def test_a_trace_of_another_log_is_left_to_it() -> None:
    other = MadeTrace("t2")
    other.ask(other.resolving(span_id="zz"), MIRROR, 404)
    spans = trace().rows_of(other)
    known = Rows.of(TRACES.build([{"trace_id": "t1", "daemon": 0}]))
    alone = join(FALLBACK, spans, traces=known)
    assert (alone.observed.num_rows, alone.recorded) == (3, False)
    beside = join(FALLBACK, spans, traces=known, sole=False)
    assert (beside.observed.num_rows, beside.recorded) == (2, True)


@settings(max_examples=40)
@given(st.data())
def test_whatever_is_lost_of_a_trace_no_host_is_wrong(data: st.DataObject) -> None:
    """Look-ups of several objects at several hosts, with requests lost from the trace in every way."""
    hosts = [MIRROR, "second.example.com", UPSTREAM]
    answers = data.draw(
        st.lists(st.lists(st.sampled_from([404, 401, 500, 200]), min_size=1, max_size=3), max_size=4)
    )
    lines, made, truth = [], MadeTrace(), []
    home = made.resolving()
    for codes in answers:
        for host, code in zip(hosts, codes, strict=False):
            lines += [LOOKUP("resolving"), LOOKUP.head(), LOOKUP.answer(f"{code} X")]
            made.ask(home, host, code)
            truth.append(host)
    asking = [row["span_id"] for row in made.rows if row["span_id"][0] in "ho" and row["span_id"] != home]
    lost = data.draw(st.sets(st.sampled_from(asking))) if asking else set()
    joined = join(lines, made.rows_of(without=tuple(lost)))
    rows = [row for row in table_of(joined.observed) if row["record"] is not None]
    assert len(rows) == len(truth)
    for row, host in zip(rows, truth, strict=True):
        assert row["host"] in (None, host)
    # the one is gone, what holds it is there
    shown = any(name.startswith("h") and f"o{name[1:]}" not in lost for name in lost)
    assert not (joined.recorded and shown)
    if not lost:
        assert [row["host"] for row in rows] == truth


def test_a_sign_in_is_no_request_to_a_registry() -> None:
    made = trace()
    fetch = made.add("f", "aa", "remotes.docker.resolver.FetchToken", kind="client")
    url = "https://auth.docker.io/token?scope=repository%3Alibrary%2Falpine%3Apull&service=registry.docker.io"
    told = {"url": url, "host": "auth.docker.io", "method": "GET", "status_code": 200}
    made.add("t", fetch, "HTTP GET", kind="client", **told)
    made.add("c", "aa", "HTTP GET", kind="client", **(told | {"url": "https://cdn.example.com/data"}))
    joined = join(FALLBACK, made.rows_of())
    assert joined.covered.spans == 2
    assert [(row["kind"], row["action"]) for row in table_of(joined.observed) if row["record"] is None] == [
        ("token", "auth")
    ]


def test_failures_that_the_log_does_not_report_come_from_the_trace() -> None:
    made = MadeTrace()
    home = made.resolving()
    broken = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    made.ask(home, MIRROR, None, tls="error", error=broken, status="error")
    made.ask(home, UPSTREAM, 200)
    unread = "failed to read /etc/ca.pem: open /etc/ca.pem: no such file or directory"
    made.rows[2] |= {"status": "error", "error": unread}
    found = [
        (row["kind"], row["host"], row["path"])
        for row in table_of(join_traces(no_requests(), made.rows_of()).problems)
    ]
    assert found == [("x509_unknown_authority", MIRROR, None), ("ca_unreadable", None, "/etc/ca.pem")]


def test_pushes_are_told_from_pulls() -> None:
    made = MadeTrace()
    home = made.add("ex", "solve", "exporting to image")
    blob = f"blobs/{DIGEST}"
    made.ask(home, "registry.example.com", 404, rest=blob)
    made.ask(home, "registry.example.com", 202, method="POST", rest="blobs/uploads/")
    made.ask(home, "registry.example.com", 201, method="PUT", rest="blobs/uploads/16428bba")
    made.ask(home, "registry.example.com", 201, method="PUT", rest="manifests/1.0")
    rows = table_of(requests_of_traces(made.rows_of()))
    assert {row["action"] for row in rows} == {"push"}
    objects = [row["object"] for row in rows]
    assert objects[0] == objects[1] == objects[2] != objects[3]


def test_a_mirrors_own_path_does_not_part_the_attempts_for_an_object() -> None:
    made = MadeTrace()
    home = made.resolving()
    made.ask(home, MIRROR, 404)
    made.rows[-1]["url"] = f"https://{MIRROR}/v2/proj/library/alpine/manifests/3.20?ns=docker.io"
    made.ask(home, UPSTREAM, 200)
    rows = table_of(requests_of_traces(made.rows_of()))
    assert [row["repository"] for row in rows] == ["library/alpine", "library/alpine"]
    assert len({row["object"] for row in rows}) == 1


def test_without_a_log_the_trace_says_what_it_covers() -> None:
    empty = COVERAGE.empty()
    whole = with_recorded(empty, join_traces(no_requests(), trace().rows_of())).to_pylist()
    assert [(row["daemon"], row["debug"], row["recorded"]) for row in whole] == [(None, False, True)]
    torn = with_recorded(empty, join_traces(no_requests(), trace().rows_of(without=("o4",)))).to_pylist()
    assert torn[0]["recorded"] is False
    assert torn[0]["gaps"][0]["reason"] == "a span's parent is missing"


def test_a_start_of_the_daemon_that_no_trace_tells_of_is_not_recorded() -> None:
    known = TRACES.build([{"trace_id": "t1", "daemon": 1}])
    joined = join(FALLBACK, trace().rows_of(), traces=Rows.of(known))
    rows = COVERAGE.build({"source": "log", "daemon": number, "gaps": []} for number in (0, 1))
    assert with_recorded(rows, joined).column("recorded").to_pylist() == [False, True]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "span_id": st.sampled_from(["aa", "solve", "h4", "o4", "x", None]),
    "parent_span_id": st.sampled_from(["aa", "solve", "h4", "o4", "x", None]),
    "name": st.sampled_from(
        ["HTTP GET", "HTTP HEAD", "resolving x", "", "remotes.docker.resolver.HTTPRequest", None]
    ),
    "url": st.sampled_from(
        ["https://[", "http://", url_of(MIRROR), url_of(UPSTREAM, "blobs/uploads/"), None]
    ),
    "method": st.sampled_from(["GET", "PUT", "", None]),
    "status_code": st.sampled_from([200, 404, -1, 1 << 62, None]),
    "start": st.sampled_from([AT, 0, -(1 << 62), (1 << 63) - 1, None]),
    "trace_id": st.sampled_from(["t1", "t2", "", None]),
    "error": st.sampled_from(["tls: x509: y", "", None]),
    "status": st.sampled_from(["error", "unset", None]),
}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(sorted(VALUES)), st.data())), st.booleans())
def test_no_trace_however_odd_is_an_error_or_costs_a_request(changes: list[Any], cut: bool) -> None:
    made = trace()
    made.ask("aa", MIRROR, 200, method="GET", rest=f"blobs/{DIGEST}")
    for place, name, data in changes:
        made.rows[place % len(made.rows)][name] = data.draw(VALUES[name])
    joined = join(FALLBACK, made.rows_of(), cut=cut)
    rows = table_of(joined.observed)
    assert [row["record"] for row in rows if row["record"] is not None] == [
        row["record"] for row in table_of(observe(*FALLBACK).observed)
    ]
    assert len(pulls(joined)) >= 1
    places = [row["place"] for row in rows]
    assert places == sorted(places)


def test_many_requests_keep_their_order() -> None:
    """New requests stand between the log's, over several batches of it."""
    lines = [
        part.replace("10:00:00Z", f"10:{number // 60:02}:{number % 60:02}Z")
        for number in range(600)
        for part in fetch_layer((MIRROR, True, "200 OK"), digest=f"sha256:{number:064x}")
    ]
    made = MadeTrace()
    home = made.resolving(span_id="else")
    for number in range(0, 600, 7):
        made.ask(home, UPSTREAM, 200, rest=f"manifests/t{number}", start=AT + number * 1_000_000_000 + 5)
    observed = observe(*lines).observed
    small = Rows.of(pa.Table.from_batches(observed.table().to_batches(max_chunksize=17)))
    rows = table_of(join_traces(small, made.rows_of()).observed)
    assert len(rows) == observed.num_rows + 86
    places = [row["place"] for row in rows]
    assert places == sorted(places)
    new = [place for place, row in enumerate(rows) if row["record"] is None]
    assert [rows[place - 1]["digest"] for place in new] == [
        f"sha256:{number:064x}" for number in range(0, 600, 7)
    ]


@pytest.mark.parametrize("lost", [(), ("h4",), ("h6",), ("aa",), ("o4", "h4"), ("h4", "h6")])
def test_whatever_span_is_lost_no_request_gets_a_wrong_host(lost: tuple[str, ...]) -> None:
    hosts = [host for host, *_ in named(join(FALLBACK, trace().rows_of(without=lost)))]
    assert len(hosts) == 2
    assert all(host in (None, right) for host, right in zip(hosts, (MIRROR, UPSTREAM), strict=True))
