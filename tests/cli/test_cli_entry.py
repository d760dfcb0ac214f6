"""How the program ends: exit codes, words on standard error, and never a traceback."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli import entry
from analyzer.errors import SourceError
from tests.engine.program import START


def run(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*START, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class FakeCommand:
    """Stands for the command tree: does what a test says."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def make_context(self, *_: Any) -> Any:
        return nullcontext()

    def invoke(self, _: Any) -> Any:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def ends(monkeypatch: pytest.MonkeyPatch, outcome: Any) -> int:
    monkeypatch.setattr(entry, "build_command", lambda: FakeCommand(outcome))
    return entry.main([])


def test_verdicts_are_exit_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ends(monkeypatch, code) for code in (0, 1, 3, None)] == [0, 1, 3, 0]


def test_errors_of_users_say_where_what_and_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(monkeypatch, SourceError("no such\x1b[2J file", where="a.log", hint="name one")) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: a.log: no such\\x1b[2J file\nhint: name one\n"


def test_defects_are_admitted_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BUILDKIT_ANALYZER_DEBUG", raising=False)
    assert ends(monkeypatch, ValueError("boo")) == 2
    quiet = capsys.readouterr().err
    assert "Traceback" not in quiet
    assert "please report it" in quiet
    monkeypatch.setenv("BUILDKIT_ANALYZER_DEBUG", "1")
    assert ends(monkeypatch, ValueError("boo")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert ends(monkeypatch, 0) == 2
    assert "standard output: cannot be written: no space left on device" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_in_earnest() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*START, "rules", "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "no space left" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs pipes")
def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*START, "rules", "schema"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_in_earnest_leaves_no_traceback() -> None:
    done = subprocess.Popen(
        [*START, "check", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell lets what it starts in the background ignore the signal, and so would the program
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.stdin is not None
    # it has begun to read once it has taken more than a pipe holds
    done.stdin.write("hello\n" * 50_000)
    done.send_signal(signal.SIGINT)
    _, err = done.communicate(timeout=20)
    assert done.returncode == 130
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "Missing argument"),
        (("check", "a.log", "--nonsense"), "--nonsense"),
        (("chekc", "a.log"), "chekc"),
        (("check", "a.log", "--format", "jsn"), "known: terminal, json, junit"),
        (("check", "a.log", "--fail-on", "eror"), "did you mean error"),
        (("show", "a.log", "pulls", "--format", "xml"), "known: terminal, csv, json"),
        (("spans", "a.log", "--format", "csv"), "known: terminal, json"),
        (("lint", "a.toml", "--format", "csv"), "known: terminal, json"),
        (("export", "a.log", "out", "--format", "xlsx"), "known: parquet, csv, json, duckdb"),
        (("check", "no-such.log"), "no-such.log"),
        (("check", "no-such.log", "--config", "no-such.toml"), "no-such.toml"),
    ],
)
def test_misuse_is_explained(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert words in captured.err


def test_no_words_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main([]) == 2
    assert "Usage: buildkit-analyzer" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from analyzer.cli import main; main(['--help'])\n"
        "heavy = {'pyarrow', 'duckdb', 'pandas', 'numpy', 'rich'} & sys.modules.keys()\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Check a log against its configuration." in done.stdout


def test_version() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("buildkit-analyzer ")


def test_the_version_names_the_parts() -> None:
    first, *parts = run("--version")[1].splitlines()
    assert first.split()[0] == "buildkit-analyzer"
    assert [name for name in ("Python ", "duckdb ", "pyarrow ") if name not in "\n".join(parts)] == []
