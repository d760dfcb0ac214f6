"""The measures of ``docs/reliability.md`` in small, so that each change is held against them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.trust import conserved, faults, hostile, interrupted, stability
from tests.trust.__main__ import FIGURES, PAGE, page_of


@pytest.fixture(scope="module")
def samples(repository: Path) -> list[Path]:
    return sorted((repository / "sample_logs").glob("*/buildkitd.log"))


def test_the_page_says_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_of(json.loads(FIGURES.read_text()))


def test_every_byte_of_an_input_is_in_one_record(samples: list[Path]) -> None:
    made = conserved.of_generated(150, [path.read_bytes() for path in samples], seed=1)
    for counted in (conserved.of_files(samples), made):
        assert counted.broken == []
        assert counted.kept == counted.given > 0


@pytest.mark.slow
def test_a_program_that_is_killed_leaves_no_half(samples: list[Path], tmp_path: Path) -> None:
    log = tmp_path / "buildkitd.log"
    log.write_bytes(next(path for path in samples if path.parent.name == "parallel").read_bytes() * 20)
    kills = list(interrupted.kill(log, 2 * len(interrupted.KINDS), seed=1))
    assert Counter(one.state for one in kills)["half"] == 0
    assert sum(one.writing for one in kills) > len(interrupted.KINDS) / 2


@pytest.mark.slow
def test_a_failure_stays_one(samples: list[Path]) -> None:
    failing = stability.find_failing([path.parent for path in samples], "buildkitd.toml")
    held = stability.hold(failing, 60, first_seed=5_000)
    assert held.judged > 0
    assert held.turned == []


@pytest.mark.slow
def test_a_hostile_file_is_judged_like_any_other(repository: Path, tmp_path: Path) -> None:
    tried = list(hostile.attack(tmp_path, repository / "sample_logs" / "mirror-partial", scale=0.01))
    assert len(tried) > 20
    assert [one.name for one in tried if not one.ok] == []


@pytest.mark.slow
@pytest.mark.skipif(not faults.can_mount(), reason="only root can make a small disk")
def test_accidents_cost_only_what_they_must(samples: list[Path], tmp_path: Path) -> None:
    log, folder = tmp_path / "buildkitd.log", tmp_path / "work"
    folder.mkdir()
    log.write_bytes(next(path for path in samples if path.parent.name == "parallel").read_bytes() * 20)
    suffered = list(faults.suffer(folder, log))
    assert len(suffered) > 50
    assert [one for one in suffered if one.wrong] == []
