"""The rules and what each found, with the lines of the log that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
        source: The log that shows it, by as little of its path as tells it from others.
        lines: Its lines, runs drawn together.
        quotation: The log around its records; empty where they were not read.
    """

    finding: Finding
    source: str
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
    names = short_names(source.name for source in report.sources)
    return {
        verdict: [
            _view(result, quote, names)
            for result in rank(one for one in report.results if one.verdict == verdict)
        ]
        for verdict in VERDICTS
    }


def _view(result: RuleResult, quote: Quote, names: Mapping[str, str]) -> RuleView:
    ordered = sorted(result.findings, key=lambda finding: VERDICTS.index(finding.verdict))
    failed = [finding for finding in ordered if finding.verdict == "fail"]
    return RuleView(
        result,
        tuple(
            FindingView(
                one, names.get(one.source or "", one.source or ""), format_lines(one.lines), quote(one)
            )
            for one in ordered
        ),
        tuple(dict.fromkeys(finding.fix for finding in failed if finding.fix)),
        tuple(dict.fromkeys(reference for finding in failed for reference in finding.references)),
    )


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Paths by as few of their last parts as tell them apart."""
    whole = list(dict.fromkeys(names))
    parts = {name: name.split("/") for name in whole}
    for depth in range(1, max((len(one) for one in parts.values()), default=0) + 1):
        short = {name: "/".join(one[-depth:]) for name, one in parts.items()}
        if len(set(short.values())) == len(whole):
            return short
    return {name: name for name in whole}
