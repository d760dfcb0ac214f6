"""Coverage: what a log can be asked."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

import analyzer as bk
from tests.loglines import START, Lookup, fetch_layer, line

SERVED = fetch_layer(("mirror.example.com", True, "200 OK"))
STACK = (
    "alpine:3.20: not found\n51 v0.17.3 /usr/bin/buildkitd --config x\n"
    "main.main\n\tgithub.com/moby/buildkit/cmd/buildkitd/main.go:806"
)


def coverage(*lines: str, end: str = "\n") -> dict[str, Any]:
    (row,) = bk.read(BytesIO(("\n".join(lines) + end).encode())).coverage.to_pylist()
    row["gaps"] = [gap["reason"] for gap in row["gaps"]]
    found: dict[str, Any] = row
    return found


def test_a_whole_log_is_complete() -> None:
    told = coverage(*START, *SERVED)
    assert {name: told[name] for name in ("startup", "debug", "trace_ids", "complete", "excerpt")} == {
        "startup": True, "debug": True, "trace_ids": True, "complete": True, "excerpt": False,
    }  # fmt: skip
    assert (told["gaps"], told["records"], told["lines_not_understood"]) == ([], 7, 0)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_each_start_up_line_that_every_version_writes_is_missed(missing: int) -> None:
    told = coverage(*(one for place, one in enumerate(START) if place != missing), *SERVED)
    assert told["startup"] is False
    assert told["complete"] is False
    assert "the start-up lines are not all there" in told["gaps"]


def test_lines_about_requests_alone_are_an_excerpt() -> None:
    told = coverage("...", *SERVED)
    assert (told["excerpt"], told["complete"], told["lines_not_understood"]) == (True, False, 1)


@pytest.mark.parametrize("also", ["session finished: <nil>", "stopping server", "diffcopy took: 1ms"])
def test_with_any_other_line_it_is_a_log_whose_start_is_lost(also: str) -> None:
    assert coverage(*SERVED, line(also))["excerpt"] is False


def test_a_torn_last_line_is_a_gap() -> None:
    told = coverage(*START, *SERVED, 'time="2026-01-05T10:00:03Z" level=debug msg="fetch resp', end="")
    assert told["gaps"] == ["lines that are cut or damaged"]
    assert told["lines_not_understood"] == 1


def test_zeros_in_place_of_whole_lines_are_a_gap() -> None:
    for hole in ("\0" * 200 + SERVED[0], "\0" * 200):
        told = coverage(*START, hole, *SERVED)
        assert told["gaps"] == ["lines that are cut or damaged"]
        assert told["complete"] is False


def test_a_stack_is_no_gap_and_one_without_its_beginning_is() -> None:
    assert coverage(*START, STACK, *SERVED)["gaps"] == []
    for cut in (2, 3):
        torn = "\n".join(STACK.split("\n")[cut:])
        assert coverage(*START, torn, *SERVED)["gaps"] == ["a stack without its beginning"]


def test_a_build_that_still_runs_is_a_gap_of_that_build() -> None:
    assert coverage(*START, line("session started", spanID="s"), *SERVED)["complete"] is False
    ended = coverage(
        *START, line("session started", spanID="s"), *SERVED, line("session finished: <nil>", spanID="s")
    )
    assert ended["complete"] is True


def test_every_start_has_its_own_row() -> None:
    at = Lookup()
    rows = bk.read(
        BytesIO("\n".join([*START, *SERVED, *START, at("resolving"), at.head()]).encode() + b"\n")
    ).coverage.to_pylist()
    assert [(row["daemon"], row["complete"], row["records"]) for row in rows] == [(0, True, 7), (1, False, 6)]


def test_a_text_without_a_record_has_no_daemon() -> None:
    told = coverage("hello", "world")
    assert (told["daemon"], told["complete"], told["lines_not_understood"]) == (None, False, 2)


def test_two_daemons_in_one_stream_of_compose_are_kept_apart() -> None:
    one = [f"one-1  | {told}" for told in (*START, *STACK.split("\n"), *SERVED)]
    two = [f"two-1  | {told}" for told in (*START, *SERVED, *STACK.split("\n"))]
    mixed = [told for pair in zip(one, two, strict=True) for told in pair]
    rows = bk.read(BytesIO("\n".join(mixed).encode() + b"\n")).coverage.to_pylist()
    assert [(row["stream"], row["complete"], row["gaps"]) for row in rows] == [
        ("one-1", True, []), ("two-1", True, []),
    ]  # fmt: skip
