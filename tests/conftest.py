"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd  # noqa: F401 - a command run in this process would hide it from Arrow for all tests that follow
import pytest
from hypothesis import settings

# a busy machine is no reason to fail
settings.register_profile("default", deadline=None)
# what decides whether a change lands must say the same twice; new examples are for those who work on it
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def captures_root() -> Path | None:
    """The larger set of captured logs, where a checkout has it beside it."""
    return CAPTURES


def _find_captures() -> Path | None:
    places = (folder / "shared" / "captures" for folder in REPOSITORY.parents)
    return next((place for place in places if place.is_dir()), None)


CAPTURES = _find_captures()
