"""The rules and what each found, with the lines of the log that show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.reports.model import VERDICTS, format_lines
from analyzer.reports.page.verdicts import rank

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult
    from analyzer.reports.model import ReportLike
    from analyzer.reports.page.quotes import Quotation

Quote = Callable[["Finding"], "Quotation"]
"""Gives the lines around the records of a finding."""


@dataclass(frozen=True)
class FindingView:
    """A finding as it is shown.

    Attributes:
        finding: The finding.
        lines: Its lines, runs drawn together.
        quotation: The log around its records; empty where they were not read.
    """

    finding: Finding
    lines: str
    quotation: Quotation


@dataclass(frozen=True)
class RuleView:
    """A rule as it is shown.

    Attributes:
        result: What the rule came to.
        findings: Its findings, those that decide first.
        fixes: What to do, each advice once.
        references: Addresses to read on, each once.
    """

    result: RuleResult
    findings: tuple[FindingView, ...]
    fixes: tuple[str, ...]
    references: tuple[str, ...]


def view_rules(report: ReportLike, quote: Quote) -> dict[str, list[RuleView]]:
    """The rules by verdict, the heaviest of each first."""
    return {
        verdict: [
            _view(result, quote) for result in rank(one for one in report.results if one.verdict == verdict)
        ]
        for verdict in VERDICTS
    }


def _view(result: RuleResult, quote: Quote) -> RuleView:
    ordered = sorted(result.findings, key=lambda finding: VERDICTS.index(finding.verdict))
    failed = [finding for finding in ordered if finding.verdict == "fail"]
    return RuleView(
        result,
        tuple(FindingView(one, format_lines(one.lines), quote(one)) for one in ordered),
        tuple(dict.fromkeys(finding.fix for finding in failed if finding.fix)),
        tuple(dict.fromkeys(reference for finding in failed for reference in finding.references)),
    )
