"""Fixtures shared by the whole suite."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd  # noqa: F401 - a command run in this process would hide it from Arrow for all tests that follow
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

# what decides whether a change lands must say the same twice; new examples are for those who work on it
SAME_TWICE = bool(os.environ.get("CI"))
# a busy machine is no reason to fail: no deadline; the thorough run is `-m hypothesis --hypothesis-profile=thorough`
settings.register_profile("fast", deadline=None, derandomize=SAME_TWICE, max_examples=25)
settings.register_profile("thorough", deadline=None, derandomize=SAME_TWICE, max_examples=100)
settings.load_profile("fast")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long bytes do not name a case: keys are made anew each time, and processes must agree on names."""
    return argname if isinstance(val, bytes) and len(val) > 60 else None


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay until the end: the garbage collector need not look at them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def captures_root() -> Path | None:
    """The larger set of captured logs, where a checkout has it beside it."""
    return CAPTURES


def slow_but(kept: Collection[str], folders: Iterable[Path]) -> list[ParameterSet]:
    """Folders as parameters: those that are named represent the others, which are slow."""
    return [
        pytest.param(folder, id=folder.name, marks=[] if folder.name in kept else [pytest.mark.slow])
        for folder in folders
    ]


def _find_captures() -> Path | None:
    places = (folder / "shared" / "captures" for folder in REPOSITORY.parents)
    return next((place for place in places if place.is_dir()), None)


CAPTURES = _find_captures()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program: exit code, standard output, standard error."""

    def run_program(*arguments: Any) -> tuple[int, str, str]:
        from analyzer.cli import entry

        code = entry.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_program
