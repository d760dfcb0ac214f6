"""Several sources: each judged by itself, and all in one report and one dataset."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import analyzer as bk
from analyzer.cli import main
from analyzer.exporting import export_sources
from analyzer.fleet import Question
from analyzer.relations import Relations, join_relations
from analyzer.sources import open_each

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def fleet(repository: Path, tmp_path: Path) -> Path:
    """Three builders: two whose mirror serves, one whose mirror does not."""
    for builder, sample in (("a", "mirror-used"), ("b", "mirror-fallback"), ("c", "mirror-used")):
        (tmp_path / "logs" / builder).mkdir(parents=True)
        shutil.copy(repository / "sample_logs" / sample / "buildkitd.log", tmp_path / "logs" / builder)
    shutil.copy(repository / "sample_logs" / "mirror-used" / "buildkitd.toml", tmp_path)
    return tmp_path


def check(run: Run, fleet: Path, *words: object) -> dict[str, Any]:
    code, out, _ = run("check", *words, "--config", fleet / "buildkitd.toml", "--format", "json")
    return {**json.loads(out), "code": code}


def test_every_source_is_judged_by_itself(run: Run, fleet: Path) -> None:
    all_of_them = check(run, fleet, fleet / "logs" / "*" / "buildkitd.log")
    served = [one for one in all_of_them["findings"] if one["rule"] == "mirror-served"]
    by_builder = {Path(one["source"]).parent.name: one["verdict"] for one in served}
    assert by_builder == {"a": "pass", "b": "fail", "c": "pass"}
    assert all_of_them["code"] == 1
    for builder in "abc":
        alone = check(run, fleet, fleet / "logs" / builder)
        found = [one for one in alone["findings"] if one["rule"] == "mirror-served"]
        assert found == [one for one in served if Path(one["source"]).parent.name == builder]


def test_what_is_said_of_the_configuration_stands_once(run: Run, fleet: Path) -> None:
    both = check(run, fleet, fleet / "logs" / "a", fleet / "logs" / "c")
    lint = [one for one in both["findings"] if one["rule"] == "configuration-lint"]
    assert len(lint) == 1


def test_an_unreadable_source_is_a_finding_and_not_the_end(run: Run, fleet: Path) -> None:
    (fleet / "logs" / "b" / "buildkitd.log").write_bytes(b"\x1f\x8b damaged from its first byte on")
    found = check(run, fleet, fleet / "logs" / "a", fleet / "logs" / "gone", fleet / "logs" / "c")
    assert found["code"] == 2
    unread = [one for one in found["findings"] if one["rule"] == "source-readable"]
    assert [(one["verdict"], Path(one["source"]).name) for one in unread] == [("unknown", "gone")]
    served = [one for one in found["findings"] if one["rule"] == "mirror-served"]
    assert [one["verdict"] for one in served] == ["pass", "pass"]


def test_a_single_unreadable_source_is_an_error(run: Run, fleet: Path) -> None:
    code, out, err = run("check", fleet / "gone")
    assert (code, out) == (2, "")
    assert "there is no such file" in err


def test_one_dataset_of_all(run: Run, fleet: Path) -> None:
    code, _, err = run(
        "export",
        fleet / "logs" / "*",
        fleet / "gone.log",
        fleet / "out",
        "--config",
        fleet / "buildkitd.toml",
    )
    assert code == 2
    assert "gone.log" in err
    records = ds.dataset(fleet / "out" / "records", partitioning="hive")
    assert set(records.to_table(columns=["builder"]).column("builder").to_pylist()) == {"a", "b", "c"}
    findings = pq.read_table(fleet / "out" / "findings")
    served = findings.filter(ds.field("rule") == "mirror-served").to_pylist()
    assert {str(row["builder"]): row["verdict"] for row in served} == {"a": "pass", "b": "fail", "c": "pass"}
    assert "source-readable" in findings.column("rule").to_pylist()
    assert pq.read_table(fleet / "out" / "pushes").num_rows == 0


def test_a_source_alone_gives_its_part_of_the_dataset(run: Run, fleet: Path) -> None:
    run("export", fleet / "logs" / "*", fleet / "all")
    run("export", fleet / "logs" / "b", fleet / "one")
    files = [path.relative_to(fleet / "one") for path in (fleet / "one").rglob("*.parquet")]
    own = [file for file in files if pq.read_metadata(fleet / "one" / file).num_rows]
    assert own
    for file in own:
        assert (fleet / "all" / file).read_bytes() == (fleet / "one" / file).read_bytes()


def test_numbers_of_several_logs_run_on(fleet: Path) -> None:
    log = bk.read(fleet / "logs" / "a", fleet / "logs" / "b")
    assert log.daemons.column("daemon").to_pylist() == [0, 1]
    objects = log.requests.column("object").to_pylist()
    apart = [bk.read(fleet / "logs" / one).requests.column("object").to_pylist() for one in "ab"]
    assert len(set(objects)) == sum(len(set(one)) for one in apart)
    assert log.records.column("record").to_pylist() == list(range(log.records.num_rows))


def test_a_table_is_made_once_and_only_when_asked_for() -> None:
    import pyarrow as pa

    made: list[str] = []

    def make(name: str) -> Callable[[], pa.Table]:
        def now() -> pa.Table:
            made.append(name)
            return pa.table({"daemon": [0]})

        return now

    tables = Relations({"daemons": make("daemons"), "spans": make("spans")})
    more = tables.with_tables({"spans": make("other")})
    assert set(more) == {"daemons", "spans"}
    assert more["daemons"].num_rows == more["daemons"].num_rows == 1
    assert made == ["daemons"]
    assert join_relations([tables]) is tables


@pytest.fixture
def two_workers() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


def same_files(here: Path, there: Path) -> None:
    def files(folder: Path) -> list[Path]:
        return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())

    assert files(here) == files(there)
    for file in files(here):
        assert (here / file).read_bytes() == (there / file).read_bytes(), file


@pytest.mark.slow
def test_a_cluster_gives_what_one_machine_gives(run: Run, fleet: Path, two_workers: Any) -> None:
    words = (fleet / "logs" / "*", fleet / "gone.log", "--config", fleet / "buildkitd.toml")
    address = two_workers.scheduler_address
    here = run("check", *words, "--format", "json")
    there = run("check", *words, "--format", "json", "--cluster", address)
    assert there[:2] == here[:2]
    run("export", *words[:2], fleet / "here", *words[2:])
    run("export", *words[:2], fleet / "there", *words[2:], "--cluster", address)
    same_files(fleet / "here", fleet / "there")


@pytest.mark.slow
def test_a_worker_that_is_killed_half_way_changes_nothing(fleet: Path, two_workers: Any) -> None:
    for number in range(20):
        shutil.copytree(fleet / "logs" / "ab"[number % 2], fleet / "logs" / f"more{number}")
    found = open_each([str(fleet / "logs" / "*")])
    question = Question(bk.load_rules(), bk.load_config(fleet / "buildkitd.toml"))
    victims = [worker.process.pid for worker in two_workers.workers.values()]

    def kill_one(done: int, _: int) -> None:
        if done >= 5 and len(victims) == 2:
            os.kill(victims.pop(), signal.SIGKILL)

    address = two_workers.scheduler_address
    rows, judged = export_sources(found, fleet / "there", question, cluster=address, progress=kill_one)
    assert len(victims) == 1
    assert (rows, judged) == export_sources(found, fleet / "here", question)
    same_files(fleet / "here", fleet / "there")
