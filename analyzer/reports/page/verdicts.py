"""The answer, in one sentence and then rule by rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.reports.model import (
    SEVERITIES,
    VERDICTS,
    count,
    counts,
    exit_meaning,
    one_line,
    what_would_tell,
)

if TYPE_CHECKING:
    from analyzer.checks import RuleResult
    from analyzer.reports.model import ReportLike

_LEADS = 3
"""Rules that the first sight names; all of them follow below it."""


@dataclass(frozen=True)
class Lead:
    """A rule that the first sight names, and what it says."""

    rule: str
    message: str


@dataclass(frozen=True)
class Answer:
    """What a reader sees first.

    Attributes:
        tone: fail, notice (what failed does not count), unknown or pass.
        headline: The answer.
        leads: The rules that decide it.
        more: Further such rules.
        numbers: Verdicts and how many rules have each; none that no rule has.
        meaning: What the exit code says.
        exit_code: The exit code.
        remedies: What would let unknown rules be judged.
    """

    tone: str
    headline: str
    leads: tuple[Lead, ...]
    more: int
    numbers: tuple[tuple[str, int], ...]
    meaning: str
    exit_code: int
    remedies: tuple[str, ...]


def answer(report: ReportLike) -> Answer:
    """The answer of a report."""
    failed, unknown = (rank(r for r in report.results if r.verdict == v) for v in ("fail", "unknown"))
    passed = [result for result in report.results if result.verdict == "pass"]
    deciding: Sequence[RuleResult] = ()
    if failed:
        deciding = failed
        tone = "fail" if any(counts(report, result.rule.severity) for result in failed) else "notice"
        headline = f"{count(len(failed), 'rule')} failed"
        if tone == "notice":
            headline += ", none of them of a severity that counts"
    elif unknown:
        deciding, tone = unknown, "unknown"
        verb = "is" if len(unknown) == 1 else "are"
        headline = f"Nothing failed, but {count(len(unknown), 'rule')} {verb} unknown"
    elif report.exit_code == 3 or not report.results:
        tone, headline = "unknown", "There was nothing to judge"
    elif passed:
        tone, headline = "pass", f"All as intended: {count(len(passed), 'rule')} passed, none failed"
    else:
        tone, headline = "unknown", "Nothing failed, and nothing could be judged"
    return Answer(
        tone,
        headline,
        tuple(Lead(result.rule.id, _gist(result)) for result in deciding[:_LEADS]),
        max(len(deciding) - _LEADS, 0),
        tuple((verdict, report.summary[verdict]) for verdict in VERDICTS if report.summary.get(verdict)),
        exit_meaning(report),
        report.exit_code,
        tuple(what_would_tell(report.sources)) if unknown else (),
    )


def rank(results: Iterable[RuleResult]) -> list[RuleResult]:
    """Results in the order of their severity."""

    def weight(result: RuleResult) -> int:
        severity = result.rule.severity
        return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)

    return sorted(results, key=weight)


def _gist(result: RuleResult) -> str:
    """What a rule says of the first subject that decides it."""
    deciding = [finding for finding in result.findings if finding.verdict == result.verdict]
    if not deciding:
        return one_line(result.reason or result.rule.title)
    message = one_line(deciding[0].message)
    return message if len(deciding) == 1 else f"{message} (and {count(len(deciding) - 1, 'more subject')})"
