"""What is taken together comes to the same as its lines one by one, however the log is cut into batches."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.records import read_batches
from analyzer.tables import events
from analyzer.tables.events import pick_events
from analyzer.tables.given import FETCH, LAYER, RESOLVE, Given, find_given
from analyzer.tables.requests import Requests, RequestsBuilder
from tests.loglines import Lookup, batches, fetch_layer, line

PULL = fetch_layer(("mirror.example.com", True, "404 Not Found"), ("registry-1.docker.io", False, "200 OK"))
LOOKUP = Lookup()
CONTENT = {"response.header.docker-content-digest": "sha256:" + "cd" * 32}


def told(found: Requests) -> tuple[list[Any], set[Any], list[Any]]:
    rows = [row for batch in found.observed.batches() for row in batch.to_pylist()]
    starts = [(start.shows_life, start.requests_told) for start in found.starts]
    return rows, {(gap.reason, gap.record) for gap in found.gaps}, starts


def build(data: bytes, chunk: int = 1 << 20) -> Requests:
    builder = RequestsBuilder()
    for batch in read_batches(BytesIO(data), "log", chunk_bytes=chunk):
        builder.update(batch)
    return builder.finish()


def cuts_of(sample_logs: Path) -> Iterator[bytes]:
    """Each sample whole, and with lines taken out."""
    draw = random.Random(7)
    for path in sorted(sample_logs.glob("*/buildkitd.log")):
        lines = path.read_bytes().splitlines(keepends=True)
        yield b"".join(lines)
        yield b"".join(one for one in lines if draw.random() > 0.1)


@pytest.fixture
def logs(repository: Path) -> list[bytes]:
    return list(cuts_of(repository / "sample_logs"))


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let every event have its turn."""

    def nothing_given(columns: Any, fields: Any) -> Any:
        return find_given(
            columns.slice(0, 0), fields.__class__(0, *[np.zeros(0, np.int64)] * 2, [], fields._values)
        )

    def patch() -> None:
        monkeypatch.setattr(events, "find_given", nothing_given)
        monkeypatch.setattr(
            events, "find_routine", lambda columns, *_: (None, np.zeros(columns.num_rows, np.bool_))
        )

    return patch


@pytest.mark.slow
def test_taking_events_together_changes_nothing(logs: list[bytes], one_by_one: Callable[[], None]) -> None:
    together = [told(build(log, chunk)) for log in logs for chunk in (6000, 1 << 20)]
    one_by_one()
    for number, log in enumerate(logs):
        expected = told(build(log))
        assert together[2 * number] == expected
        assert together[2 * number + 1] == expected


def ways(lines: list[str]) -> list[int]:
    return [event.way for batch in batches(lines) for event in pick_events(batch) if isinstance(event, Given)]


def test_an_answer_beside_its_request_is_given() -> None:
    assert ways(PULL) == [LAYER]
    resolve = [LOOKUP("resolving"), LOOKUP.head(), LOOKUP.answer("200 OK", **CONTENT), LOOKUP("resolved")]
    fetch = [LOOKUP("fetch"), LOOKUP("fetching layer"), LOOKUP.get(), LOOKUP.answer("200 OK", **CONTENT)]
    assert ways([*resolve, *fetch]) == [RESOLVE, FETCH]


def test_what_is_no_plain_answer_is_not_given() -> None:
    for status in ("401 Unauthorized", "404 Not Found", "20", "OK"):
        assert ways([re.sub("200 OK|404 Not Found", status, one) for one in PULL]) == []


def test_without_its_fetch_a_request_is_not_given() -> None:
    assert ways(PULL[1:]) == []


def test_a_url_with_more_to_it_is_read_by_itself() -> None:
    assert ways([one.replace("https://", "https://user@") for one in PULL]) == []


def test_sessions_layers_and_fetches_are_routine() -> None:
    session = [line("session started", spanID="s"), line("session finished: <nil>", spanID="s")]
    open_one = line("session started", spanID="t")
    (batch,) = batches([*session, open_one, PULL[0], line("diff applied", digest="sha256:x", size="3")])
    picked = pick_events(batch)
    assert picked.routine is not None
    assert picked.routine.sessions == ["s"]
    assert [record for record, *_ in (picked.routine.fetch_records,)] == [3]
    assert [digest for _, digest, _ in picked.routine.applied] == ["sha256:x"]
    assert [event.message for event in picked if not isinstance(event, Given)] == ["session started"]


def test_where_a_daemon_starts_every_event_has_its_turn() -> None:
    (batch,) = batches([PULL[0], line("running server on /run/buildkit/buildkitd.sock", "info"), *PULL])
    assert pick_events(batch).routine is None
