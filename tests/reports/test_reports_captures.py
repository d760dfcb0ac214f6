"""Every captured log in the formats of pipelines, held against official schemas and read by real consumers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from junitparser import JUnitXml

import analyzer as bk
from analyzer.reports.schema import check_schema
from tests.conftest import CAPTURES
from tests.reports.junitschema import faults
from tests.reports.rendering import render
from tests.test_samples import SAMPLES

pytestmark = pytest.mark.slow

MULTITOOL = "@microsoft/sarif-multitool-linux"
VERSION = "5.7.0"
NO_HOME = "SARIF2005"
"""The project has no address yet that the tool could give."""


@pytest.fixture(scope="module")
def checked() -> dict[str, Any]:
    """The report on each sample and capture, by its name."""
    logs = [(folder, folder / "buildkitd.toml") for folder in SAMPLES]
    if CAPTURES:
        logs += [(path.parent, path) for path in sorted(CAPTURES.glob("*/intended.toml"))]
    return {
        folder.name: bk.check(bk.read(folder / "buildkitd.log"), bk.load_config(config))
        for folder, config in logs
        if (folder / "buildkitd.log").is_file()
    }


@pytest.fixture(scope="module")
def multitool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of Microsoft's SARIF tool: the official schema, and a program that validates."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm, which fetches the official schema of SARIF, is missing")
    folder = tmp_path_factory.mktemp("npm")
    words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([npm, *words, f"{MULTITOOL}@{VERSION}"], check=True, capture_output=True)
    package = folder / "node_modules" / MULTITOOL
    (package / "Sarif.Multitool").chmod(0o755)
    return package


def validate(multitool: Path, files: list[Path], folder: Path) -> Counter[tuple[str, str]]:
    """What the validator has against SARIF files: how often which of its rules said which level."""
    told = folder / "told.json"
    words = [*map(str, files), "--output", str(told), "--level", "Error;Warning", "--rule-kind", "Sarif;Ghas"]
    subprocess.run([str(multitool / "Sarif.Multitool"), "validate", *words], check=False, capture_output=True)
    [run] = json.loads(told.read_text(encoding="utf-8-sig"))["runs"]
    assert [invocation["executionSuccessful"] for invocation in run["invocations"]] == [True]
    return Counter((result["ruleId"], result.get("level", "warning")) for result in run.get("results", ()))


def test_sarif_is_valid_by_the_official_schema(
    checked: dict[str, Any], multitool: Path, hostile: Any
) -> None:
    schema = json.loads((multitool / "sarif-2.1.0.json").read_text(encoding="utf-8-sig"))
    validator = validator_for(schema)(schema)
    for name, report in {**checked, "hostile": hostile}.items():
        found = [error.message for error in validator.iter_errors(json.loads(render(report, "sarif")))]
        assert found == [], name
    assert not validator.is_valid({"version": "2.1.0", "runs": [{"tool": {}}]})


def test_sarif_is_valid_to_its_validator(
    checked: dict[str, Any], multitool: Path, hostile: Any, tmp_path: Path
) -> None:
    for name, report in {**checked, "hostile": hostile}.items():
        (tmp_path / f"{name}.sarif").write_text(render(report, "sarif"))
    found = validate(multitool, sorted(tmp_path.glob("*.sarif")), tmp_path)
    assert {name for name, _ in found} <= {NO_HOME}


def test_the_validator_finds_what_is_wrong(multitool: Path, report: Any, tmp_path: Path) -> None:
    document = json.loads(render(report, "sarif"))
    document["runs"][0]["results"][0]["ruleIndex"] = 99
    (tmp_path / "wrong.sarif").write_text(json.dumps(document))
    assert "error" in {level for _, level in validate(multitool, [tmp_path / "wrong.sarif"], tmp_path)}


def test_junit_is_valid_and_says_every_verdict(checked: dict[str, Any]) -> None:
    for name, report in checked.items():
        text = render(report, "junit")
        assert faults(ElementTree.fromstring(text)) == [], name
        told = JUnitXml.fromstring(text.encode())
        findings = Counter(finding.verdict for result in report.results for finding in result.findings)
        counts = (told.tests, told.failures, told.errors)
        assert counts == (findings.total(), findings["fail"], findings["unknown"]), name


def test_json_keeps_to_its_schema(checked: dict[str, Any]) -> None:
    validator = Draft202012Validator(check_schema())
    for name, report in checked.items():
        assert list(validator.iter_errors(json.loads(render(report, "json")))) == [], name
