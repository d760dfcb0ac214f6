from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def words(repository: Path) -> list[Path | str]:
    samples = repository / "sample_logs"
    config = samples / "mirror-fallback" / "buildkitd.toml"
    return [samples / "mirror-used", samples / "mirror-fallback", "--config", config]


def test_people_read_what_changed(run: Any, words: list[Path | str]) -> None:
    code, out, _ = run("compare", *words)
    assert code == 0
    assert "WORSE     mirror-served  docker.io: pass (inference) -> fail (proof)" in out
    assert "registry-1.docker.io  requests 0 -> 15" in out
    assert "13 verdicts unchanged." in out


@pytest.mark.slow
def test_a_pipeline_stops_where_a_verdict_got_worse(run: Any, words: list[Path | str]) -> None:
    assert run("compare", *words, "--fail-on-regression")[0] == 1
    assert run("compare", *words, "--fail-on-regression", "--fail-on", "never")[0] == 0
    before, after, *more = words
    assert run("compare", after, before, *more, "--fail-on-regression")[0] == 0


def test_programs_and_reviews_read_it_too(run: Any, words: list[Path | str]) -> None:
    document = json.loads(run("compare", *words, "--format", "json")[1])
    assert document["format"] == "buildkit-analyzer/compare/1"
    assert [change["kind"] for change in document["verdicts"]["changes"]] == ["worse", "worse"]
    _, text, _ = run("compare", *words, "--format", "markdown")
    assert "| worse | `mirror-served` |" in text
    assert "- `docker.io/library/alpine`: " in text


def test_without_a_record_there_is_nothing_to_compare(
    run: Any, words: list[Path | str], tmp_path: Path
) -> None:
    (tmp_path / "empty.log").write_text("nothing\n")
    assert run("compare", words[0], tmp_path / "empty.log")[0] == 3
    code, _, err = run("compare", words[0], tmp_path / "gone.log")
    assert code == 2
    assert "gone.log" in err


@pytest.mark.slow
def test_nothing_hostile_gets_out(
    run: Any, words: list[Path | str], tmp_path: Path, repository: Path
) -> None:
    text = (repository / "sample_logs" / "mirror-fallback" / "buildkitd.log").read_text()
    evil = text.replace("registry-1.docker.io", "\\u001b[31mevil|host")
    (tmp_path / "b.log").write_text(evil)
    for name in ("terminal", "markdown", "json"):
        _, out, _ = run("compare", words[0], tmp_path / "b.log", *words[2:], "--format", name)
        assert all(line.isprintable() for line in out.split("\n"))
