"""The GitHub Action: valid, and its steps run in earnest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.pipelines import Action, assert_valid

PROGRAM = {"install.outputs.program": str(Path(sys.executable).with_name("buildkit-analyzer"))}


@pytest.fixture
def action(repository: Path) -> Action:
    return Action.read(repository / "integrations" / "github" / "action.yml")


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    shutil.copytree(repository / "sample_logs" / "mirror-fallback", tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_action_is_valid(action: Action) -> None:
    assert_valid(action.document, "github-actions")


def test_no_expression_stands_in_a_script(action: Action) -> None:
    assert [step["id"] for step in action.document["runs"]["steps"] if "${{" in step["run"]] == []


def test_every_input_is_used(action: Action) -> None:
    used = " ".join(text for step in action.document["runs"]["steps"] for text in step["env"].values())
    assert [name for name in action.document["inputs"] if f"inputs.{name} " not in used] == []


def test_it_checks_annotates_and_writes_reports(action: Action, folder: Path) -> None:
    inputs = {
        "source": "buildkitd.log",
        "config": "buildkitd.toml",
        "sarif": "out.sarif",
        "junit": "junit.xml",
        "html": "report page.html",
    }
    ran = action.run("check", folder, inputs, PROGRAM)
    assert (ran.code, ran.outputs) == (1, {"exit-code": "1"})
    assert "::error title=mirror-served,file=buildkitd.toml,line=7::" in ran.log
    assert json.loads((folder / "out.sarif").read_text())["version"] == "2.1.0"
    assert (folder / "junit.xml").read_text().startswith("<?xml")
    assert (folder / "report page.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_words_and_severity_reach_the_check(action: Action, folder: Path) -> None:
    inputs = {"source": "buildkitd.log", "config": "buildkitd.toml", "fail-on": "never"}
    assert action.run("check", folder, inputs, PROGRAM).code == 0
    told = action.run("check", folder, {**inputs, "args": "--select\nmirror-healthy\n\n"}, PROGRAM)
    assert "mirror-healthy" in told.log
    assert "mirror-served" not in told.log


@pytest.mark.parametrize(
    "text", ["$(touch gone)", "`touch gone`", '"; touch gone; "', "'; touch gone; '", "*"]
)
def test_an_input_is_a_word_whatever_it_holds(action: Action, tmp_path: Path, text: str) -> None:
    recorder = tmp_path / "recorder"
    recorder.write_text("#!/bin/bash\nprintf '%s\\n' \"$@\"\n")
    recorder.chmod(0o755)
    inputs = dict.fromkeys(action.document["inputs"], text)
    ran = action.run("check", tmp_path, inputs, {"install.outputs.program": str(recorder)})
    assert ran.log.splitlines() == [
        "check",
        "--format",
        "github",
        f"--fail-on={text}",
        f"--config={text}",
        f"--output=sarif={text}",
        f"--output=junit={text}",
        f"--output=html={text}",
        f"--trace={text}",
        text,
        "--",
        text,
    ]
    assert not (tmp_path / "gone").exists()


@pytest.mark.slow
def test_it_installs_what_it_is_told(action: Action, tmp_path: Path) -> None:
    # of this package itself the hook for pre-commit shows that it can be installed
    ran = action.run("install", tmp_path, {"package": "iniconfig>=2", "python": sys.executable})
    assert ran.code == 0, ran.log
    python = Path(ran.outputs["program"]).with_name("python")
    done = subprocess.run(
        [python, "-c", "import iniconfig, sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).parent == tmp_path
