"""Terms: what a team asks for and lives with, beside what the rules say of the logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from analyzer.checks.baselines import (
    BASELINE_CURRENT,
    Baseline,
    apply_baseline,
    judge_baseline,
    make_baseline,
)
from analyzer.checks.findings import RuleResult
from analyzer.checks.rule import Rule
from analyzer.checks.versions import VERSION_REQUIRED, RequiredVersion, judge_versions
from analyzer.checks.waivers import WAIVERS_CURRENT, WAIVERS_USED, Waiver, apply_waivers, judge_waivers

PROJECT_RULES: tuple[Rule, ...] = (VERSION_REQUIRED, WAIVERS_CURRENT, WAIVERS_USED, BASELINE_CURRENT)
"""The rules that the program itself judges, of a project's own terms."""

_OF_THE_TERMS = (WAIVERS_CURRENT.id, WAIVERS_USED.id, BASELINE_CURRENT.id)
"""Rules about the terms: no term lets them off."""


@dataclass(frozen=True)
class Terms:
    """What is required, waived and known.

    Attributes:
        today: The day on which waivers hold or have expired.
        required: The versions of BuildKit that will do; None where any will.
        waivers: Findings that do not count, each for a reason and until a day.
        baseline: Findings that were there before; None where all count.
        version_rule: The rule of `required`, whose severity may be another than its own.
    """

    today: date
    required: RequiredVersion | None = None
    waivers: tuple[Waiver, ...] = ()
    baseline: Baseline | None = None
    version_rule: Rule = field(default=VERSION_REQUIRED)

    def apply(
        self, results: Sequence[RuleResult], sources: Sequence[tuple[str, str | None]]
    ) -> list[RuleResult]:
        """The results under these terms, those about the terms themselves at the end.

        Args:
            results: What the rules came to.
            sources: Name and version of BuildKit of each source.
        """
        judged = self._judge_version(results, sources)
        told = judge_waivers(judged, self.waivers, today=self.today)
        if self.baseline is not None:
            told.append(judge_baseline(judged, self.baseline))
        waived = apply_waivers(judged, self.waivers, today=self.today)
        if self.baseline is not None:
            waived = apply_baseline(waived, self.baseline, spare=_OF_THE_TERMS)
        return [*waived, *told]

    def note(
        self, results: Sequence[RuleResult], sources: Sequence[tuple[str, str | None]], name: str
    ) -> Baseline:
        """A baseline of what counts under these terms but for their own baseline.

        Args:
            results: What the rules came to.
            sources: Name and version of BuildKit of each source.
            name: The file that the baseline is for.
        """
        judged = self._judge_version(results, sources)
        waived = apply_waivers(judged, self.waivers, today=self.today)
        return make_baseline(waived, name, spare=_OF_THE_TERMS)

    def _judge_version(
        self, results: Sequence[RuleResult], sources: Sequence[tuple[str, str | None]]
    ) -> list[RuleResult]:
        if self.required is None:
            return list(results)
        return [*results, judge_versions(self.required, sources, self.version_rule)]
