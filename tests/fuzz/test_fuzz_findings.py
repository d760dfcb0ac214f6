"""Every target takes what it starts from, and what a fuzzer once found."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.running import FINDINGS, folders_of, fuzz

FOUND = sorted(path for path in FINDINGS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_mended(path: Path) -> None:
    targets.attack(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_target_takes_its_seeds(name: str) -> None:
    seeds = list(targets.TARGETS[name].seeds(folders_of(None)))
    assert seeds
    for data in seeds[:20]:
        targets.attack(name, data)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="needs Atheris: pip install '.[fuzz]'"
)
@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    told = fuzz(name, 5, folders_of(None))
    assert told.executions > 0
    assert not told.findings, told.words
