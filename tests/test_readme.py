"""The README says what is so: its commands print what it shows, its code runs, its rule works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
PROGRAM = [sys.executable, "-c", "import sys; from analyzer.cli import main; sys.exit(main())"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "buildkit-analyzer"
    done = subprocess.run([*PROGRAM, *words[1:]], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


CONSOLE = [block.split("\n", 1) for block in blocks("console")]
FIRST = re.search(r"&& (buildkit-analyzer check .*)", README)
assert FIRST is not None
SHOWN = [*CONSOLE, (f"$ {FIRST[1]}", blocks("text")[0])]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command[:70] for command, _ in SHOWN])
def test_commands_print_what_is_shown(command: str, output: str, repository: Path) -> None:
    printed = run(command.removeprefix("$ "), repository)
    if output.endswith("...\n"):
        assert printed.startswith(output.removesuffix("...\n"))
    else:
        assert printed == output


def test_the_code_runs(repository: Path) -> None:
    code, _ = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert "registry-1.docker.io" in done.stdout
    assert done.stdout.endswith("fail 1\n")


def test_the_dataset_is_read(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("polars")
    (command,) = [
        line for block in blocks("sh") for line in block.splitlines() if " export sample_logs" in line
    ]
    (tmp_path / "sample_logs").symlink_to(repository / "sample_logs")
    run(command, tmp_path)
    _, code = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "mirror.example.com" in done.stdout
    assert "mirror-served" in done.stdout


def test_the_rule_works(repository: Path, tmp_path: Path) -> None:
    (rule,) = [block for block in blocks("toml") if block.startswith("id =")]
    (tmp_path / "no-latest.toml").write_text(rule)
    printed = run(f"buildkit-analyzer rules test {tmp_path / 'no-latest.toml'}", repository)
    assert "3 examples" in printed
    assert "FAIL" not in printed


def test_every_file_that_is_named_is_there(repository: Path) -> None:
    for name in re.findall(r"\]\((docs/[^)]+)\)", README):
        assert (repository / name).is_file(), name
