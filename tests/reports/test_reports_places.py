"""Files as pipelines know them."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.reports.places import in_repository


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_paths_begin_at_the_repository(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "builders").mkdir()
    monkeypatch.chdir(tmp_path / "builders")
    assert in_repository("buildkitd.toml") == "buildkitd.toml"
    monkeypatch.setenv(variable, str(tmp_path))
    assert in_repository("buildkitd.toml") == "builders/buildkitd.toml"
    assert in_repository("../buildkitd.toml") == "buildkitd.toml"
    assert in_repository(str(tmp_path / "a.toml")) == "a.toml"


def test_a_repository_elsewhere_is_not_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    assert in_repository("buildkitd.toml") == "buildkitd.toml"
    assert in_repository(str(tmp_path / "a.log")) == (tmp_path / "a.log").as_posix()


@pytest.mark.parametrize("name", ["s3://logs/a.log", "builder:mine", "-"])
def test_what_is_no_path_stays_as_it_is(name: str) -> None:
    assert in_repository(name) == name
