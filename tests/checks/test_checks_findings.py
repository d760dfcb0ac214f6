from __future__ import annotations

import pytest

from analyzer.checks import SPEC, Finding, Rule, RuleResult, exit_code, findings_table
from analyzer.checks.findings import conclude
from analyzer.errors import UsageError


def rule(severity: str = "error") -> Rule:
    return Rule(
        id="a-rule",
        title="t",
        family="custom",
        severity=severity,
        subjects="SELECT 1",
        rows="SELECT 1",
        expect="true",
        message="m",
    )


def finding(verdict: str, evidence: str = "none", message: str = "m") -> Finding:
    return Finding("a-rule", "custom", "error", "s", verdict, evidence, message)


def result(verdict: str, severity: str = "error") -> RuleResult:
    return RuleResult(rule(severity), verdict, "none", ())


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "skipped"),
        (["skipped"], "skipped"),
        (["skipped", "pass"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["unknown", "fail", "pass"], "fail"),
        (["waived", "pass"], "pass"),
        (["waived"], "waived"),
        (["waived", "skipped"], "skipped"),
    ],
)
def test_the_verdict_of_a_rule(verdicts: list[str], expected: str) -> None:
    assert conclude(rule(), [finding(verdict) for verdict in verdicts]).verdict == expected


def test_a_pass_is_as_sure_as_its_weakest_and_a_failure_as_its_strongest() -> None:
    assert conclude(rule(), [finding("pass", "proof"), finding("pass", "inference")]).evidence == "inference"
    assert conclude(rule(), [finding("fail", "proof"), finding("fail", "inference")]).evidence == "proof"
    assert conclude(rule(), [finding("fail", "inference"), finding("pass", "proof")]).evidence == "inference"
    assert conclude(rule(), [finding("unknown"), finding("pass", "proof")]).evidence == "none"


def test_a_reason_is_given_where_nothing_was_decided() -> None:
    assert conclude(rule(), [finding("pass"), finding("unknown", message="why")]).reason == "why"
    assert conclude(rule(), [finding("fail", message="no")]).reason == ""


@pytest.mark.parametrize(
    ("verdict", "severity", "fail_on", "allow", "records", "code"),
    [
        ("pass", "error", "error", False, 1, 0),
        ("skipped", "error", "error", False, 1, 0),
        ("waived", "error", "error", False, 1, 0),
        ("fail", "error", "error", False, 1, 1),
        ("fail", "warning", "error", False, 1, 0),
        ("fail", "warning", "warning", False, 1, 1),
        ("fail", "error", "warning", False, 1, 1),
        ("fail", "info", "warning", False, 1, 0),
        ("fail", "info", "info", False, 1, 1),
        ("fail", "error", "never", False, 1, 0),
        ("fail", "error", "error", False, 0, 1),
        ("fail", "error", "error", True, 1, 1),
        ("unknown", "error", "error", False, 1, 3),
        ("unknown", "error", "error", True, 1, 0),
        ("unknown", "error", "never", False, 1, 3),
        ("unknown", "warning", "warning", False, 1, 0),
        ("pass", "error", "error", False, 0, 3),
        ("pass", "error", "error", True, 0, 3),
    ],
)
def test_exit_codes(verdict: str, severity: str, fail_on: str, allow: bool, records: int, code: int) -> None:
    results = [result("pass"), result(verdict, severity), result("skipped")]
    assert exit_code(results, fail_on=fail_on, allow_unknown=allow, records=records) == code


def test_a_failure_beats_an_unknown() -> None:
    assert exit_code([result("unknown"), result("fail")], records=1) == 1


def test_an_unknown_severity_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fatal"):
        exit_code([], fail_on="fatal", records=1)


def test_the_table_of_findings_has_its_columns() -> None:
    one = Finding("a-rule", "custom", "error", "s", "fail", "proof", "m", "a.log", (3,), (2,), "fix", ("r",))
    table = findings_table([RuleResult(rule(), "fail", "proof", (one, finding("skipped")))])
    assert table.schema == SPEC.schema
    assert table.to_pylist()[0] == {
        "rule": "a-rule",
        "family": "custom",
        "severity": "error",
        "subject": "s",
        "verdict": "fail",
        "evidence": "proof",
        "message": "m",
        "source": "a.log",
        "lines": [3],
        "records": [2],
        "fix": "fix",
        "references": ["r"],
        "config_file": None,
        "config_line": None,
        "waiver": "",
    }
    assert findings_table([]).schema == SPEC.schema
