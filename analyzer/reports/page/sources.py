"""What each source shows, drawn together for the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.limits import LIMITS
from analyzer.reports.page.asking import ask
from analyzer.reports.page.configuration import Configuration, find_configuration
from analyzer.reports.page.coverage import Coverage, describe_coverage
from analyzer.reports.page.hosts import Host, find_hosts
from analyzer.reports.page.images import Images, find_images
from analyzer.reports.page.problems import Problems, find_problems
from analyzer.reports.page.quotes import Quotes, read_quotes
from analyzer.reports.page.timeline import Timeline, find_timeline

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ExhibitLike, ReportLike

_RECORDS = 3
"""Records of a finding around which the log is quoted."""


@dataclass(frozen=True)
class Shown:
    """What a source shows beside its verdicts."""

    images: Images
    hosts: tuple[Host, ...]
    timeline: Timeline
    configuration: Configuration
    problems: Problems
    quotes: Quotes


@dataclass(frozen=True)
class SourceView:
    """A source on the page.

    Attributes:
        key: Its name in the page's own addresses: ``s1``.
        name: Its name.
        verdict: The worst of what was found in it: fail, unknown or pass.
        coverage: What it can be asked.
        shown: What it shows; None where that is not at hand or there was no room.
    """

    key: str
    name: str
    verdict: str
    coverage: Coverage
    shown: Shown | None


def view_sources(report: ReportLike) -> list[SourceView]:
    """The sources of a report. Where they are many, those that failed are shown in detail."""
    exhibits = list(report.exhibits) or [None] * len(report.sources)
    alone = len(report.sources) == 1
    findings = [
        [one for one in _found(report) if one.source == source.name or (alone and one.source is None)]
        for source in report.sources
    ]
    verdicts = [_worst(found) for found in findings]
    order = sorted(range(len(exhibits)), key=lambda place: ("fail", "unknown", "pass").index(verdicts[place]))
    detailed = {place for place in order if exhibits[place] is not None}
    detailed = set([place for place in order if place in detailed][: LIMITS.page_sources])
    views = []
    for place, (source, exhibit) in enumerate(zip(report.sources, exhibits, strict=True)):
        shown = _show(exhibit, findings[place]) if exhibit is not None and place in detailed else None
        coverage = describe_coverage(source, exhibit.redacted if exhibit is not None else None)
        views.append(SourceView(f"s{place + 1}", source.name, verdicts[place], coverage, shown))
    return views


def _found(report: ReportLike) -> Iterable[Finding]:
    return (finding for result in report.results for finding in result.findings)


def _worst(findings: Sequence[Finding]) -> str:
    verdicts = {finding.verdict for finding in findings}
    return next((verdict for verdict in ("fail", "unknown") if verdict in verdicts), "pass")


def _show(exhibit: ExhibitLike, findings: Sequence[Finding]) -> Shown:
    with ask(exhibit.tables()) as engine:
        images, hosts, timeline = find_images(engine), find_hosts(engine), find_timeline(engine)
        configuration, problems = find_configuration(engine), find_problems(engine)
    telling = [one for verdict in ("fail", "unknown") for one in findings if one.verdict == verdict]
    places = [record for one in telling for record in quotable(one)]
    places += [problem.first for problem in problems.shown if problem.first is not None]
    return Shown(images, hosts, timeline, configuration, problems, read_quotes(exhibit, places))


def quotable(finding: Finding) -> Sequence[int]:
    """The records of a finding around which the log is quoted."""
    return finding.records[:_RECORDS]
