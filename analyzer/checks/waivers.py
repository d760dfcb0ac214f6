"""Waivers: failures that a team has looked at and lives with, each for a reason and until a day.

A waiver takes a finding that failed or is unknown out of the count, and says why. Who lives with a failure lives with
not knowing as well, so an unknown is waived too. On the day after its last one a waiver waives nothing any more, and
fails by itself: nobody is to forget it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from analyzer.checks.findings import COUNTED, Finding, RuleResult, conclude, native_finding, waive
from analyzer.checks.rule import native_rule

WAIVERS_CURRENT = native_rule(
    "waivers-current",
    "No waiver of the project file has expired",
    family="project",
    fix="Look at what was waived again: mend it and remove the waiver, or give it a new day and a reason for that.",
)
WAIVERS_USED = native_rule(
    "waivers-used",
    "Every waiver of the project file waives something",
    family="project",
    severity="info",
    fix="Remove the waiver, or mend its rule and subject.",
)


@dataclass(frozen=True)
class Waiver:
    """What is waived, why, and how long.

    Attributes:
        rule: The id of a rule.
        reason: Why its finding does not count.
        expires: The last day on which it does not.
        subject: The subject of the finding, or a shell pattern of it; None for every subject of the rule.
        file: The file that the waiver stands in.
        line: The line of that file.
    """

    rule: str
    reason: str
    expires: date
    subject: str | None = None
    file: str | None = None
    line: int | None = None

    @property
    def name(self) -> str:
        """What it waives, in few words."""
        return self.rule if self.subject is None else f"{self.rule}: {self.subject}"

    def names(self, finding: Finding) -> bool:
        """Whether a finding is the one that is meant, whatever its verdict and the day."""
        if finding.rule != self.rule:
            return False
        # a subject may hold what means something in a pattern
        return self.subject in (None, finding.subject) or fnmatchcase(finding.subject, self.subject or "")

    def holds(self, today: date) -> bool:
        """Whether it still waives; on its last day it does."""
        return today <= self.expires


def apply_waivers(
    results: Sequence[RuleResult], waivers: Sequence[Waiver], *, today: date
) -> list[RuleResult]:
    """The results, with what the waivers name waived.

    Args:
        results: What the rules came to.
        waivers: The waivers; of several that name a finding the first that holds gives the reason.
        today: The day on which this is asked.
    """
    current = [waiver for waiver in waivers if waiver.holds(today)]

    def why(finding: Finding) -> str | None:
        return next(
            (f"{waiver.reason} (until {waiver.expires})" for waiver in current if waiver.names(finding)), None
        )

    return waive(results, why)


def judge_waivers(
    results: Sequence[RuleResult], waivers: Sequence[Waiver], *, today: date
) -> list[RuleResult]:
    """What is to be said of the waivers themselves.

    Args:
        results: What the rules came to before anything was waived.
        waivers: The waivers.
        today: The day on which this is asked.

    Returns:
        Results of `WAIVERS_CURRENT` and `WAIVERS_USED`, none where there are no waivers.
    """
    if not waivers:
        return []
    current = [waiver for waiver in waivers if waiver.holds(today)]
    used = [_judge_use(waiver, results) for waiver in current]
    return [
        conclude(WAIVERS_CURRENT, [_judge_term(waiver, today) for waiver in waivers]),
        *([conclude(WAIVERS_USED, used)] if used else []),
    ]


def _judge_term(waiver: Waiver, today: date) -> Finding:
    holds = waiver.holds(today)
    message = (
        f"it holds until {waiver.expires}"
        if holds
        else f"the waiver expired: {waiver.expires} was its last day, and its reason was: {waiver.reason}"
    )
    return native_finding(
        WAIVERS_CURRENT,
        waiver.name,
        "pass" if holds else "fail",
        message,
        source=waiver.file,
        line=waiver.line,
    )


def _judge_use(waiver: Waiver, results: Sequence[RuleResult]) -> Finding:
    verdict, message = _use(waiver, results)
    return native_finding(WAIVERS_USED, waiver.name, verdict, message, source=waiver.file, line=waiver.line)


def _use(waiver: Waiver, results: Sequence[RuleResult]) -> tuple[str, str]:
    of_rule = [finding for result in results if result.rule.id == waiver.rule for finding in result.findings]
    named = [finding for finding in of_rule if waiver.names(finding)]
    counted = sum(finding.verdict in COUNTED for finding in named)
    if counted:
        return "pass", f"it waives {counted} finding{'' if counted == 1 else 's'}"
    if any(finding.verdict == "pass" for finding in named):
        return "fail", "it waives nothing: what it names passes"
    if not _was_judged(named or of_rule):
        return "skipped", "what it names was not judged here"
    return "fail", "it waives nothing: no finding of the rule has this subject"


def _was_judged(findings: Sequence[Finding]) -> bool:
    return any(finding.verdict != "skipped" for finding in findings)
