"""Findings: the verdict on each subject of a rule, the verdict of the rule, and the exit code of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.checks.rule import EVIDENCE, SEVERITIES, Rule
from analyzer.errors import UsageError
from analyzer.tables.schema import Column, TableSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEC = TableSpec(
    name="findings",
    row="a verdict: what a rule says about a subject",
    columns=(
        Column("rule", pa.string(), "the rule's id"),
        Column("family", pa.string(), "the rule's family"),
        Column("severity", pa.string(), "error, warning or info"),
        Column("subject", pa.string(), "what was judged, empty where there was nothing to judge"),
        Column("verdict", pa.string(), "pass, fail, unknown, skipped or waived"),
        Column("evidence", pa.string(), "proof, inference or none"),
        Column("message", pa.string(), "what was expected and what happened, without control characters"),
        Column("source", pa.string(), "the log or configuration file that shows it"),
        Column("lines", pa.list_(pa.int64()), "physical lines of that source"),
        Column("records", pa.list_(pa.int64()), "records that show it"),
        Column("fix", pa.string(), "what to do about a failure"),
        Column("references", pa.list_(pa.string()), "where to read on"),
        Column("config_file", pa.string(), "the configuration file that is to blame"),
        Column("config_line", pa.int64(), "the line of that file"),
        Column("waiver", pa.string(), "of a waived finding: why it does not count"),
    ),
)

FAIL_ON = (*SEVERITIES, "never")
"""Choices of the lightest severity whose failure makes the exit code 1."""


@dataclass(frozen=True)
class Finding:
    """A verdict on one subject; its fields are the columns of the table `findings`."""

    rule: str
    family: str
    severity: str
    subject: str
    verdict: str
    evidence: str
    message: str
    source: str | None = None
    lines: tuple[int, ...] = ()
    records: tuple[int, ...] = ()
    fix: str = ""
    references: tuple[str, ...] = ()
    config_file: str | None = None
    config_line: int | None = None
    waiver: str = ""


@dataclass(frozen=True)
class RuleResult:
    """What a rule comes to over all its subjects.

    Attributes:
        rule: The rule.
        verdict: fail if any finding fails, else unknown if any is, else pass if any passes, else skipped.
        evidence: Of a failure the strongest, of a pass the weakest evidence among its findings, else none.
        findings: One a subject, in the order of the subjects.
        reason: Why the rule was skipped or is unknown; empty otherwise.
    """

    rule: Rule
    verdict: str
    evidence: str
    findings: tuple[Finding, ...]
    reason: str = ""


def fingerprint(finding: Finding) -> str:
    """A name for the finding that the next log gives it too."""
    return hashlib.sha256(f"{finding.rule}\0{finding.subject}".encode("utf-8", "replace")).hexdigest()


def conclude(rule: Rule, findings: Iterable[Finding]) -> RuleResult:
    """The verdict of a rule, of the verdicts on its subjects; waived ones stand aside."""
    findings = tuple(findings)
    verdicts = [finding.verdict for finding in findings]
    fallback = "waived" if verdicts else "skipped"
    verdict: str = next((v for v in ("fail", "unknown", "pass", "skipped") if v in verdicts), fallback)
    deciding = [finding for finding in findings if finding.verdict == verdict]
    strengths = [EVIDENCE.index(finding.evidence) for finding in deciding]
    evidence = "none"
    if verdict == "fail":
        evidence = EVIDENCE[min(strengths)]
    elif verdict == "pass":
        evidence = EVIDENCE[max(strengths)]
    reason = deciding[0].message if verdict in ("unknown", "skipped") and deciding else ""
    return RuleResult(rule, verdict, evidence, findings, reason)


def exit_code(
    results: Sequence[RuleResult], *, fail_on: str = "error", allow_unknown: bool = False, records: int
) -> int:
    """The exit code of a check.

    Args:
        results: What the rules came to.
        fail_on: The lightest severity whose failure counts: error, warning, info or never.
        allow_unknown: An unknown error rule is no reason for a code other than 0.
        records: BuildKit records of the input; without any, nothing was checked.

    Returns:
        1 for a failure that counts; else 3 for an unknown error rule or an input without a record; else 0.

    Raises:
        UsageError: `fail_on` is no severity.
    """
    if fail_on not in FAIL_ON:
        raise UsageError(f"no severity is called {fail_on!r}", where="--fail-on", hint=", ".join(FAIL_ON))
    if fail_on != "never":
        heavy = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
        if any(result.verdict == "fail" and result.rule.severity in heavy for result in results):
            return 1
    undecided = any(result.verdict == "unknown" and result.rule.severity == "error" for result in results)
    if records <= 0 or (undecided and not allow_unknown):
        return 3
    return 0


def findings_table(results: Iterable[RuleResult]) -> pa.Table:
    """The table `findings` of what the rules came to, in their order."""
    return SPEC.build(
        {column.name: getattr(finding, column.name) for column in SPEC.columns}
        for result in results
        for finding in result.findings
    )
