"""The stand-ins are what they stand for: the engine keeps what they write, and shows them as Buildx's builders.

What is read of them here is read from saved files, as a person does who has no access to the engine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import analyzer as bk
from tests.engine.builders import (
    ARGUMENTS,
    CONFIG,
    END,
    MIRROR,
    Builder,
    Feed,
    Secrets,
    import_images,
    lengthen,
    make_builder,
    sample_config,
    sample_log,
)
from tests.engine.engines import Engine
from tests.engine.processes import find_processes

pytestmark = pytest.mark.slow


def verdicts(log: bytes | Path, sample: str, folder: Path) -> dict[str, str]:
    """The verdicts on a saved log."""
    if isinstance(log, bytes):
        folder.joinpath("saved.log").write_bytes(log)
        log = folder / "saved.log"
    report = bk.check(bk.read(log), bk.parse_config(sample_config(sample)))
    return {result.rule.id: result.verdict for result in report.results}


def test_a_builder_writes_its_log_and_looks_like_one_of_buildx(
    builder: Callable[..., Builder], secrets: Secrets, tmp_path: Path
) -> None:
    log = sample_log("mirror-used")
    made = builder("plain", Feed(log), files=secrets.builder_files())
    assert made.logs() == log
    (shown,) = json.loads(made.inspect())
    assert shown["Name"] == "/buildx_buildkit_plain0"
    assert [shown["Path"], *shown["Args"]] == ["buildkitd", *ARGUMENTS]
    assert not shown["HostConfig"]["Privileged"]
    assert shown["HostConfig"]["NetworkMode"] == "none"
    copied = made.copy("/etc/buildkit", tmp_path / "etc")
    assert (copied / "buildkitd.toml").read_bytes() == secrets.builder_files()[CONFIG].content
    assert (copied / "certs" / MIRROR / "client.key").read_bytes() == secrets.client.key
    assert verdicts(made.logs(), "mirror-used", tmp_path)["mirror-served"] == "pass"


def test_a_line_longer_than_an_engine_takes_comes_out_whole(
    builder: Callable[..., Builder], tmp_path: Path
) -> None:
    log = lengthen(sample_log("mirror-used"), 50_000)
    assert max(len(line) for line in log.splitlines()) > 3 * 16384
    made = builder("long", Feed(log))
    assert made.logs() == log
    assert verdicts(made.logs(), "mirror-used", tmp_path) == verdicts(log, "mirror-used", tmp_path)


def test_the_local_driver_loses_the_end_of_a_line_that_it_splits(
    builder: Callable[..., Builder], tmp_path: Path
) -> None:
    # so two records become one: seen with Docker Engine 20.10.24
    log = lengthen(sample_log("mirror-used"), 50_000)
    (long,) = [line for line in log.splitlines(keepends=True) if len(line) > 16384]
    made = builder("local", Feed(log), options=["--log-driver", "local"])
    kept = made.logs()
    if kept == log:
        pytest.skip("this engine keeps the end of the line")
    assert kept == log.replace(long, long.rstrip(b"\n"))
    joined = verdicts(kept, "mirror-used", tmp_path)
    assert "fail" not in joined.values()


def test_a_terminal_makes_one_stream_with_carriage_returns(
    builder: Callable[..., Builder], tmp_path: Path
) -> None:
    log = sample_log("untrusted-terminal").replace(b"\r\n", b"\n")
    made = builder("terminal", Feed(log), terminal=True)
    assert made.logs() == log.replace(b"\n", b"\r\n")
    assert verdicts(made.logs(), "untrusted-terminal", tmp_path)["tls-trusted"] == "fail"


def test_both_streams_a_stop_and_a_second_start_are_kept(
    builder: Callable[..., Builder], tmp_path: Path
) -> None:
    first, second = Feed(sample_log("mirror-used"), stdout=b"a word\n"), Feed(sample_log("mirror-partial"))
    made = builder("twice", first, second)
    made.stop()
    made.start()
    out = made.engine.docker_bytes("logs", made.container)
    assert out.stdout == b"a word\n"
    assert out.stderr == first.stderr + END + second.stderr
    assert len(bk.read(_saved(tmp_path, out.stderr)).tables["daemons"]) == 2


def _saved(folder: Path, log: bytes) -> Path:
    path = folder / "buildkitd.log"
    path.write_bytes(log)
    return path


def test_rotation_loses_the_start_and_no_rule_passes_for_it(
    builder: Callable[..., Builder], tmp_path: Path
) -> None:
    log = sample_log("parallel")
    options = ["--log-driver", "json-file", "--log-opt", "max-size=40k", "--log-opt", "max-file=2"]
    made = builder("rotated", Feed(log, at_once=20), options=options)
    kept = made.logs()
    assert 0 < len(kept) < len(log)
    assert log.endswith(kept)
    whole, rest = verdicts(log, "parallel", tmp_path), verdicts(kept, "parallel", tmp_path)
    assert [rule for rule in whole if whole[rule] == "fail" and rest[rule] == "pass"] == []


def test_drivers_that_keep_nothing_and_drivers_that_are_not_there(
    builder: Callable[..., Builder],
) -> None:
    made = builder("silent", Feed(sample_log("mirror-used")), options=["--log-driver", "none"])
    refused = made.engine.docker("logs", made.container, check=False)
    assert refused.returncode != 0
    assert "does not support reading" in refused.stderr
    if os.path.exists("/run/systemd/journal/socket"):
        pytest.skip("this machine has a journal")
    absent = builder("journal", Feed(b""), start=False, options=["--log-driver", "journald"])
    assert absent.engine.docker("start", absent.container, check=False).returncode != 0


def test_a_builder_without_root_has_its_files_at_home(
    builder: Callable[..., Builder], secrets: Secrets, tmp_path: Path
) -> None:
    log = sample_log("mirror-used")
    files = secrets.rootless_files()
    made = builder("rootless", Feed(log), files=files, rootless=True, arguments=())
    assert made.logs() == log
    (shown,) = json.loads(made.inspect())
    assert [shown["Path"], *shown["Args"]] == ["rootlesskit", "buildkitd"]
    copied = made.copy("/home/user/.config/buildkit", tmp_path / "home")
    assert (copied / "buildkitd.toml").read_bytes() == files[
        "/home/user/.config/buildkit/buildkitd.toml"
    ].content


def test_links_and_folders_of_certificates_are_there(
    builder: Callable[..., Builder], secrets: Secrets
) -> None:
    made = builder("links", Feed(b"x\n"), files=secrets.symlinked_files())
    path = f"/etc/buildkit/certs/{MIRROR}/ca.pem"
    shown = made.engine.docker_bytes("exec", made.container, "cat", path).stdout
    assert shown == secrets.authority.certificate
    made = builder("folder", Feed(b"x\n"), files=secrets.folder_files())
    shown = made.engine.docker_bytes("exec", made.container, "ls", "/etc/buildkit/trust").stdout
    assert shown.split() == [b"ca.crt", b"client.cert", b"client.key"]


def test_a_slow_builder_is_still_writing(builder: Callable[..., Builder]) -> None:
    log = sample_log("mirror-used")
    made = builder("slow", Feed(log, at_once=5, pause=0.1), start=False)
    made.start(wait=False)
    seen = {len(made.logs())}
    while len(made.logs()) < len(log):
        seen.add(len(made.logs()))
        time.sleep(0.1)
    assert made.logs() == log
    assert len(seen) > 2


def test_a_killed_engine_leaves_nothing_running_and_starts_again(make_engine: Callable[..., Engine]) -> None:
    engine = make_engine()
    import_images(engine)
    log = sample_log("mirror-used")
    made = make_builder(engine, "killed", [Feed(log)])
    made.start()
    assert find_processes(str(engine.folder))
    engine.kill()
    assert find_processes(str(engine.folder)) == []
    engine.start()
    assert made.logs() == log
    made.start()
    assert made.logs() == log + log
