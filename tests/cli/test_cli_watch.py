"""`watch` as a person or a pipeline runs it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli import watch
from analyzer.errors import AnalyzerError, SourceError, UsageError
from tests.cli.conftest import log_text

PROGRAM = """\
import sys
from analyzer.cli.startup import prepare_process
from analyzer.cli.watch import run
prepare_process()
options = dict(word.split("=", 1) for word in sys.argv[2:])
sys.exit(run(sys.argv[1], format_=options.pop("format", "json"), **options))
"""


def report(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def test_the_report_and_the_code_are_those_of_check(
    run: Any, from_mirror: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for select_ in ("mirror-served", "tls-trusted"):
        words = ("check", from_mirror, "--config", config, "-f", "json", "--select", select_)
        code, out, _ = run(*words)
        watched = watch.run(
            str(from_mirror), config=str(config), format_="json", select=[select_], seconds=0.0
        )
        assert watched == code
        assert report(capsys)[0] == json.loads(out)


@pytest.mark.slow
def test_it_ends_when_nothing_is_written_any_more_and_tells_what_it_saw(
    from_upstream: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = watch.run(
        str(from_upstream), config=str(config), format_="json", select=["mirror-served"], until_idle=4.0
    )
    told, said = report(capsys)
    assert code == 1
    assert told["summary"]["exit_code"] == 1
    [line] = said.splitlines()
    assert line.startswith("22:07:39 FAIL mirror-served docker.io: ")


def test_a_log_without_a_record_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.log"
    path.touch()
    assert watch.run(str(path), format_="json", until_idle=0.0, seconds=0.5) == 3
    assert report(capsys)[1] == ""


def test_the_report_goes_where_it_should(from_mirror: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    watch.run(str(from_mirror), format_="json", output=[str(target)], seconds=0.0)
    assert json.loads(target.read_text())["sources"][0]["name"] == str(from_mirror)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"fail_on": "nonsense"}, UsageError),
        ({"format_": "nonsense"}, UsageError),
        ({"select": ["nonsense"]}, AnalyzerError),
        ({"builder": "/no/such/file.log"}, SourceError),
    ],
)
def test_what_a_user_gets_wrong_is_told_before_anything_is_followed(
    words: dict[str, Any], kind: type[AnalyzerError], from_mirror: Path
) -> None:
    with pytest.raises(kind):
        watch.run(**{"builder": str(from_mirror), "seconds": 0.0, **words})


def test_a_signal_that_asks_for_the_end_is_noted_once() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with watch.note_stop() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGTERM)
        assert stopped()
        # from here on each is again what it was
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with watch.note_stop():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@contextmanager
def watching(path: str, *words: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PROGRAM, path, *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    with subprocess.Popen(command, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_report_and_the_code_of_check(
    number: signal.Signals, tmp_path: Path, config: Path
) -> None:
    path = tmp_path / "buildkitd.log"
    path.write_text(log_text("mirror.example.com"))
    with watching(str(path), f"config={config}") as process:
        assert process.stderr is not None
        seen = b""
        while b"PASS so far mirror-served" not in seen:
            line = process.stderr.readline()
            assert line
            seen += line
        with path.open("a") as log:
            log.write(log_text("registry-1.docker.io"))
        while b"FAIL mirror-served" not in seen:
            line = process.stderr.readline()
            assert line
            seen += line
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in seen + err
    told = json.loads(out)
    assert told["summary"]["exit_code"] == 1
    assert told["sources"][0]["records"] == len(path.read_bytes().splitlines())


@pytest.mark.slow
def test_standard_input_is_watched_to_its_end(config: Path) -> None:
    with watching("-", f"config={config}", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(log_text("registry-1.docker.io").encode(), timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["sources"][0]["name"] == "<stdin>"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
def test_a_terminal_shows_hosts_and_verdicts(from_mirror: Path, config: Path) -> None:
    mine, theirs = os.openpty()
    with watching(str(from_mirror), f"config={config}", stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        patience = time.monotonic() + 60
        while b"PASS so far" not in shown:
            assert time.monotonic() < patience
            if select.select([mine], [], [], 1)[0]:
                shown += os.read(mine, 1 << 16)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    os.close(mine)
    assert b"mirror.example.com" in shown
    assert json.loads(out)["summary"]["exit_code"] == process.returncode
