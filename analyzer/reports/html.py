"""The report as one HTML page for a person: whole in itself, so that it can be kept and mailed.

It loads nothing and runs nothing but its own script, without which it can be read all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from analyzer.reports.page.rendering import render_page
from analyzer.reports.page.rules import view_rules
from analyzer.reports.page.sources import quotable, view_sources
from analyzer.reports.page.verdicts import answer

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike
    from analyzer.reports.page.quotes import Quotation


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the answer, the rules, and what each source shows: images, hosts, timeline, configuration, problems."""
    sources = view_sources(report)
    quotes = {source.name: source.shown.quotes for source in sources if source.shown is not None}

    def quote(finding: Finding) -> Quotation:
        name = finding.source or (sources[0].name if len(sources) == 1 else "")
        telling = finding.verdict in ("fail", "unknown") and name in quotes
        return quotes[name].around(quotable(finding)) if telling else ()

    stream.write(
        render_page(
            answer=answer(report),
            project=report.project,
            redacted=report.redacted,
            rules=view_rules(report, quote),
            sources=sources,
            shown=[source for source in sources if source.shown is not None],
            only=sources[0].name if len(sources) == 1 else None,
            data={source.key: source.shown.timeline.data for source in sources if source.shown is not None},
        )
    )
