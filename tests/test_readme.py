"""The README says what is so: its commands print what it shows, its code runs, its rule works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from analyzer.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text()

Run = Callable[[str, Path], str]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints, called in a folder."""

    def run_in(command: str, folder: Path) -> str:
        words = shlex.split(command)
        assert words[0] == "buildkit-analyzer"
        with chdir(folder):
            main(words[1:])
        done = capsys.readouterr()
        return done.out + done.err

    return run_in


def run_code(code: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with chdir(folder):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    return capsys.readouterr().out


CONSOLE = [block.split("\n", 1) for block in blocks("console")]
FIRST = re.search(r"&& (buildkit-analyzer check .*)", README)
assert FIRST is not None
SHOWN = [*CONSOLE, (f"$ {FIRST[1]}", blocks("text")[0])]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:70] for command, _ in SHOWN])
def test_commands_print_what_is_shown(command: str, output: str, repository: Path, run: Run) -> None:
    printed = run(command.removeprefix("$ "), repository)
    if output.endswith("...\n"):
        assert printed.startswith(output.removesuffix("...\n"))
    else:
        assert printed == output


def test_the_code_runs(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = blocks("python")
    printed = run_code(code, repository, capsys)
    assert "registry-1.docker.io" in printed
    assert printed.endswith("fail 1\n")


def test_the_dataset_is_read(
    repository: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("polars")
    (command,) = [
        line for block in blocks("sh") for line in block.splitlines() if " export sample_logs" in line
    ]
    (tmp_path / "sample_logs").symlink_to(repository / "sample_logs")
    run(command, tmp_path)
    _, code = blocks("python")
    printed = run_code(code, tmp_path, capsys)
    assert "mirror.example.com" in printed
    assert "mirror-served" in printed


def test_the_rule_works(repository: Path, tmp_path: Path, run: Run) -> None:
    (rule,) = [block for block in blocks("toml") if block.startswith("id =")]
    (tmp_path / "no-latest.toml").write_text(rule)
    printed = run(f"buildkit-analyzer rules test {tmp_path / 'no-latest.toml'}", repository)
    assert "3 examples" in printed
    assert "FAIL" not in printed


def test_every_file_that_is_named_is_there(repository: Path) -> None:
    for name in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (repository / name).is_file(), name
