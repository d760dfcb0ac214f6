"""Builders and containers that run: read as their saved files are, or told why they cannot be."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import analyzer as bk
from tests.engine.builders import (
    IMAGE,
    MIRROR,
    SAMPLES,
    Builder,
    Feed,
    Secrets,
    lengthen,
    sample_config,
    sample_log,
)
from tests.engine.engines import Engine
from tests.engine.program import Outcome, finish, needs_command, spawn, without_name

pytest.importorskip("analyzer.sources.containers", reason="sources that run in containers are not there yet")
pytestmark = pytest.mark.slow

Make = Callable[..., Builder]
Run = Callable[..., Outcome]
USED = Feed(sample_log("mirror-used"))


def check(run: Run, source: object, config: object, *words: object, host: str | None = None) -> Outcome:
    outcome = run("check", source, "--config", config, "--format", "json", *words, host=host)
    outcome.assert_orderly()
    return outcome


def messages(outcome: Outcome, rule: str) -> list[str]:
    return [finding["message"] for finding in outcome.report["findings"] if finding["rule"] == rule]


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], Path]:
    """The configuration of a sample as a file."""

    def write(name: str) -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_bytes(sample_config(name))
        return path

    return write


# The same verdicts, whichever way the builder is looked at.


def loose_files(made: Builder, folder: Path) -> tuple[Path, Path]:
    """The log and the surroundings as a person saves them by hand."""
    log, given = folder / "saved.log", made.copy("/etc/buildkit", folder / "given")
    log.write_bytes(made.logs())
    (given / "docker-inspect.json").write_bytes(made.inspect())
    return log, given


@pytest.mark.parametrize(
    "layout", ["plain", "links", "folder", "rootless", "terminal", "stopped", "restarted"]
)
def test_a_builder_its_bundle_and_loose_files_say_the_same(
    builder: Make, run: Run, secrets: Secrets, meant: Path, tmp_path: Path, layout: str
) -> None:
    needs_command("collect")
    files = {
        "links": secrets.symlinked_files,
        "folder": secrets.folder_files,
        "rootless": secrets.rootless_files,
    }.get(layout, secrets.builder_files)()
    feed = Feed(sample_log("untrusted-terminal")) if layout == "terminal" else USED
    rootless = layout == "rootless"
    made = builder(
        "same",
        feed,
        files=files,
        terminal=layout == "terminal",
        rootless=rootless,
        **({"arguments": ()} if rootless else {}),
    )
    if layout in ("stopped", "restarted"):
        made.stop()
    if layout == "restarted":
        made.start()
    live = check(run, made.spec, meant)
    for bundle in [tmp_path / "bundle.tar.gz", *([tmp_path / "bundle"] if layout == "links" else ())]:
        collected = run("collect", made.name, bundle)
        collected.assert_orderly()
        assert collected.code == 0, collected
        again = check(run, bundle, meant)
        assert without_name(again.report) == without_name(live.report)
        assert again.code == live.code
    if rootless:
        return  # a copy of /etc/buildkit is what --effective takes
    log, given = loose_files(made, tmp_path)
    loose = check(run, log, meant, "--effective", given)
    assert loose.verdicts == live.verdicts
    assert loose.code == live.code


def test_the_copy_and_the_words_of_inspect_may_be_two_files(
    builder: Make, run: Run, secrets: Secrets, meant: Path, tmp_path: Path
) -> None:
    made = builder("apart", USED, files=secrets.builder_files())
    log, given = loose_files(made, tmp_path)
    together = check(run, log, meant, "--effective", given)
    inspected = (given / "docker-inspect.json").rename(tmp_path / "inspect.json")
    apart = check(run, log, meant, "--effective", given, "--effective", inspected)
    assert without_name(apart.report) == without_name(together.report)


def test_a_builder_shows_more_than_its_log(builder: Make, run: Run, secrets: Secrets, meant: Path) -> None:
    made = builder("more", USED, files=secrets.builder_files())
    outcome = check(run, made.spec, meant)
    for rule in (
        "mirror-served",
        "tls-trusted",
        "certificate-files",
        "certificate-paths",
        "configuration-loaded",
    ):
        assert outcome.verdicts[rule] == "pass", messages(outcome, rule)
    assert outcome.code == 0
    assert outcome.report["sources"][0]["name"] == "builder:more"


def test_a_builder_made_from_an_older_file_is_told(
    builder: Make, run: Run, secrets: Secrets, meant: Path
) -> None:
    config = meant.read_text()
    made = builder("older", USED, files=secrets.builder_files())
    meant.write_text(config.replace(f'["{MIRROR}"]', f'["{MIRROR}", "second.example.com"]', 1))
    assert check(run, made.spec, meant).verdicts["configuration-loaded"] == "fail"


@pytest.mark.parametrize("rule", ["certificate-files"])
def test_a_file_that_is_missing_in_the_builder_is_told(
    builder: Make, run: Run, secrets: Secrets, meant: Path, rule: str
) -> None:
    files = secrets.builder_files()
    del files[f"/etc/buildkit/certs/{MIRROR}/client.key"]
    made = builder("missing", USED, files=files)
    outcome = check(run, made.spec, meant)
    assert outcome.verdicts[rule] == "fail"
    assert any("client.key" in message for message in messages(outcome, rule))


@pytest.mark.parametrize("layout", ["running", "stopped", "restarted", "long", "terminal", "container"])
def test_reading_a_container_is_reading_its_saved_log(
    builder: Make, run: Run, sample: Callable[[str], Path], tmp_path: Path, layout: str
) -> None:
    name = "untrusted-terminal" if layout == "terminal" else "mirror-partial"
    log = sample_log(name)
    made = builder(
        "read", Feed(lengthen(log, 60_000) if layout == "long" else log), terminal=layout == "terminal"
    )
    if layout in ("stopped", "restarted"):
        made.stop()
    if layout == "restarted":
        made.start()
    saved = tmp_path / "saved.log"
    saved.write_bytes(made.logs())
    words = ("--select", "mirror-served", "--select", "tls-trusted", "--select", "hosts-as-configured")
    spec = f"container:{made.container}" if layout == "container" else made.spec
    live, file = check(run, spec, sample(name), *words), check(run, saved, sample(name), *words)
    assert without_name(live.report) == without_name(file.report)
    assert live.code == file.code == 1


def test_the_library_reads_a_builder_too(
    builder: Make, shared_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = builder("library", USED)
    monkeypatch.setenv("DOCKER_HOST", shared_engine.host)
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    report = bk.check(bk.read(made.spec), bk.parse_config(sample_config("mirror-used")))
    assert report.verdict("mirror-served") == "pass"
    assert len(bk.read(made.spec).table("records")) == len(bk.read(_saved(tmp_path, USED.stderr)).records)


def _saved(folder: Path, log: bytes) -> Path:
    path = folder / "buildkitd.log"
    path.write_bytes(log)
    return path


def test_every_node_is_judged(builder: Make, run: Run, sample: Callable[[str], Path]) -> None:
    builder("nodes", USED)
    builder("nodes", Feed(sample_log("mirror-partial")), node=1)
    outcome = check(run, "builder:nodes", sample("mirror-partial"))
    assert len(outcome.report["sources"]) == 2
    assert outcome.verdicts["mirror-served"] == "fail"
    failed = [one for one in outcome.report["findings"] if one["verdict"] == "fail"]
    assert {one["source"] for one in failed if one["rule"] == "mirror-served"} == {"builder:nodes1"}


def test_both_streams_are_read(builder: Make, run: Run, sample: Callable[[str], Path]) -> None:
    made = builder("streams", Feed(sample_log("mirror-used"), stdout=b"a word of another program\n"))
    outcome = check(run, made.spec, sample("mirror-used"))
    assert outcome.report["sources"][0]["lines"] == len(USED.stderr.splitlines()) + 1
    assert outcome.verdicts["mirror-served"] == "pass"


def test_rotated_logs_are_read_for_what_is_left(
    builder: Make, run: Run, sample: Callable[[str], Path]
) -> None:
    options = ["--log-driver", "json-file", "--log-opt", "max-size=30k", "--log-opt", "max-file=2"]
    made = builder("rotated", Feed(sample_log("parallel"), at_once=20), options=options)
    outcome = check(run, made.spec, sample("parallel"))
    source = outcome.report["sources"][0]
    assert 0 < source["lines"] < len(sample_log("parallel").splitlines())
    assert not source["coverage"]["startup"]
    whole = bk.check(bk.read(SAMPLES / "parallel" / "buildkitd.log"), bk.load_config(sample("parallel")))
    for result in whole.results:
        assert result.verdict != "fail" or outcome.verdicts[result.rule.id] != "pass"


def test_the_local_driver_is_read_whole(
    builder: Make, run: Run, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    # the engine gives its parts without the end of the line (20.10.24)
    log = lengthen(sample_log("mirror-used"), 50_000)
    made = builder("local", Feed(log), options=["--log-driver", "local"])
    live = check(run, made.spec, sample("mirror-used"))
    file = check(run, _saved(tmp_path, log), sample("mirror-used"))
    assert live.report["sources"][0]["lines"] == file.report["sources"][0]["lines"]
    assert live.verdicts["mirror-served"] == "pass"


# What cannot be read is told, in words, with exit code 2.


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    outcome.assert_orderly()
    assert outcome.err.startswith("error: "), outcome.err
    assert len(outcome.err.splitlines()) <= 3, outcome.err
    for word in words:
        assert word in outcome.err, outcome.err


def test_an_engine_that_is_not_there(run: Run, tmp_path: Path) -> None:
    outcome = run("check", "builder:any", host=f"unix://{tmp_path}/no.sock")
    refused(outcome, "no.sock", "hint: ")


def test_an_engine_that_does_not_listen(run: Run, short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(short_path / "old.sock"))
    refused(run("check", "builder:any", host=f"unix://{short_path}/old.sock"), "old.sock", "refused")


def test_a_builder_that_is_not_there(builder: Make, run: Run) -> None:
    builder("mybuilder", USED)
    refused(run("check", "builder:mybuilder7"), "builder:mybuilder7")
    refused(run("check", "builder:mybulider"), "builder:mybuilder")
    refused(run("check", "container:nothing"), "container:nothing")


def test_names_that_could_be_taken_for_something_else(run: Run) -> None:
    for name in ("builder:../../etc", "container:a/b?x=1", "container:%2e%2e/json", "builder:\x1b[2J"):
        outcome = run("check", name)
        refused(outcome)
        assert "\x1b" not in outcome.err


def test_a_container_that_is_no_builder(shared_engine: Engine, run: Run) -> None:
    words = ("--name", "web", "--network", "none", "--entrypoint", "/bin/echo", IMAGE, "GET / 200")
    try:
        shared_engine.docker("run", *words)
        outcome = run("check", "container:web", "--format", "json")
        outcome.assert_orderly()
        assert outcome.code == 3
        assert "pass" not in [rule["verdict"] for rule in outcome.report["rules"]]
        refused(run("check", "builder:web"), "container:web")
    finally:
        shared_engine.docker("rm", "--force", "web", check=False)


@pytest.mark.parametrize("command", ["check", "collect", "watch"])
def test_a_log_that_its_driver_does_not_keep(builder: Make, run: Run, tmp_path: Path, command: str) -> None:
    needs_command(command)
    made = builder("silent", USED, options=["--log-driver", "none"])
    words = {"collect": (made.name, tmp_path / "bundle"), "watch": (made.name, "--for", "20")}
    outcome = run(command, *words.get(command, (made.spec,)))
    refused(outcome, "driver")
    assert not (tmp_path / "bundle").exists()


def test_a_container_that_never_started_has_no_record(
    builder: Make, run: Run, secrets: Secrets, meant: Path
) -> None:
    made = builder("waiting", USED, files=secrets.builder_files(), start=False)
    outcome = check(run, made.spec, meant)
    assert outcome.code == 3
    for rule in ("mirror-served", "tls-trusted", "network-mode", "debug-enabled"):
        assert outcome.verdicts[rule] != "pass"


@contextmanager
def nobody() -> Iterator[None]:
    """This process as a user without any rights, who was only ever allowed to start it."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_socket_without_permission(run: Run, shared_engine: Engine, tmp_path: Path) -> None:
    run("check", "builder:none", host=f"unix://{tmp_path}/no.sock")  # everything is imported now
    shared_engine.folder.chmod(0o755)
    with nobody():
        outcome = run("check", "builder:none")
    shared_engine.folder.chmod(0o700)
    refused(outcome, "permission denied", "hint: ")


@pytest.mark.parametrize("moment", [0.4, 0.6, 0.9, 1.3])
def test_a_container_that_is_removed_while_it_is_read(
    builder: Make, shared_engine: Engine, meant: Path, tmp_path: Path, moment: float
) -> None:
    log = sample_log("mirror-partial")
    made = builder("leaving", Feed(log + log * 400), start=False)
    made.start()
    words = ("check", made.spec, "--config", meant, "--format", "json")
    process = spawn(*words, host=shared_engine.host, folder=tmp_path)
    time.sleep(moment)
    made.remove()
    outcome = finish(process)
    outcome.assert_orderly()
    if outcome.code == 2:
        assert outcome.err.startswith("error: ")
    else:
        assert outcome.verdicts["mirror-served"] in ("fail", "unknown")


def test_a_bundle_is_private_and_always_the_same(
    builder: Make, run: Run, secrets: Secrets, tmp_path: Path
) -> None:
    needs_command("collect")
    made = builder("private", USED, files=secrets.builder_files())
    before = os.umask(0)
    try:
        for name in ("one", "two", "one.tar.gz", "two.tar.gz"):
            assert run("collect", made.name, tmp_path / name).code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "one.tar.gz").stat().st_mode & 0o777 == 0o600
    for path in [tmp_path / "one", *(tmp_path / "one").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert gzip.decompress((tmp_path / "one.tar.gz").read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_builder_can_be_asked_everything(builder: Make, run: Run, sample: Callable[[str], Path]) -> None:
    made = builder("asked", USED)
    config = sample("mirror-used")
    hosts = run(
        "query", made.spec, "SELECT DISTINCT host FROM requests", "--config", config, "--format", "json"
    )
    assert MIRROR in json.dumps(hosts.out)
    for words in (("show", made.spec, "pulls"), ("spans", made.spec)):
        outcome = run(*words)
        outcome.assert_orderly()
        assert outcome.code == 0, outcome
