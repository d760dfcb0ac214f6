from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzer.checks import Example, Rule, run_examples
from analyzer.checks import examples as module
from analyzer.errors import RuleError

if TYPE_CHECKING:
    import pyarrow as pa

RULE = Rule(
    id="a-rule",
    title="t",
    family="custom",
    severity="error",
    subjects="SELECT path AS subject FROM certificate_files",
    rows='SELECT path AS subject, "exists" AS there FROM certificate_files',
    expect="there",
    message="{subject}",
)


def run(log: str | Path, config: str | None, effective: str | None = None) -> Mapping[str, pa.Table]:
    return {}


def with_files(verdict: str, *there: bool, **more: Any) -> Example:
    rows = [{"path": f"/{number}", "exists": value} for number, value in enumerate(there)]
    return Example(verdict, log="", tables={"certificate_files": rows}, **more)


def test_examples_are_judged() -> None:
    examples = (with_files("pass", True), with_files("fail", True, False), with_files("pass", False))
    results = run_examples(replace(RULE, examples=examples), run)
    assert [result.ok for result in results] == [True, True, False]
    assert [result.verdict for result in results] == ["pass", "fail", "fail"]
    assert [result.message for result in results] == ["/0", "/1", "/0"]


def test_the_evidence_must_be_as_stated() -> None:
    examples = (with_files("pass", True, evidence="proof"), with_files("pass", True, evidence="inference"))
    assert [result.ok for result in run_examples(replace(RULE, examples=examples), run)] == [True, False]


def test_log_and_configurations_are_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_folder", lambda name: tmp_path / name)
    sample = tmp_path / "sample_logs" / "one"
    sample.mkdir(parents=True)
    (sample / "buildkitd.log").write_text("")
    (sample / "buildkitd.toml").write_text("debug = true\n")
    given: list[tuple[object, ...]] = []

    def note(log: str | Path, config: str | None, effective: str | None = None) -> Mapping[str, pa.Table]:
        given.append((log, config, effective))
        return {}

    examples = (
        Example("skipped", log="x", config="c", effective="e"),
        Example("skipped", sample="one"),
        Example("skipped", sample="one", config="other"),
    )
    assert all(result.ok for result in run_examples(replace(RULE, examples=examples), note))
    log = sample / "buildkitd.log"
    assert given == [("x", "c", "e"), (log, "debug = true\n", None), (log, "other", None)]


@pytest.mark.parametrize(
    ("example", "what"),
    [
        (Example("pass", sample="nowhere"), "no sample log is called nowhere"),
        (Example("pass", log="", tables={"nothing": []}), "no table is called nothing"),
        (Example("pass", log="", tables={"certificate_files": [{"pth": "x"}]}), "pth"),
        (Example("pass", log="", tables={"certificate_files": [{"path": 3}]}), "certificate_files"),
    ],
)
def test_a_fault_of_an_example_is_told(
    example: Example, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_folder", lambda name: tmp_path)
    with pytest.raises(RuleError, match=what):
        run_examples(replace(RULE, examples=(example,)), run)


def test_findings_are_compared_one_by_one() -> None:
    first, second = (
        {"subject": "/0", "verdict": "pass"},
        {"subject": "/1", "verdict": "fail", "config_file": ""},
    )
    for findings, other in (
        ((first, second), ""),
        ((first,), "finding 2 should be none"),
        ((first, second, first), "finding 3 should be"),
        (({"subject": "/0", "verdict": "fail"}, second), "finding 1 should be"),
    ):
        example = with_files("fail", True, False, findings=findings)
        (result,) = run_examples(replace(RULE, examples=(example,)), run)
        assert result.ok == (not other)
        assert result.other.startswith(other)
