"""Pipeline files, read and run as those do who they are for: a runner of GitHub Actions, one of GitLab."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml


def assert_valid(document: Any, schema: str) -> None:
    """Hold a document against a published JSON Schema, as ``check-jsonschema`` carries it."""
    text = files("check_jsonschema.builtin_schemas.vendor").joinpath(f"{schema}.json").read_text()
    published = json.loads(text)
    jsonschema.validators.validator_for(published)(published).validate(document)


@dataclass(frozen=True)
class Ran:
    """What a step did.

    Attributes:
        code: What it ended with.
        log: What it printed.
        outputs: What it handed on.
    """

    code: int
    log: str
    outputs: dict[str, str]


@dataclass(frozen=True)
class Action:
    """A composite action."""

    document: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Action:
        return cls(yaml.safe_load(path.read_text()))

    def run(
        self, step: str, folder: Path, inputs: Mapping[str, str], outputs: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a step as a runner does: expressions stand for their text, wherever they are."""
        given = {name: one["default"] for name, one in self.document["inputs"].items()} | dict(inputs)
        known = {f"inputs.{name}": text for name, text in given.items()}
        known |= {f"steps.{name}": text for name, text in (outputs or {}).items()}

        def fill(text: str) -> str:
            return re.sub(r"\$\{\{\s*(\S+)\s*\}\}", lambda found: known[found[1]], text)

        [chosen] = [one for one in self.document["runs"]["steps"] if one["id"] == step]
        told = folder / ".outputs"
        told.touch()
        added = {name: fill(text) for name, text in chosen["env"].items()}
        added |= {"GITHUB_OUTPUT": str(told), "RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": ""}
        done = _bash(fill(chosen["run"]), folder, added)
        lines = (line.partition("=") for line in told.read_text().splitlines())
        return Ran(done.returncode, done.stdout, {name: text for name, _, text in lines})


def read_template(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header of a GitLab template, and its jobs."""
    header, jobs = yaml.safe_load_all(path.read_text())
    return header, jobs


def run_job(job: Mapping[str, Any], folder: Path, inputs: Mapping[str, str], *, lines: slice) -> Ran:
    """Run lines of a job's script, its inputs filled in where a runner has them."""

    def fill(text: str) -> str:
        return re.sub(r"\$\[\[\s*inputs\.(\S+)\s*\]\]", lambda found: inputs[found[1]], text)

    variables = {name: fill(text) for name, text in job["variables"].items()}
    done = _bash("\n".join(fill(line) for line in job["script"][lines]), folder, variables)
    return Ran(done.returncode, done.stdout, {})


def _bash(script: str, folder: Path, added: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | dict(added),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
