"""Pairs: what is handed on as one comes to the same as its lines one by one."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analyzer.records import read_batches
from analyzer.tables import events
from analyzer.tables.events import Pair, pick_events
from analyzer.tables.requests import Requests, RequestsBuilder
from tests.loglines import batches, fetch_layer

PULL = fetch_layer(("mirror.example.com", True, "404 Not Found"), ("registry-1.docker.io", False, "200 OK"))


def without_pairs(columns: pa.RecordBatch, *_: object) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.full(columns.num_rows, -1, np.int64)
    return nothing, nothing.copy()


def told(found: Requests) -> tuple[list[object], set[object]]:
    rows = [row for batch in found.observed.batches() for row in batch.to_pylist()]
    return rows, {(gap.reason, gap.record) for gap in found.gaps}


def build(data: bytes) -> Requests:
    builder = RequestsBuilder()
    for batch in read_batches(BytesIO(data), "log"):
        builder.update(batch)
    return builder.finish()


def cuts_of(sample_logs: Path) -> Iterator[bytes]:
    """Each sample whole, and with lines taken out."""
    draw = random.Random(7)
    for path in sorted(sample_logs.glob("*/buildkitd.log")):
        lines = path.read_bytes().splitlines(keepends=True)
        yield b"".join(lines)
        for share in (0.02, 0.1, 0.3):
            yield b"".join(one for one in lines if draw.random() > share)
        yield b"".join(lines[draw.randrange(len(lines)) :])


def test_pairs_change_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = list(cuts_of(repository / "sample_logs"))
    with_pairs = [told(build(log)) for log in logs]
    monkeypatch.setattr(events, "find_pairs", without_pairs)
    for log, found in zip(logs, with_pairs, strict=True):
        assert told(build(log)) == found


def kinds(lines: list[str]) -> list[type]:
    return [type(event) for batch in batches(lines) for event in pick_events(batch)]


def test_a_request_and_its_answer_are_a_pair() -> None:
    assert kinds(PULL).count(Pair) == 2


def test_a_challenge_is_no_pair() -> None:
    challenged = [re.sub("200 OK|404 Not Found", "401 Unauthorized", one) for one in PULL]
    assert Pair not in kinds(challenged)


def test_without_its_fetch_a_request_is_no_pair() -> None:
    assert Pair not in kinds(PULL[1:])
