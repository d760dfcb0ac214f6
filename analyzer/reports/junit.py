"""The report for test dashboards: JUnit's XML, a test suite a rule, a test case a finding.

A verdict is one thing there whatever its severity, and whatever the exit code makes of it: a failure is a ``failure``,
what is unknown an ``error``, never a ``skipped``, which dashboards show as harmless. The severity is its ``type``.
Elements and attributes are those of Jenkins' schema (jenkinsci/xunit-plugin 031e285, junit-10.xsd): properties belong
to a suite there, so what a finding rests on stands in its ``system-out``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_xml
from analyzer.reports.model import format_lines, one_line, statement

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult
    from analyzer.reports.model import ReportLike

_OUTCOMES = {"fail": "failure", "unknown": "error", "skipped": "skipped", "waived": "skipped"}


def write(report: ReportLike, stream: TextIO) -> None:
    """Write one test suite a rule."""
    sums = _count(finding for result in report.results for finding in result.findings)
    several = len(report.sources) > 1
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    # the schema knows no sum of what was skipped
    del sums["skipped"]
    stream.write(_tag("testsuites", name="buildkit-analyzer", **sums) + "\n")
    for result in report.results:
        for line in _suite(result, several, redacted=report.redacted):
            stream.write(f"  {line}")
    stream.write("</testsuites>\n")


def _suite(result: RuleResult, several: bool, *, redacted: bool) -> Iterator[str]:
    rule = result.rule
    yield _tag("testsuite", name=rule.id, package=rule.family, **_count(result.findings)) + "\n"
    yield "  <properties>\n"
    told = {
        "title": one_line(rule.title),
        "severity": rule.severity,
        "verdict": result.verdict,
        "evidence": result.evidence,
    }
    if not redacted:
        told["redacted"] = "false"
    for name, value in told.items():
        yield f"    {_tag('property', name=name, value=value)}</property>\n"
    yield "  </properties>\n"
    for finding in result.findings:
        for line in _case(finding, several):
            yield f"  {line}"
    yield "</testsuite>\n"


def _case(finding: Finding, several: bool) -> Iterator[str]:
    name = one_line(finding.subject) or finding.rule
    if several and finding.source and finding.source != finding.subject:
        # dashboards follow a test case by its name
        name = f"{name} ({finding.source})"
    yield _tag("testcase", classname=f"{finding.family}.{finding.rule}", name=name, time="0") + "\n"
    outcome = _OUTCOMES.get(finding.verdict)
    if outcome == "skipped":
        yield f"  {_tag('skipped', message=_reason(finding))}</skipped>\n"
    elif outcome:
        message = f"{finding.verdict}: {one_line(finding.message)}"
        text = "\n".join(escape_xml(line) for line in _explain(finding))
        yield f"  {_tag(outcome, type=finding.severity, message=message)}{text}</{outcome}>\n"
    text = "\n".join(escape_xml(line) for line in _facts(finding))
    yield f"  <system-out>{text}</system-out>\n"
    yield "</testcase>\n"


def _reason(finding: Finding) -> str:
    """Why a finding does not count, or why there was nothing to judge."""
    message = one_line(finding.message)
    if finding.verdict != "waived":
        return f"{finding.verdict}: {message}"
    return f"waived: {one_line(finding.waiver)} ({message})" if finding.waiver else f"waived: {message}"


def _explain(finding: Finding) -> Iterator[str]:
    """What a person who opens the test case needs first."""
    yield statement(finding)
    if finding.verdict == "fail" and finding.fix:
        yield f"fix: {one_line(finding.fix)}"
    yield from (f"see: {reference}" for reference in finding.references)


def _facts(finding: Finding) -> Iterator[str]:
    """What a finding rests on."""
    yield f"verdict: {finding.verdict}, evidence: {finding.evidence}"
    if finding.config_file:
        yield f"configuration: {finding.config_file}:{finding.config_line or 1}"
    if finding.lines:
        place = f"{finding.source}:" if finding.source else ""
        yield f"lines: {place}{format_lines(finding.lines)}"


def _count(findings: Iterable[Finding]) -> dict[str, str]:
    seen = Counter(_OUTCOMES.get(finding.verdict, "") for finding in findings)
    return {
        "tests": str(seen.total()),
        "failures": str(seen["failure"]),
        "errors": str(seen["error"]),
        "skipped": str(seen["skipped"]),
        "time": "0",
    }


def _tag(tag: str, **attributes: str) -> str:
    told = "".join(f' {key}="{escape_xml(value)}"' for key, value in attributes.items())
    return f"<{tag}{told}>"
