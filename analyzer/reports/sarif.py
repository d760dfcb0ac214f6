"""The report for code scanning: SARIF 2.1.0.

What failed is a result of kind ``fail``, what is unknown one of kind ``open``; a waived finding is a
suppressed one. Each rule keeps its own id and each finding a fingerprint of rule and subject, so that a
finding stays the same one while the log around it changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from analyzer.checks.findings import fingerprint
from analyzer.reports.escaping import dump_json, escape_terminal
from analyzer.reports.model import one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding, Rule
    from analyzer.reports.model import ReportLike

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_TOLD = ("fail", "unknown", "waived")


def write(report: ReportLike, stream: TextIO) -> None:
    """Write one run with a rule a rule and a result a finding that is not a pass."""
    rules = [result.rule for result in report.results]
    results = [
        _describe_finding(finding, index, report)
        for index, result in enumerate(report.results)
        for finding in result.findings
        if finding.verdict in _TOLD
    ]
    driver = {"name": "buildkit-analyzer", "rules": [_describe_rule(rule) for rule in rules]}
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }
    stream.write(dump_json(document, indent=2) + "\n")


def _describe_rule(rule: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": _words(rule.title)},
        "fullDescription": {"text": _words(rule.why or rule.title)},
        "help": {"text": _words(rule.fix or rule.why or rule.title)},
        "defaultConfiguration": {"level": _LEVELS.get(rule.severity, "warning")},
        "properties": {"tags": [rule.family]},
    }
    if rule.references:
        described["helpUri"] = rule.references[0]
    return described


def _describe_finding(finding: Finding, index: int, report: ReportLike) -> dict[str, Any]:
    subject = _words(finding.subject)
    message = _words(finding.message)
    described: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "open" if finding.verdict == "unknown" else "fail",
        "level": "none" if finding.verdict == "unknown" else _LEVELS.get(finding.severity, "warning"),
        "message": {"text": f"{subject}: {message}" if subject else message},
        "locations": [_location(finding, report)],
        "partialFingerprints": {"ruleAndSubject/v1": fingerprint(finding)},
        "properties": {"evidence": finding.evidence, "lines": list(finding.lines)},
    }
    if finding.verdict == "waived":
        described["suppressions"] = [{"kind": "external"}]
    return described


def _location(finding: Finding, report: ReportLike) -> dict[str, Any]:
    name = finding.source or next((source.name for source in report.sources), "buildkitd.log")
    prefix = "file://" if name.startswith("/") else ""
    line = finding.lines[0] if finding.lines else 1
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": prefix + quote(name)},
            "region": {"startLine": line},
        }
    }


def _words(text: str) -> str:
    return escape_terminal(one_line(text))
