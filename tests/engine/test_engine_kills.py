"""Engines that die while they are asked: whatever was read by then never passes for the whole."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import analyzer as bk
from tests.engine.builders import MEANT, Builder, Feed, Secrets, import_images, make_builder, sample_log
from tests.engine.engines import Engine
from tests.engine.processes import wait_until
from tests.engine.program import Outcome, finish, needs_command, spawn

pytest.importorskip("analyzer.sources.containers", reason="sources that run in containers are not there yet")
pytestmark = pytest.mark.slow

AT_ONCE = 5
"""Programs that ask one engine, each begun at a moment of its own, when it is killed."""

USED, PARTIAL = sample_log("mirror-used"), sample_log("mirror-partial")
GOOD_THEN_BAD = USED * 200 + PARTIAL
"""Six megabytes without a fault, and the fault at the end: to stop before it is to miss it."""


@pytest.fixture(scope="module")
def mortal() -> Iterator[Engine]:
    """An engine to be killed, and started again."""
    folder = Path(tempfile.mkdtemp(prefix="bka-", dir="/tmp"))
    engine = Engine(folder)
    try:
        engine.start()
        import_images(engine)
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make(mortal: Engine, secrets: Secrets) -> Iterator[Callable[..., Builder]]:
    made: list[Builder] = []

    def make_one(name: str, *feeds: Feed) -> Builder:
        made.append(make_builder(mortal, name, feeds, files=secrets.builder_files()))
        made[-1].start(wait=False)
        return made[-1]

    yield make_one
    for builder in made:
        mortal.docker("rm", "--force", "--volumes", builder.container, check=False)


def whole(log: bytes, folder: Path) -> dict[str, str]:
    """The verdicts on a whole log."""
    path = folder / "whole.log"
    path.write_bytes(log)
    report = bk.check(bk.read(path), bk.parse_config(MEANT))
    return {result.rule.id: result.verdict for result in report.results}


def assert_no_false_pass(outcome: Outcome, truth: dict[str, str]) -> None:
    outcome.assert_orderly()
    if outcome.code == 2:
        assert re.search(r"^error: ", outcome.err, re.MULTILINE), outcome
        if not outcome.out:
            return
    wrong = [
        rule
        for rule, verdict in outcome.verdicts.items()
        # rules about files have nothing in a log to be compared with
        if verdict == "pass" and truth[rule] not in ("pass", "skipped")
    ]
    assert wrong == [], outcome.out
    assert outcome.code != 0


def kill_while_asked(
    words: tuple[object, ...], engine: Engine, folder: Path, query: str, rng: random.Random, *, back: bool
) -> list[Outcome]:
    """Start programs one after the other and kill the engine when some of them read: each at another moment of its
    life."""
    before, enough = engine.calls(query), rng.randint(1, AT_ONCE - 1)
    started: list[subprocess.Popen[str]] = []
    for _ in range(AT_ONCE):
        started.append(spawn(*words, host=engine.host, folder=folder))
        time.sleep(rng.random() * 0.3)
    wait_until(lambda: engine.calls(query) >= before + enough, what="the reading", pause=0.01)
    time.sleep(rng.random() * 0.4)
    engine.kill()
    try:
        if back:
            engine.start()
        outcomes = [finish(one) for one in started]
    finally:
        if not back:
            engine.start()
    # those that read when it died are more than turned away
    assert any("connection refused" not in one.err for one in outcomes), outcomes
    return outcomes


@pytest.mark.parametrize("seed", [1, 2])
def test_check_of_an_engine_that_dies(
    make: Callable[..., Builder], mortal: Engine, meant: Path, tmp_path: Path, seed: int
) -> None:
    truth = whole(GOOD_THEN_BAD, tmp_path)
    assert truth["mirror-served"] == "fail"
    made = make("dying", Feed(GOOD_THEN_BAD))
    made.wait()
    words = ("check", made.spec, "--config", meant, "--format", "json")
    rng = random.Random(seed)
    for outcome in kill_while_asked(words, mortal, tmp_path, "tail=all", rng, back=False):
        assert_no_false_pass(outcome, truth)
    # the engine is back, and so is the whole truth
    again = finish(spawn(*words, host=mortal.host, folder=tmp_path))
    assert {rule: again.verdicts[rule] for rule in ("mirror-served", "tls-trusted")} == {
        rule: truth[rule] for rule in ("mirror-served", "tls-trusted")
    }


@pytest.mark.parametrize(("seed", "back"), [(3, False), (4, True)])
def test_watch_of_an_engine_that_dies(
    make: Callable[..., Builder], mortal: Engine, meant: Path, tmp_path: Path, seed: int, back: bool
) -> None:
    needs_command("watch")
    log = USED * 8 + PARTIAL
    truth = whole(log, tmp_path)
    made = make("watched", Feed(log, at_once=100, pause=0.5))
    words = ("watch", made.name, "--config", meant, "--format", "json", "--for", "9")
    rng = random.Random(seed)
    for outcome in kill_while_asked(words, mortal, tmp_path, "follow=1", rng, back=back):
        assert_no_false_pass(outcome, truth)


def test_watch_over_a_restart_ends_as_check_does(
    make: Callable[..., Builder], mortal: Engine, meant: Path, tmp_path: Path
) -> None:
    needs_command("watch")
    made = make("restarted", Feed(USED, at_once=20, pause=0.2), Feed(PARTIAL, at_once=20, pause=0.2))
    watching = spawn(
        *("watch", made.name, "--config", meant, "--format", "json", "--until-idle", "6"),
        host=mortal.host,
        folder=tmp_path,
    )
    made.wait()
    made.stop()
    made.start()
    watched = finish(watching)
    watched.assert_orderly()
    checked = finish(
        spawn("check", made.spec, "--config", meant, "--format", "json", host=mortal.host, folder=tmp_path)
    )
    assert watched.verdicts == checked.verdicts
    assert watched.code == checked.code == 1
    assert [source["lines"] for source in watched.report["sources"]] == [
        source["lines"] for source in checked.report["sources"]
    ]


def test_watch_ends_with_the_report_when_its_container_is_removed(
    make: Callable[..., Builder], mortal: Engine, meant: Path, tmp_path: Path
) -> None:
    needs_command("watch")
    log = USED * 3
    truth = whole(log, tmp_path)
    made = make("removed", Feed(log, at_once=40, pause=0.3))
    before = mortal.calls("follow=1")
    watching = spawn(
        *("watch", made.name, "--config", meant, "--format", "json", "--for", "60"),
        host=mortal.host,
        folder=tmp_path,
    )
    wait_until(lambda: mortal.calls("follow=1") > before, what="the watching", pause=0.01)
    time.sleep(1)
    made.remove()
    outcome = finish(watching, 30)
    outcome.assert_orderly()
    for rule, verdict in outcome.verdicts.items():
        assert verdict != "pass" or truth[rule] in ("pass", "skipped"), rule
