"""The report for machines: ``buildkit-analyzer/check/1``, which pipelines rely on and which only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from analyzer.reports.escaping import dump_json

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult
    from analyzer.reports.model import ReportLike, SourceLike

FORMAT = "buildkit-analyzer/check/1"

_COVERAGE = ("startup", "debug", "trace_ids", "complete", "lines_not_understood")
_VERDICTS = ("pass", "fail", "unknown", "skipped", "waived")


def describe(report: ReportLike) -> dict[str, Any]:
    """The report as one object of plain values, in a fixed order of keys."""
    summary = {verdict: report.summary.get(verdict, 0) for verdict in _VERDICTS}
    return {
        "format": FORMAT,
        "sources": [_source(source) for source in report.sources],
        "project": report.project,
        "redacted": report.redacted,
        "summary": {**summary, "exit_code": report.exit_code},
        "rules": [_rule(result) for result in report.results],
        "findings": [_finding(finding) for result in report.results for finding in result.findings],
    }


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the report as indented JSON, ASCII only."""
    stream.write(dump_json(describe(report), indent=2))
    stream.write("\n")


def _source(source: SourceLike) -> dict[str, Any]:
    coverage = {key: source.coverage.get(key) for key in _COVERAGE}
    more = {key: value for key, value in sorted(source.coverage.items()) if key not in coverage}
    return {
        "name": source.name,
        "records": source.records,
        "lines": source.lines,
        "buildkit_version": source.buildkit_version,
        "coverage": {**coverage, **more},
    }


def _rule(result: RuleResult) -> dict[str, Any]:
    rule = result.rule
    return {
        "id": rule.id,
        "family": rule.family,
        "severity": rule.severity,
        "verdict": result.verdict,
        "evidence": result.evidence,
        "title": rule.title,
        "reason": result.reason,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "family": finding.family,
        "severity": finding.severity,
        "subject": finding.subject,
        "verdict": finding.verdict,
        "evidence": finding.evidence,
        "message": finding.message,
        "source": finding.source,
        "lines": list(finding.lines),
        "records": list(finding.records),
        "fix": finding.fix,
        "references": list(finding.references),
        "config": {"file": finding.config_file, "line": finding.config_line} if finding.config_file else None,
        "waiver": finding.waiver,
    }
