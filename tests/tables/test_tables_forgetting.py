"""What was long ago is let go of: tables stay what they are, and memory does not grow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from analyzer.records import read_batches
from analyzer.tables import exchanges, given, named, requests, runs, spans
from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.digests import Digests
from analyzer.tables.requests import RequestsBuilder
from analyzer.tables.sections import find_sections
from analyzer.tables.spans import SpansBuilder, SpanTally, count_spans
from analyzer.tables.spool import Spool
from analyzer.tables.traces import TracesBuilder
from tests.conftest import REPOSITORY, slow_but
from tests.loglines import batches, fetch_layer, line, observe

PULL = fetch_layer(("mirror.example.com", True, "404 Not Found"), ("registry-1.docker.io", False, "200 OK"))


@pytest.fixture
def short_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (given, requests, runs):
        monkeypatch.setattr(module, "REACH", 30)
    for module in (exchanges, requests, named):
        monkeypatch.setattr(module, "OBJECT_REACH", 60)


def idle(lines: int) -> list[str]:
    return [line("nothing that is a request", spanID=str(number)) for number in range(lines)]


@pytest.mark.usefixtures("short_reach")
def test_a_pull_is_the_same_when_much_follows() -> None:
    alone, followed = observe(*PULL), observe(*PULL, *idle(200), *PULL[:0], line("resolving", host="h"))
    rows = [row for batch in alone.observed.batches() for row in batch.to_pylist()]
    assert [row for batch in followed.observed.batches() for row in batch.to_pylist()] == rows


@pytest.mark.usefixtures("short_reach")
def test_an_answer_that_comes_too_late_stands_alone_and_is_told() -> None:
    request, answer = PULL[1], PULL[2]
    late = observe(PULL[0], request, *idle(100), line("session started", spanID="x"), answer)
    rows = [row for batch in late.observed.batches() for row in batch.to_pylist()]
    assert [row["status_code"] for row in rows] == [None, 404]
    assert "an answer without its request" in {gap.reason for gap in late.gaps}


@pytest.mark.usefixtures("short_reach")
def test_what_is_asked_for_much_later_is_another_object() -> None:
    again = observe(*PULL, *idle(100), *PULL)
    objects = [row["object"] for batch in again.observed.batches() for row in batch.to_pylist()]
    assert objects == [0, 0, 1, 1]


@pytest.mark.usefixtures("short_reach")
def test_memory_holds_what_is_near() -> None:
    builder = RequestsBuilder()
    for round_ in range(40):
        pull = [one.replace("spanID=", f"spanID={round_}") for one in PULL]
        for batch in batches([*pull, *idle(20)]):
            moved = batch.set_column(0, "record", renumber(batch, 24 * round_))
            builder.update(moved)
    run = next(iter(builder._running.values()))
    assert sum(len(one.objects) for one in run.named.values()) <= 6
    assert len(builder._window.exchanges) <= 8
    assert builder.finish().observed.num_rows == 80


def renumber(batch: Any, first: int) -> Any:
    import pyarrow as pa

    return pa.array(range(first, first + batch.num_rows), pa.int64())


def test_gaps_of_one_kind_are_noted_up_to_a_number() -> None:
    answers = [line("fetch response received", url=f"https://m/v2/a/blobs/sha256:{n}") for n in range(300)]
    reasons = [gap.reason for gap in observe(*answers).gaps]
    assert reasons.count("an answer without its request") == exchanges.MOST_GAPS


LOGS = sorted(path.parent for path in (REPOSITORY / "sample_logs").glob("*/buildkitd.log"))


@pytest.mark.parametrize("folder", slow_but(("mirror-fallback", "two-starts"), LOGS))
def test_spans_that_wait_in_a_file_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = (folder / "buildkitd.log").read_bytes()
    kept = spans_and_traces(log)
    monkeypatch.setattr(spans, "_FOLD_ABOVE", 1)
    monkeypatch.setattr(spans, "_SPILL_ABOVE", 3)
    monkeypatch.setattr(spans, "Spool", lambda schema: Spool(schema, memory_bytes=0))
    assert spans_and_traces(log) == kept


def spans_and_traces(log: bytes) -> list[list[dict[str, Any]]]:
    daemons, tally = DaemonsBuilder(), SpanTally()
    for batch in read_batches(BytesIO(log), "log", chunk_bytes=4000):
        sections, owner = find_sections(batch)
        tally.take(count_spans(batch, owner), daemons.take(sections))
    builders = SpansBuilder(daemons, tally), TracesBuilder(daemons, tally)
    return [builder.finish().table().to_pylist() for builder in builders]


def test_digests_are_remembered_by_the_million(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.tables.digests._YOUNG", 10)
    known = Digests()
    for number in range(95):
        known.add(f"sha256:{number}")
    assert all(f"sha256:{number}" in known for number in range(95))
    assert "sha256:95" not in known
    assert len(known._old) == 90
