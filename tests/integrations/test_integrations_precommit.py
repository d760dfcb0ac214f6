"""The hook for pre-commit: valid, and run by pre-commit itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def hook(repository: Path) -> Any:
    [hook] = yaml.safe_load((repository / ".pre-commit-hooks.yaml").read_text())
    return hook


def test_the_manifest_is_valid(repository: Path) -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("buildkitd.toml", True),
        ("ci/buildkitd.toml", True),
        ("ci/buildkitd.arm64.toml", True),
        ("pyproject.toml", False),
        ("notbuildkitd.toml", False),
    ],
)
def test_it_looks_at_configurations_only(hook: Any, path: str, wanted: bool) -> None:
    assert bool(re.search(hook["files"], path)) is wanted


def test_its_command_takes_several_files(hook: Any, tmp_path: Path) -> None:
    (tmp_path / "buildkitd.toml").write_text("debug = true\n")
    (tmp_path / "buildkitd-2.toml").write_text('[registry."docker.io"]\nmirors = ["mirror.example.com"]\n')
    program, *words = hook["entry"].split()
    command = [Path(sys.executable).with_name(program), *words, "buildkitd.toml", "buildkitd-2.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "buildkitd-2.toml:2" in done.stdout


@pytest.mark.slow
def test_pre_commit_runs_it(repository: Path, tmp_path: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("pre-commit reads hooks from a git repository")
    team = tmp_path / "team"
    team.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    (team / "buildkitd.toml").write_text('[registry."docker.io"]\nmirors = ["mirror.example.com"]\n')
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=team, check=True)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(repository), "--all-files"]
    environment = os.environ | {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=team, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "mirors is no key" in done.stdout
