"""A log that is watched: the last word is that of `check`, and no word before it says more than `check` would."""

from __future__ import annotations

import io
import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer as bk
from analyzer.attribution.traffic import Traffic, count_requests
from analyzer.checks import load_rules
from analyzer.conclusion import conclude_report
from analyzer.fleet import Question
from analyzer.judging import see
from analyzer.reading import Tail
from analyzer.redaction import Redactor
from analyzer.reports import write_report
from analyzer.reports.live import describe_change, render_view
from analyzer.scan import Scan, scan_source
from analyzer.sources import Source, open_sources
from analyzer.sources.surroundings import Files, Surroundings
from analyzer.standings import Change, View
from analyzer.tables import spool
from analyzer.watching import Watch
from tests.conftest import CAPTURES, REPOSITORY, slow_but

SAMPLES = sorted(path.parent for path in (REPOSITORY / "sample_logs").glob("*/buildkitd.log"))
CAPTURED = sorted(path.parent for path in CAPTURES.glob("*/buildkitd.log")) if CAPTURES else []
KINDS = ("mirror-fallback", "mirror-used-json", "untrusted-terminal", "two-starts", "cut-tail", "dockerd")
"""A sample of each form of a log, and those whose beginning or end is special."""
RULES = load_rules()


class Fed:
    """A follower of pieces that are there already: one a call. Its clock goes on with each call."""

    surroundings: Surroundings | None = None
    files: Files | None = None

    def __init__(self, name: str, pieces: Sequence[bytes]) -> None:
        self.name = name
        self.now = 0.0
        self.closed = False
        self.broken: str | None = None
        self._pieces = list(pieces)

    @property
    def ended(self) -> str | None:
        return None if self._pieces else "there is no more"

    def clock(self) -> float:
        return self.now

    def read(self, seconds: float) -> bytes:
        self.now += max(seconds, 0.001)
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self.closed = True


def pieces_of(data: bytes, rng: random.Random) -> list[bytes]:
    """A log cut at random, within lines too."""
    pieces = []
    at = 0
    while at < len(data):
        size = rng.choice((1, 80, 700, 5000, 40_000))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def question_of(folder: Path) -> Question:
    config = next(
        (folder / name for name in ("intended.toml", "buildkitd.toml") if (folder / name).exists()), None
    )
    return Question(RULES, bk.load_config(config) if config else None)


def as_json(report: bk.Report) -> Any:
    stream = io.StringIO()
    write_report(report, "json", stream)
    return json.loads(stream.getvalue())


def checked(path: Path, question: Question) -> Any:
    return as_json(bk.check(bk.read(path), question.config, rules=RULES))


def tables(scan: Scan, config: bk.Config | None) -> dict[str, list[dict[str, Any]]]:
    seen = see(scan, config)
    return {name: seen[name].to_pylist() for name in seen}


def prefix(source: Source, data: bytes) -> Scan:
    """What reading the beginning of a log gives."""
    return scan_source(replace(source, open=lambda: io.BytesIO(data), plain_path=None), Redactor())


def wait_for(watch: Watch, what: Callable[[], bool]) -> list[Change]:
    """Go on until something holds; the verdicts that changed meanwhile."""
    changes = []
    patience = time.monotonic() + 60
    while not what():
        assert time.monotonic() < patience
        changes += watch.advance()
        time.sleep(0.001)
    return changes


def is_judged(watch: Watch) -> Callable[[], bool]:
    """Whether what came is judged, a last record that is still open included."""
    begun = watch.view().lines

    def judged() -> bool:
        view = watch.view()
        return not watch.judging and view.judged_lines >= max(view.lines, begun, 1)

    return judged


@pytest.mark.parametrize("folder", slow_but(KINDS, SAMPLES))
def test_the_last_word_is_that_of_check(folder: Path) -> None:
    path, question = folder / "buildkitd.log", question_of(folder)
    follower = Fed(path.as_posix(), pieces_of(path.read_bytes(), random.Random(folder.name)))
    with Watch(follower, question, clock=follower.clock) as watch:
        while watch.ended is None:
            watch.advance()
        report = conclude_report([watch.conclude()])
    assert follower.closed
    assert as_json(report) == checked(path, question)


@pytest.mark.parametrize("folder", slow_but(KINDS, SAMPLES))
def test_a_snapshot_is_the_log_up_to_there_and_disturbs_nothing(folder: Path) -> None:
    follow_with_snapshots(folder, random.Random(folder.name))


@pytest.mark.slow
@pytest.mark.parametrize("folder", CAPTURED, ids=lambda folder: folder.name)
def test_a_snapshot_of_a_captured_log_is_the_log_up_to_there(folder: Path) -> None:
    follow_with_snapshots(folder, random.Random(folder.name))


def follow_with_snapshots(folder: Path, rng: random.Random) -> None:
    path, config = folder / "buildkitd.log", question_of(folder).config
    data = path.read_bytes()
    [source] = open_sources([str(path)])
    pieces = pieces_of(data, rng)
    chosen = set(rng.sample(range(len(pieces)), min(3, len(pieces))))
    scan, tail, at = Scan(source), Tail(source.name, Redactor()), 0
    for number, data_of_piece in enumerate(pieces):
        for piece in tail.read(data_of_piece):
            scan.take(piece)
        at += len(data_of_piece)
        if number in chosen:
            snapshot, expected = scan.snapshot(tail.unfinished()), prefix(source, data[:at])
            assert tables(snapshot, config) == tables(expected, config)
            assert (snapshot.records, snapshot.lines_read) == (expected.records, expected.lines_read)
            numbers = range(expected.records)
            assert [*map(snapshot.lines.locate, numbers)] == [*map(expected.lines.locate, numbers)]
    for piece in tail.finish():
        scan.take(piece)
    assert tables(scan, config) == tables(scan_source(source, Redactor()), config)


SMALL = REPOSITORY / "sample_logs" / "mirror-fallback" / "buildkitd.log"


@settings(max_examples=25)
@given(st.lists(st.integers(0, 1 << 30), max_size=12), st.integers(0, 1 << 30))
@pytest.mark.slow
def test_a_log_may_come_in_any_pieces_and_be_looked_at_anywhere(places: list[int], look: int) -> None:
    data = SMALL.read_bytes() + b"a block of\nlines that are no record\n" + SMALL.read_bytes()[:3000]
    source = replace(open_sources([str(SMALL)])[0], open=lambda: io.BytesIO(data), plain_path=None)
    cuts = sorted({place % len(data) for place in (*places, look)} | {0, len(data)})
    scan, tail = Scan(source), Tail(source.name, Redactor())
    snapshot: Scan | None = None
    for begin, end in itertools.pairwise(cuts):
        if begin == look % len(data):
            snapshot = scan.snapshot(tail.unfinished())
        for piece in tail.read(data[begin:end]):
            scan.take(piece)
    for piece in tail.finish():
        scan.take(piece)
    assert tables(scan, None) == tables(scan_source(source, Redactor()), None)
    assert snapshot is not None
    assert tables(snapshot, None) == tables(prefix(source, data[: look % len(data)]), None)


@pytest.mark.slow
def test_snapshots_of_tables_in_files_are_those_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "GROUP_ROWS", 10)
    monkeypatch.setattr(spool, "_LOOSE_ROWS", 5)
    monkeypatch.setattr("analyzer.tables.requests._TOGETHER", 4)
    monkeypatch.setattr(spool.Spool.__init__, "__kwdefaults__", {"memory_bytes": 0})
    folder = REPOSITORY / "sample_logs" / "parallel"
    for seed in range(3):
        follow_with_snapshots(folder, random.Random(seed))


@pytest.mark.parametrize(
    "name", ["mirror-fallback", "mirror-used", "two-starts", "push-wrong-ca", "debug-off"]
)
@pytest.mark.slow
def test_what_is_said_so_far_is_what_check_says_of_the_lines_so_far(name: str) -> None:
    folder = REPOSITORY / "sample_logs" / name
    path, question = folder / "buildkitd.log", question_of(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    [source] = open_sources([str(path)])
    rng = random.Random(name)
    for at in sorted(rng.sample(range(1, len(lines)), 3)):
        data = b"".join(lines[:at])
        follower = Fed(path.as_posix(), [data])
        with Watch(follower, question, clock=follower.clock) as watch:
            wait_for(watch, is_judged(watch))
            view = watch.view()
        stream = replace(source, open=lambda data=data: io.BytesIO(data), plain_path=None)  # type: ignore[misc]
        report = bk.check(bk.api.Log([stream]), question.config, rules=RULES)
        assert [one.finding for one in view.standings] == report.findings
        assert view.hosts == hosts_of(report)


def hosts_of(report: bk.Report) -> Any:
    traffic = Traffic()
    traffic.settle(count_requests(report.tables["requests"]))
    return traffic.rows()


def test_requests_count_at_once_and_are_right_once_they_are_attributed() -> None:
    folder = REPOSITORY / "sample_logs" / "mirror-fallback"
    path, question = folder / "buildkitd.log", question_of(folder)
    follower = Fed(path.as_posix(), [path.read_bytes()])
    with Watch(follower, question, clock=follower.clock) as watch:
        watch.advance()
        early = watch.view()
        wait_for(watch, is_judged(watch))
        late = watch.view()
    assert sum(host.requests for host in early.hosts) == sum(host.requests for host in late.hosts) > 0
    told = {row["host"]: 0 for row in bk.read(path).table("requests").to_pylist()}
    assert {host.host for host in early.hosts} <= {*told, None}
    assert late.hosts == hosts_of(bk.check(bk.read(path), question.config))
    assert all(host.last is not None for host in late.hosts)


def build(number: int, host: str) -> str:
    """A build with a layer from a host."""
    query = "" if host == "registry-1.docker.io" else "?ns=docker.io"
    digest = f"{number:064x}"
    ids = f"spanID=a{number} traceID=t{number}"
    url = f'url="https://{host}/v2/library/alpine/blobs/sha256:{digest}{query}"'
    layer = f'digest="sha256:{digest}" mediatype=application/vnd.oci.image.layer.v1.tar+gzip size=10'
    stamp = f'time="2026-11-24T22:08:{number:02}Z" level=debug'
    return (
        f'{stamp} msg="session started" spanID=s{number} traceID=t{number}\n'
        f"{stamp} msg=fetch {layer} {ids}\n"
        f'{stamp} msg="do request" {layer} request.header.accept="*/*" '
        f"request.header.user-agent=buildkit/v0.17 request.method=GET {ids} {url}\n"
        f'{stamp} msg="fetch response received" {layer} response.header.content-length=10 '
        f'response.status="200 OK" {ids} {url}\n'
    )


def end(number: int) -> str:
    stamp = f'time="2026-11-24T22:08:{number:02}Z" level=debug'
    return f'{stamp} msg="session finished: <nil>" spanID=s{number} traceID=t{number}\n'


STARTUP = """\
time="2026-11-24T22:07:37Z" level=info msg="auto snapshotter: using overlayfs"
time="2026-11-24T22:07:37Z" level=info msg="found worker \\"abc\\", labels=map[\
org.mobyproject.buildkit.worker.executor:oci org.mobyproject.buildkit.worker.network:host], \
platforms=[linux/amd64]"
time="2026-11-24T22:07:37Z" level=info msg="found 1 workers, default=\\"abc\\""
time="2026-11-24T22:07:37Z" level=info msg="running server on /run/buildkit/buildkitd.sock"
"""
MIRRORED = Question(
    load_rules(select=["mirror-served"]),
    bk.parse_config('[registry."docker.io"]\n  mirrors = ["mirror.example.com"]\n'),
)
MIRROR, UPSTREAM = "mirror.example.com", "registry-1.docker.io"


class Steps(Fed):
    """A follower that gives what a test writes."""

    def __init__(self) -> None:
        super().__init__("builder:mybuilder", [])

    @property
    def ended(self) -> str | None:
        return None

    def write(self, text: str) -> None:
        self._pieces.append(text.encode())


def steps(texts: Sequence[str]) -> Iterator[tuple[View, list[str]]]:
    """For each step the view, and the lines that are told, once it is judged."""
    follower = Steps()
    with Watch(follower, MIRRORED, clock=follower.clock) as watch:
        for text in texts:
            follower.write(text)
            watch.advance()
            changes = wait_for(watch, is_judged(watch))
            yield watch.view(), [describe_change(change) for change in changes]


def test_a_verdict_is_told_once_and_again_when_it_changes() -> None:
    told = [
        lines
        for _, lines in steps(
            [
                STARTUP + build(1, MIRROR) + end(1),
                build(2, MIRROR) + end(2),
                build(3, UPSTREAM) + end(3),
                build(4, MIRROR) + end(4),
            ]
        )
    ]
    assert [len(lines) for lines in told] == [1, 0, 1, 0]
    assert told[0][0].startswith("22:08:01 PASS so far mirror-served docker.io: ")
    assert told[2][0].startswith("22:08:03 FAIL mirror-served docker.io: ")


def test_a_build_under_way_is_no_pass_and_no_news() -> None:
    seen = list(steps([STARTUP + build(1, MIRROR) + end(1), build(2, MIRROR), end(2), build(3, MIRROR)]))
    assert [view.standings[0].finding.verdict for view, _ in seen] == ["pass", "unknown", "pass", "unknown"]
    assert [view.standings[0].open for view, _ in seen] == [False, True, False, True]
    assert [len(lines) for _, lines in seen] == [1, 0, 0, 0]


def test_a_build_that_a_restart_ended_stays_unknown_and_is_told() -> None:
    seen = list(
        steps([STARTUP + build(1, MIRROR) + end(1), build(2, MIRROR), STARTUP + build(3, MIRROR) + end(3)])
    )
    view, lines = seen[-1]
    assert view.standings[0].finding.verdict == "unknown"
    assert not view.standings[0].open
    assert [line.split()[1] for line in lines] == ["UNKNOWN"]


def test_what_was_lost_on_the_way_is_a_gap_and_no_pass() -> None:
    follower = Steps()
    with Watch(follower, MIRRORED, clock=follower.clock) as watch:
        follower.write(STARTUP + build(1, MIRROR) + end(1))
        watch.advance()
        wait_for(watch, is_judged(watch))
        assert [one.finding.verdict for one in watch.view().standings] == ["pass"]
        follower.broken = "the engine went away"
        wait_for(watch, lambda: watch.view().standings[0].finding.verdict != "pass")
        assert watch.view().broken == "the engine went away"
        report = conclude_report([watch.conclude()])
    assert report.verdict("mirror-served") == "unknown"
    assert report.exit_code == 3
    [gap] = report.sources[0].coverage["gaps"]
    assert "the engine went away" in gap["reason"]


def test_a_rule_that_cannot_be_run_ends_the_watching() -> None:
    broken = replace(MIRRORED.rules[0], rows="SELECT nonsense AS subject FROM pulls")
    follower = Steps()
    with Watch(follower, Question([broken], MIRRORED.config), clock=follower.clock) as watch:
        follower.write(STARTUP + build(1, MIRROR) + end(1))
        with pytest.raises(bk.AnalyzerError, match="mirror-served"):
            wait_for(watch, lambda: False)


def test_the_view_shows_nothing_of_a_log_uninterpreted() -> None:
    from rich.console import Console

    evil = "mirror.example.com/\x1b[2J[red]x"
    shown = ""
    for view, _ in steps([STARTUP + build(1, MIRROR) + end(1)]):
        hosts = [replace(host, host=evil) for host in view.hosts]
        standings = [
            replace(one, finding=replace(one.finding, message=f"{evil}\n{evil}")) for one in view.standings
        ]
        stream = io.StringIO()
        console = Console(file=stream, width=200, force_terminal=True)
        console.print(render_view(replace(view, name=evil, hosts=hosts, standings=standings, broken=evil)))
        shown = stream.getvalue()
    assert "\x1b[2J" not in shown
    assert shown.count("[red]x") == 5
    assert "PASS so far" in shown
