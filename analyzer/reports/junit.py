"""The report for test dashboards: JUnit's XML, one test case a finding.

JUnit has no word for "unknown". A rule of severity error that cannot be judged is an ``error`` there, since
it makes the exit code 3; other unknowns, and failures below ``--fail-on``, are ``skipped`` with a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_xml
from analyzer.reports.model import counts, format_lines, one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult
    from analyzer.reports.model import ReportLike


def write(report: ReportLike, stream: TextIO) -> None:
    """Write one test suite a rule."""
    cases = [(result, list(_cases(report, result))) for result in report.results]
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(
        f'<testsuites name="buildkit-analyzer" {_numbers([c for _, case in cases for c in case])}>\n'
    )
    for result, members in cases:
        stream.write(f'  <testsuite name="{escape_xml(result.rule.id)}" {_numbers(members)}>\n')
        for finding, outcome in members:
            _write_case(finding, outcome, stream)
        stream.write("  </testsuite>\n")
    stream.write("</testsuites>\n")


def _cases(report: ReportLike, result: RuleResult) -> Iterator[tuple[Finding, str]]:
    for finding in result.findings:
        if finding.verdict == "fail":
            yield finding, "failure" if counts(report, finding.severity) else "skipped"
        elif finding.verdict == "unknown":
            yield finding, "error" if finding.severity == "error" and report.exit_code else "skipped"
        else:
            yield finding, "" if finding.verdict == "pass" else "skipped"


def _numbers(cases: list[tuple[Finding, str]]) -> str:
    outcomes = [outcome for _, outcome in cases]
    return (
        f'tests="{len(outcomes)}" failures="{outcomes.count("failure")}" '
        f'errors="{outcomes.count("error")}" skipped="{outcomes.count("skipped")}"'
    )


def _write_case(finding: Finding, outcome: str, stream: TextIO) -> None:
    name = escape_xml(one_line(finding.subject) or finding.rule)
    head = f'    <testcase classname="{escape_xml(f"{finding.family}.{finding.rule}")}" name="{name}"'
    if not outcome:
        stream.write(f"{head}/>\n")
        return
    message = escape_xml(f"{finding.verdict}: {one_line(finding.message)}")
    stream.write(f"{head}>\n")
    if outcome == "skipped":
        stream.write(f'      <skipped message="{message}"/>\n')
    else:
        body = [one_line(finding.message)]
        if finding.lines:
            body.append(f"lines: {finding.source}:{format_lines(finding.lines)}")
        if finding.fix:
            body.append(f"fix: {one_line(finding.fix)}")
        text = "\n".join(escape_xml(line) for line in body)
        stream.write(f'      <{outcome} type="{escape_xml(finding.severity)}" message="{message}">{text}')
        stream.write(f"</{outcome}>\n")
    stream.write("    </testcase>\n")
