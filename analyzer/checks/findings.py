"""Findings: the verdict on each subject of a rule, the verdict of the rule, and the exit code of them all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from analyzer.checks.messages import clean
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

COUNTED = ("fail", "unknown")
"""Verdicts that count against a check, and so can be waived."""

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


def native_finding(
    rule: Rule,
    subject: str,
    verdict: str,
    message: str,
    *,
    source: str | None = None,
    line: int | None = None,
) -> Finding:
    """What the program itself says for a rule of no file.

    Args:
        rule: The rule.
        subject: What is judged.
        verdict: The verdict; where it decides something, it is proven.
        message: What was expected, and what is so.
        source: The file that shows it.
        line: The line of that file.
    """
    return Finding(
        rule=rule.id,
        family=rule.family,
        severity=rule.severity,
        subject=clean(subject),
        verdict=verdict,
        evidence="proof" if verdict in ("pass", "fail") else "none",
        message=clean(message),
        source=source,
        lines=() if line is None else (line,),
        fix=rule.fix,
    )


class Identified(Protocol):
    """What a finding is known by."""

    @property
    def rule(self) -> str:
        """The rule's id."""

    @property
    def subject(self) -> str:
        """What was judged."""


def fingerprint(finding: Identified) -> str:
    """A name for the finding that the next log gives it too: of rule and subject, not of the log or its lines."""
    return hashlib.sha256(f"{finding.rule}\0{finding.subject}".encode("utf-8", "replace")).hexdigest()


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


def waive(
    results: Iterable[RuleResult], why: Callable[[Finding], str | None], *, spare: Iterable[str] = ()
) -> list[RuleResult]:
    """The results with some findings waived.

    Only what failed or is unknown can be waived, and a waived finding never counts as a pass.

    Args:
        results: What the rules came to.
        why: The reason why a finding is waived; None for one that is not.
        spare: Ids of rules of which nothing is waived.

    Returns:
        The results in their order; a rule without a waived finding is the same object as before.
    """
    spared = frozenset(spare)
    changed = []
    for result in results:
        reasons = [
            why(finding) if finding.verdict in COUNTED and finding.rule not in spared else None
            for finding in result.findings
        ]
        if all(reason is None for reason in reasons):
            changed.append(result)
            continue
        findings = (
            finding if reason is None else replace(finding, verdict="waived", waiver=reason)
            for finding, reason in zip(result.findings, reasons, strict=True)
        )
        changed.append(conclude(result.rule, findings))
    return changed


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
