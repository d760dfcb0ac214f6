"""The template for GitLab: valid, and its check run in earnest."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.pipelines import assert_valid, read_template, run_job

Template = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture
def template(repository: Path) -> Template:
    return read_template(repository / "integrations" / "gitlab" / "buildkit-analyzer.yml")


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    shutil.copytree(repository / "sample_logs" / "mirror-fallback", tmp_path, dirs_exist_ok=True)
    programs = tmp_path / ".buildkit-analyzer" / "bin"
    programs.mkdir(parents=True)
    (programs / "buildkit-analyzer").symlink_to(Path(sys.executable).with_name("buildkit-analyzer"))
    return tmp_path


def test_the_template_is_valid(template: Template) -> None:
    for document in template:
        assert_valid(document, "gitlab-ci")


def test_every_input_is_used(template: Template) -> None:
    header, jobs = template
    text = json.dumps(jobs)
    assert [name for name in header["spec"]["inputs"] if f"inputs.{name} " not in text] == []
    assert not any("inputs." in line for line in jobs["buildkit-analyzer"]["script"])


def check(template: Template, folder: Path, **given: str) -> tuple[int, str]:
    header, jobs = template
    inputs = {name: one["default"] for name, one in header["spec"]["inputs"].items()} | given
    ran = run_job(jobs["buildkit-analyzer"], folder, inputs, lines=slice(2, None))
    return ran.code, ran.log


def test_it_checks_and_leaves_what_the_job_keeps(template: Template, folder: Path) -> None:
    code, log = check(template, folder)
    assert code == 1
    assert "mirror-served" in log
    kept = template[1]["buildkit-analyzer"]["artifacts"]
    assert all((folder / name).is_file() for name in [*kept["paths"], *kept["reports"].values()])
    [first, *_] = json.loads((folder / kept["reports"]["codequality"]).read_text())
    assert first["location"]["path"] == "buildkitd.toml"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["$(touch gone)", '"; touch gone; "', "'; touch gone; '"])
def test_no_input_is_run(template: Template, folder: Path, text: str) -> None:
    code, log = check(template, folder, source=text)
    assert code == 2
    assert "Traceback" not in log
    assert not (folder / "gone").exists()
