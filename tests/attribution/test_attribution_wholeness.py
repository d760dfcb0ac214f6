"""Whether a trace is whole: what is missing is seen, and what is not is not."""

from __future__ import annotations

import pytest

from analyzer.attribution.spantree import read_tree
from analyzer.attribution.traces import join_traces, no_requests
from analyzer.attribution.wholeness import (
    NO_CALL,
    NO_END,
    NO_PARENT,
    NO_REQUEST,
    NO_ROOT,
    NOT_SHOWN,
    find_faults,
)
from analyzer.tables.spool import Rows
from tests.attribution.made_traces import MIRROR, SOLVE, UPSTREAM, MadeTrace, url_of


def fallback() -> MadeTrace:
    trace = MadeTrace()
    home = trace.resolving()
    trace.ask(home, MIRROR, 404)
    trace.ask(home, UPSTREAM)
    return trace


def faults(rows: Rows) -> list[str]:
    return [why for told in find_faults(read_tree(rows)).values() for why in told]


def test_a_whole_trace_has_no_fault() -> None:
    rows = fallback().rows_of()
    assert faults(rows) == []
    assert join_traces(no_requests(), rows).recorded


@pytest.mark.parametrize(
    ("lost", "why"),
    [("h4", NO_REQUEST), ("h6", NO_REQUEST), ("o4", NO_PARENT), ("aa", NO_PARENT), ("solve", NO_PARENT)],
)
def test_a_span_that_is_missing_is_seen(lost: str, why: str) -> None:
    rows = fallback().rows_of(without=(lost,))
    assert why in faults(rows)
    assert not join_traces(no_requests(), rows).recorded


def test_the_clients_own_spans_may_be_missing() -> None:
    # a build record of a client that exports nothing begins with the daemon's calls
    assert faults(fallback().rows_of(without=("root", "call"))) == []


def test_a_call_that_the_daemon_did_not_record_is_seen() -> None:
    trace = MadeTrace()
    trace.add("more", "root", SOLVE, kind="client")
    assert faults(trace.rows_of()) == [NO_CALL]


def test_parents_in_a_ring_are_no_beginning() -> None:
    trace = MadeTrace()
    trace.rows[0]["parent_span_id"] = "solve"
    assert NO_ROOT in faults(trace.rows_of())


def test_a_request_beside_containerds_own_span_stands_for_it() -> None:
    """Up to v0.15 both are children of the same span."""
    trace = fallback()
    for row in trace.rows:
        if row["name"].startswith("HTTP "):
            row["parent_span_id"] = "aa"
    assert faults(trace.rows_of()) == []
    assert NO_REQUEST in faults(trace.rows_of(without=("h4",)))


def test_where_containerd_writes_no_span_nothing_is_known_to_be_whole() -> None:
    """Up to v0.10."""
    trace = MadeTrace()
    url = url_of(MIRROR)
    trace.add("h", "solve", "HTTP HEAD", kind="client", url=url, host=MIRROR, method="HEAD", status_code=200)
    assert faults(trace.rows_of()) == [NOT_SHOWN]


def test_an_object_that_every_host_refused_is_missing_something_unless_the_build_failed() -> None:
    trace = fallback()
    gone = trace.rows_of(without=("h6", "o6"))
    assert faults(gone) == []
    assert join_traces(no_requests(), gone).faults == (NO_END,)
    next(row for row in trace.rows if row["span_id"] == "aa")["status"] = "error"
    assert join_traces(no_requests(), trace.rows_of(without=("h6", "o6"))).recorded


def remains_of(name: str) -> MadeTrace:
    """A trace of which a single span is there; its parent is not."""
    other = MadeTrace("t2")
    other.rows = []
    other.add("left", "gone", name)
    return other


def test_a_question_to_the_daemon_is_no_build() -> None:
    asked = remains_of("moby.buildkit.v1.Control/ListWorkers")
    assert join_traces(no_requests(), fallback().rows_of(asked)).recorded
    assert not join_traces(no_requests(), asked.rows_of()).recorded


def test_what_is_left_of_a_trace_may_have_been_a_build() -> None:
    assert not join_traces(no_requests(), fallback().rows_of(remains_of("load buildkit"))).recorded
