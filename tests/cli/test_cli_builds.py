"""`--builds`: the records of a builder's recent builds, taken along by every command that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from analyzer.sources import containers, nodes
from tests.histories import Docker, listed, put_docker

PARTIAL = "mirror-partial-trace"
STAMP = b"2026-11-24T23:11:53.258687954Z "


class FakeEngine:
    """An engine with the nodes of a builder, each with a log of its own.

    Attributes:
        logs: The logs, by container.
        state: What is said of the state of a container, by its name.
    """

    where = "unix:///run/engine.sock"

    def __init__(self, logs: Mapping[str, bytes]) -> None:
        self.logs = logs
        self.state: dict[str, dict[str, Any]] = {}

    def inspect(self, container: str) -> dict[str, Any] | None:
        if container not in self.logs:
            return None
        return {
            "Id": container,
            "Created": "2026-01-01T00:00:00.5Z",
            "Path": "buildkitd",
            "Args": [],
            "Config": {"Tty": True, "Env": []},
            "State": {"Running": True, "StartedAt": "2026-01-01T00:00:01Z", **self.state.get(container, {})},
        }

    def container_names(self) -> list[str]:
        return sorted(self.logs)

    def version(self) -> str:
        return "28.0.0"

    @contextmanager
    def log(self, container: str, *, tail: int | None = None) -> Iterator[Iterator[bytes]]:
        lines = self.logs[container].splitlines(keepends=True)
        yield iter([b"".join(STAMP + line for line in lines[-(tail or len(lines)) :])])

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[None]:
        yield None


@pytest.fixture
def log(repository: Path) -> bytes:
    return (repository / "sample_logs" / PARTIAL / "buildkitd.log").read_bytes()


@pytest.fixture
def record(repository: Path) -> Path:
    return repository / "sample_logs" / PARTIAL / "build.dockerbuild"


@pytest.fixture
def config(repository: Path) -> list[Any]:
    return ["--config", repository / "sample_logs" / PARTIAL / "buildkitd.toml"]


@pytest.fixture
def engine(log: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A builder `web` of one node, which the user's own Buildx knows."""
    made = FakeEngine({"buildx_buildkit_web0": log})
    monkeypatch.setattr(containers, "connect", lambda *_: made)
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path / "buildx"))
    keep(tmp_path, "web0")
    return made


def keep(folder: Path, *names: str) -> None:
    instances = folder / "buildx/instances"
    instances.mkdir(parents=True, exist_ok=True)
    told = {"Name": "web", "Driver": "docker-container", "Nodes": [{"Name": name} for name in names]}
    (instances / "web").write_text(json.dumps(told))


@pytest.fixture
def docker(engine: FakeEngine, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    made = put_docker(tmp_path / "bin", monkeypatch)
    made.answer([listed("one")], one=record)
    return made


def sources(out: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(out)["sources"]
    return told


def covered(out: str) -> list[Any]:
    return [one["coverage"].get("traces") for one in sources(out)]


def test_check_takes_the_records_along(run: Any, docker: Docker, config: list[Any]) -> None:
    code, out, err = run("check", "builder:web", *config, "-f", "json")
    assert (code, err) == (1, "")
    assert covered(out)[0]["files"] == ["builder:web (builds)"]
    assert covered(out)[0]["contradictions"] == 0
    _, bare, err = run("check", "builder:web", *config, "-f", "json", "--builds", "0")
    assert (covered(bare), err) == ([None], "")
    assert len(docker.asked) == 2


@pytest.mark.parametrize("archive", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_bundle_says_what_the_builder_said(
    run: Any, docker: Docker, config: list[Any], tmp_path: Path, archive: bool
) -> None:
    bundle = tmp_path / ("b.tar.gz" if archive else "b")
    code, _, err = run("collect", "web", bundle)
    assert (code, "warning" in err) == (0, False)
    here, there = (run("check", spec, *config, "-f", "json") for spec in ("builder:web", bundle))
    assert here[0] == there[0]
    assert json.loads(there[1].replace(str(bundle), "builder:web")) == json.loads(here[1])
    assert covered(here[1]) != [None]
    run("collect", "web", tmp_path / "again.tar.gz", "--builds", "0")
    _, out, _ = run("check", tmp_path / "again.tar.gz", *config, "-f", "json")
    assert covered(out) == [None]


@pytest.mark.slow
def test_every_command_takes_them_along(run: Any, docker: Docker, config: list[Any], tmp_path: Path) -> None:
    words = (
        ("query", "builder:web", "SELECT count(*) AS n FROM trace_spans", "-f", "json"),
        ("show", "builder:web", "trace_spans", "-f", "json"),
    )
    for one in words:
        code, out, err = run(*one, *config)
        assert (code, err) == (0, "")
        assert json.loads(out) != [{"n": 0}]
    _, timed, _ = run("spans", "builder:web", "-f", "json")
    _, bare, _ = run("spans", "builder:web", "-f", "json", "--builds", "0")
    assert timed != bare
    for format_ in ("parquet", "json"):
        code, _, err = run("export", "builder:web", tmp_path / format_, "-f", format_)
        assert (code, "warning" in err) == (0, False)
        assert [one for one in (tmp_path / format_).rglob("*") if "trace_spans" in one.name]
    code, _, _ = run("export", "builder:web", tmp_path / "bare", "--builds", "0")
    assert not [one for one in (tmp_path / "bare").rglob("*") if "trace_spans" in one.name]


@pytest.mark.parametrize(
    ("command", "words"),
    [("check", ()), ("export", ("DIR",)), ("query", ("SELECT 1",)), ("show", ("requests",)), ("spans", ())],
)
def test_without_buildx_one_line_says_so(
    run: Any, docker: Docker, tmp_path: Path, command: str, words: tuple[str, ...]
) -> None:
    docker.answer(ls={"err": "docker: 'buildx' is not a docker command.\n", "code": 1})
    named = [tmp_path / "out" if word == "DIR" else word for word in words]
    _, _, err = run(command, "builder:web", *named)
    lines = [line for line in err.splitlines() if line.startswith("warning")]
    assert lines == [
        "warning: builder:web: records of builds: docker buildx history is not there (Buildx v0.23 or later has it)"
    ]


def test_a_report_is_the_same_without_buildx_as_without_records(
    run: Any, docker: Docker, config: list[Any]
) -> None:
    docker.answer(ls={"err": "unknown command", "code": 1})
    _, out, _ = run("check", "builder:web", *config, "-f", "json")
    _, bare, _ = run("check", "builder:web", *config, "-f", "json", "--builds", "0")
    assert out == bare


@pytest.mark.parametrize("state", [{"Running": False}, {"Paused": True}])
def test_a_builder_that_stands_still_is_not_started(
    run: Any, engine: FakeEngine, docker: Docker, state: dict[str, Any]
) -> None:
    """Buildx v0.26 and later would start it."""
    engine.state["buildx_buildkit_web0"] = state
    _, out, err = run("check", "builder:web", "-f", "json")
    assert "not all nodes of the builder run" in err
    assert covered(out) == [None]
    assert docker.asked == []


def test_one_node_that_is_gone_is_enough(
    run: Any, engine: FakeEngine, docker: Docker, tmp_path: Path
) -> None:
    keep(tmp_path, "web0", "web1")
    code, _, err = run("check", "builder:web", "-f", "json")
    assert code == 2
    assert "not all nodes of the builder run" in err
    assert docker.asked == []


def test_a_builder_of_somebody_else_s_buildx_is_not_asked_for(
    run: Any, docker: Docker, tmp_path: Path
) -> None:
    (tmp_path / "buildx/instances/web").unlink()
    assert nodes.stored_builder("web") is None
    _, out, err = run("check", "builder:web", "-f", "json")
    assert "this user's Buildx has no builder of that name" in err
    assert covered(out) == [None]
    assert docker.asked == []


def test_containers_have_no_history(run: Any, docker: Docker) -> None:
    _, out, err = run("check", "container:buildx_buildkit_web0", "-f", "json")
    assert covered(out) == [None]
    assert "warning" not in err
    assert docker.asked == []


@pytest.fixture
def pair(engine: FakeEngine, docker: Docker, repository: Path, tmp_path: Path, record: Path) -> Docker:
    """A builder of two nodes, of which only the first has a record."""
    other = (repository / "sample_logs/mirror-used/buildkitd.log").read_bytes()
    engine.logs = {**engine.logs, "buildx_buildkit_web1": other}
    keep(tmp_path, "web0", "web1")
    docker.answer([listed("one", "web0")], one=record)
    return docker


def test_a_record_is_joined_with_its_own_node_alone(run: Any, pair: Docker, config: list[Any]) -> None:
    _, out, _ = run("check", "builder:web", *config, "-f", "json")
    first, second = covered(out)
    assert first["files"] == ["builder:web0 (builds)"]
    assert second is None


@pytest.mark.slow
def test_what_one_node_has_alone_stands_in_the_tables_of_both(
    run: Any, pair: Docker, tmp_path: Path, config: list[Any]
) -> None:
    sql = "SELECT source, count(*) AS n FROM trace_spans GROUP BY source"
    _, out, _ = run("query", "builder:web", sql, "-f", "json")
    [row] = json.loads(out)
    assert row["source"] == "builder:web0 (builds)"
    for order in (["web0", "web1"], ["web1", "web0"]):
        report = bk.check(bk.read("builder:web"), bk.load_config(config[1]))
        assert report.tables["trace_spans"].num_rows == row["n"]
        keep(tmp_path, *order)
    code, _, err = run("export", "builder:web", tmp_path / "out")
    assert (code, "warning" in err) == (0, False)
    import pyarrow.dataset as ds

    table = ds.dataset(tmp_path / "out/trace_spans", partitioning="hive").to_table()
    assert table.num_rows == row["n"]


def test_a_trace_that_the_user_gives_stands_beside_them(
    run: Any, docker: Docker, config: list[Any], record: Path
) -> None:
    _, own, _ = run("check", "builder:web", *config, "-f", "json")
    _, out, err = run("check", "builder:web", *config, "-f", "json", "--trace", record)
    assert err == ""
    assert covered(out)[0]["files"] == ["builder:web (builds)", record.as_posix()]
    assert covered(out)[0]["spans"] == covered(own)[0]["spans"]


@pytest.mark.slow
def test_a_trace_of_one_log_is_not_taken_for_another_s(
    run: Any, repository: Path, config: list[Any], tmp_path: Path, record: Path
) -> None:
    """Given for several logs, it belongs to the one that names it."""
    samples = repository / "sample_logs"
    logs = [samples / PARTIAL / "buildkitd.log", samples / "mirror-used/buildkitd.log"]
    alone = [run("check", log, *config, "-f", "json")[1] for log in logs]
    _, out, _ = run("check", *logs, *config, "-f", "json", "--trace", record)
    served = {
        one["source"]: one["verdict"] for one in json.loads(out)["findings"] if one["rule"] == "mirror-served"
    }
    for log, text in zip(logs, alone, strict=True):
        [mine] = [one for one in json.loads(text)["findings"] if one["rule"] == "mirror-served"]
        assert served[str(log)] == mine["verdict"]
    report = bk.check(bk.read(*logs), bk.load_config(config[1]), trace=[record])
    found = {one.source: one.verdict for one in report.findings if one.rule == "mirror-served"}
    assert found == served
    _, out, _ = run(
        "query",
        *logs,
        "SELECT count(*) AS n FROM requests WHERE record IS NULL",
        "--trace",
        record,
        "-f",
        "json",
    )
    _, one, _ = run(
        "query",
        logs[0],
        "SELECT count(*) AS n FROM requests WHERE record IS NULL",
        "--trace",
        record,
        "-f",
        "json",
    )
    assert out == one
