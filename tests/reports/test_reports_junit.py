"""JUnit's XML, read back by a library for it and held against the schema of Jenkins."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from tests.reports.junitschema import faults
from tests.reports.rendering import render

OUTCOMES = {"fail": [Failure], "unknown": [Error], "pass": [], "skipped": [Skipped], "waived": [Skipped]}


def cases(report: Any) -> list[Any]:
    return [case for suite in JUnitXml.fromstring(render(report, "junit").encode()) for case in suite]


@pytest.mark.parametrize("severity", ["error", "warning", "info"])
@pytest.mark.parametrize("verdict", OUTCOMES)
@pytest.mark.parametrize("exit_code", [0, 1, 3])
def test_a_verdict_is_one_outcome_whatever_it_weighs(
    verdict: str, severity: str, exit_code: int, rule_maker: Any, result_maker: Any, report_maker: Any
) -> None:
    result = result_maker(rule_maker("r", severity=severity), {"verdict": verdict})
    [case] = cases(report_maker([result], exit_code=exit_code))
    assert [type(outcome) for outcome in case.result] == OUTCOMES[verdict]


def test_sums_are_those_of_the_cases(report: Any) -> None:
    text = render(report, "junit").encode()
    told, counted = JUnitXml.fromstring(text), JUnitXml.fromstring(text)
    counted.update_statistics()  # type: ignore[no-untyped-call]
    sums = [(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in told]
    assert sums == [
        (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) for suite in counted
    ]
    assert (
        (told.tests, told.failures, told.errors)
        == (counted.tests, counted.failures, counted.errors)
        == (8, 2, 2)
    )


def test_a_failure_says_what_why_and_where(report: Any, result_maker: Any, rule_maker: Any) -> None:
    [case] = [
        case
        for case in cases(report)
        if case.classname == "mirrors.mirror-served" and case.name == "docker.io"
    ]
    [failure] = case.result
    assert failure.type == "error"
    assert failure.message.startswith("fail: layer of docker.io/library/alpine:3.20 came from")
    assert "fix: Give the mirror what it lacks" in failure.text
    assert "see: https://docs.docker.com/" in failure.text
    assert case.system_out == "verdict: fail, evidence: proof\nlines: buildkitd.log:214, 220-222"


def test_the_line_to_blame_is_told(rule_maker: Any, result_maker: Any, report_maker: Any) -> None:
    blamed = {"verdict": "pass", "config_file": "buildkitd.toml", "config_line": 7}
    [case] = cases(report_maker([result_maker(rule_maker("r"), blamed)]))
    assert "configuration: buildkitd.toml:7" in case.system_out.splitlines()


def test_a_waiver_gives_its_reason(rule_maker: Any, result_maker: Any, report_maker: Any) -> None:
    waived = {"verdict": "waived", "waiver": "the mirror moves in March", "message": "answered 404"}
    [case] = cases(report_maker([result_maker(rule_maker("r"), waived)]))
    assert case.result[0].message == "waived: the mirror moves in March (answered 404)"


def test_cases_of_several_logs_have_names_of_their_own(
    rule_maker: Any, result_maker: Any, report_maker: Any, source_maker: Any
) -> None:
    findings = [{"verdict": "pass", "source": name} for name in ("a.log", "b.log")]
    sources = [source_maker(name=name) for name in ("a.log", "b.log")]
    told = cases(report_maker([result_maker(rule_maker("r"), *findings)], sources))
    assert [case.name for case in told] == ["docker.io (a.log)", "docker.io (b.log)"]


@pytest.mark.parametrize("made", ["report", "hostile"])
def test_the_schema_has_nothing_against_it(made: str, request: pytest.FixtureRequest) -> None:
    root = ElementTree.fromstring(render(request.getfixturevalue(made), "junit"))
    assert faults(root) == []


def test_the_schema_is_asked() -> None:
    wrong = ElementTree.fromstring(
        '<testsuite name="a" tests="1" sum="1"><properties/><failure/></testsuite>'
    )
    assert len(faults(wrong)) == 4
