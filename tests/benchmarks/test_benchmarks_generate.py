"""The generator: the same bytes for a seed, of the wanted size, and read as what it was grown from."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache
from typing import Any

import pytest

import analyzer as bk
from benchmarks.forms import DAMAGES, FORMS
from benchmarks.generate import Options, generate, write_log
from benchmarks.sizes import SAMPLE, name_size, parse_size
from benchmarks.templates import DIGEST, TRACE, Capture, read_capture

SIZE = 400_000

Request = tuple[Any, ...]


@cache
def captured() -> Capture:
    return read_capture(SAMPLE)


def make(**wanted: Any) -> bytes:
    return b"".join(generate(Options(**{"size": SIZE, **wanted}), [captured()]))


@cache
def read(**wanted: Any) -> bk.Log:
    return bk.read(io.BytesIO(make(**wanted)))


@cache
def requests(**wanted: Any) -> Counter[Request]:
    """Requests of a log, each with its host as attribution finds it."""
    config = bk.load_config(str(SAMPLE.parent / "buildkitd.toml"))
    names = ["trace_id", "span_id", "host", "role", "url", "kind", "digest", "status_code"]
    rows = bk.attribute(read(**wanted), config).requests.select(names).to_pylist()
    return Counter(tuple(row.values()) for row in rows)


def hosts(found: Counter[Request]) -> dict[str | None, int]:
    counted: Counter[str | None] = Counter()
    for request, times in found.items():
        counted[request[2]] += times
    return dict(counted)


@pytest.mark.parametrize("wanted", [{}, {"builders": 2}, {"form": "json"}, {"damage": "every-line"}])
def test_a_seed_gives_the_same_bytes_and_another_seed_gives_others(wanted: dict[str, Any]) -> None:
    assert make(**wanted) == make(**wanted)
    assert make(**wanted) != make(**wanted, seed=2)


def test_the_size_is_reached_and_passed_by_one_round_at_most() -> None:
    longest = max(sum(record.size for record in round_) for round_ in captured().rounds)
    stream = io.BytesIO()
    written = write_log(stream, Options(size=SIZE))
    assert written == len(stream.getvalue())
    assert SIZE <= written <= SIZE + longest


@pytest.mark.parametrize(
    "wanted",
    [*({"form": form} for form in FORMS), {"stacks": 0.3}, {"builders": 2}, {"builders": 2, "stacks": 0.3}],
)
def test_every_line_is_understood_and_nothing_is_missing(wanted: dict[str, Any]) -> None:
    log = read(**wanted)
    coverage = log.table("coverage").to_pylist()
    assert len(coverage) == wanted.get("builders", 1)
    for row in coverage:
        assert row["lines_not_understood"] == 0
        assert row["gaps"] == []
        assert row["complete"]


@pytest.mark.parametrize("wanted", [{"form": "json"}, {"form": "terminal"}, {"damage": "rare-escapes"}])
def test_other_forms_hold_the_same_requests(wanted: dict[str, Any]) -> None:
    assert requests(**wanted) == requests()


def test_requests_are_those_of_the_captured_log_many_times() -> None:
    config = bk.load_config(str(SAMPLE.parent / "buildkitd.toml"))
    once = set(bk.attribute(bk.read(SAMPLE), config).requests.column("host").to_pylist())
    made = hosts(requests())
    assert set(made) == once
    assert made["mirror.example.com"] > made["registry-1.docker.io"] > 0


def test_traces_are_new_in_every_round() -> None:
    once = {found[1] for round_ in captured().rounds for one in round_ if (found := TRACE.search(one.line))}
    made = set(TRACE.findall(make()))
    assert not made & once
    assert len(made) > len(once)


def test_rounds_share_the_images_that_are_known() -> None:
    alone, together = (set(DIGEST.findall(make(size=2_000_000, shared=share))) for share in (0.0, 1.0))
    assert len(together) < 0.9 * len(alone)


def test_the_share_of_stacks_is_kept() -> None:
    text = make(stacks=0.3)
    lines = text.split(b"\n")
    stacks = sum(len(line) + 1 for line in lines if not line.startswith(b"time="))
    assert 0.25 < stacks / len(text) < 0.35
    assert all(line.startswith(b"time=") for line in make(stacks=0.0).split(b"\n")[:-7])


def test_every_line_is_damaged() -> None:
    records = read(damage="every-line").table("records").select(["status", "form"]).to_pylist()
    assert not [row for row in records if row["form"] == "logfmt" and row["status"] == "ok"]


def test_damage_is_for_the_text_form() -> None:
    with pytest.raises(ValueError, match="text form"):
        make(damage=DAMAGES[0], form="json")


@pytest.mark.parametrize(("text", "size"), [("100MB", 10**8), ("1GB", 10**9), ("2.5 kB", 2500), ("7", 7)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert parse_size(name_size(size)) == size


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size("much")
