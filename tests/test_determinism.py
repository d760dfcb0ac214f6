"""Two runs on the same input give the same bytes, whatever the hash seed, the language or the time zone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.program import START

pytestmark = pytest.mark.slow

WORLDS = (
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "COLUMNS": "80"},
    {"PYTHONHASHSEED": "77", "TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8", "COLUMNS": "200"},
)
JOBS = ("1", "2")

REPORTS = ("terminal", "json", "junit", "sarif", "github", "gitlab", "markdown", "html")
FILES = ("parquet", "csv", "json", "otlp", "perfetto")


def run(words: list[str], world: dict[str, str], folder: Path) -> bytes:
    """What the program prints, in a world of its own; its name for the folder it writes to is the same in each."""
    command = [*START, *words]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_STEP_SUMMARY")
    }
    done = subprocess.run(command, cwd=folder, env=environment | world, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout


def content(place: Path) -> dict[str, bytes]:
    """Every file below a place, or the place itself."""
    if place.is_file():
        return {"": place.read_bytes()}
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def words(repository: Path) -> list[str]:
    sample = repository / "sample_logs" / "parallel"
    other = repository / "sample_logs" / "mirror-fallback" / "buildkitd.log"
    return [str(sample / "buildkitd.log"), str(other), "--config", str(sample / "buildkitd.toml")]


@pytest.mark.parametrize("format_", REPORTS)
def test_reports(words: list[str], tmp_path: Path, format_: str) -> None:
    first, second = (
        run(["check", *words, "--format", format_, "--jobs", jobs, "--today", "2026-01-01"], world, tmp_path)
        for world, jobs in zip(WORLDS, JOBS, strict=True)
    )
    assert first == second


@pytest.mark.parametrize("format_", FILES)
def test_exports(words: list[str], tmp_path: Path, format_: str) -> None:
    made = []
    for number, (world, jobs) in enumerate(zip(WORLDS, JOBS, strict=True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        run(["export", *words, "made", "--format", format_, "--jobs", jobs], world, folder)
        made.append(content(folder / "made"))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "command",
    [
        ["spans"],
        ["show", "requests"],
        ["query", "SELECT host, count(*) FROM requests GROUP BY ALL ORDER BY ALL"],
    ],
    ids=lambda command: command[0],
)
def test_answers(words: list[str], tmp_path: Path, command: list[str]) -> None:
    name, *more = command
    first, second = (run([name, *words[:1], *more, *words[2:]], world, tmp_path) for world in WORLDS)
    assert first == second


def test_a_comparison(words: list[str], tmp_path: Path) -> None:
    first, second = (run(["compare", *words, "--format", "json"], world, tmp_path) for world in WORLDS)
    assert first == second
