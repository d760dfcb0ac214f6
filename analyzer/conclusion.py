"""The conclusion from verdicts: one report on all sources, and what a command ends with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from analyzer.checks import Finding, RuleResult, exit_code, findings_table
from analyzer.checks.baselines import Baseline
from analyzer.checks.terms import Terms
from analyzer.errors import UsageError
from analyzer.exhibits import Exhibit
from analyzer.judging import Verdicts, merge_results
from analyzer.relations import Relations
from analyzer.scan import SourceInfo


@dataclass(frozen=True)
class Report:
    """The verdicts on a log.

    Attributes:
        results: A result for each rule.
        sources: What was read.
        tables: Every table that the rules could ask, ``findings`` included.
        exit_code: What a command ends with: 0, 1 or 3; 2 where one of several sources could not be read.
        fail_on: The severity from which a failure counts.
        exhibits: What each source shows beside its verdicts, in the order of the sources; None where that is not at
            hand.
        project: The project file whose terms hold; None where there is none.
        redacted: Secrets were replaced by marks.
    """

    results: list[RuleResult]
    sources: tuple[SourceInfo, ...]
    tables: Mapping[str, pa.Table]
    exit_code: int
    fail_on: str = "error"
    exhibits: tuple[Exhibit | None, ...] = ()
    project: str | None = None
    redacted: bool = True

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order of their rules."""
        return [finding for result in self.results for finding in result.findings]

    @property
    def summary(self) -> dict[str, int]:
        """Rules by verdict."""
        counts = dict.fromkeys(("pass", "fail", "unknown", "skipped", "waived"), 0)
        for result in self.results:
            counts[result.verdict] += 1
        return counts

    def verdict(self, rule: str) -> str:
        """The verdict of a rule.

        Raises:
            UsageError: No such rule was judged.
        """
        for result in self.results:
            if result.rule.id == rule:
                return result.verdict
        raise UsageError(f"the rule {rule!r} was not judged")

    def write(self, format: str, path: str | os.PathLike[str]) -> None:  # noqa: A002 - the word of the command line
        """Write the report in a format of ``check --format``, beside its target and then renamed."""
        from analyzer.reports import write_report
        from analyzer.reports.files import replace_text

        with replace_text(path) as stream:
            write_report(self, format, stream)


def conclude_report(
    judged: Sequence[Verdicts],
    tables: Relations | None = None,
    *,
    fail_on: str = "error",
    allow_unknown: bool = False,
    terms: Terms | None = None,
    project: str | None = None,
    redacted: bool = True,
) -> Report:
    """The report on sources that were judged one by one.

    Args:
        judged: The verdicts on each; at least one.
        tables: The tables that the rules could ask, where they are at hand.
        fail_on: The severity from which a failure counts.
        allow_unknown: Unknown verdicts do not change the exit code.
        terms: What a team asks for and lives with.
        project: The file that the terms come from.
        redacted: Secrets were replaced by marks.
    """
    results = merge_results(judged)
    if terms is not None:
        results = terms.apply(results, _versions(judged))
    found = {"findings": findings_table(results)}
    records = sum(one.records_of_daemons for one in judged)
    code = exit_code(results, fail_on=fail_on, allow_unknown=allow_unknown, records=records)
    if not all(one.readable for one in judged):
        code = 2
    infos = tuple(one.info for one in judged)
    exhibits = tuple(one.exhibit for one in judged)
    return Report(
        results,
        infos,
        (tables or Relations({})).with_tables(found),
        code,
        fail_on,
        exhibits,
        project,
        redacted,
    )


def note_baseline(judged: Sequence[Verdicts], terms: Terms, name: str) -> Baseline:
    """A baseline of what counts under the terms, but for their own baseline; `name` is its file."""
    return terms.note(merge_results(judged), _versions(judged), name)


def _versions(judged: Sequence[Verdicts]) -> list[tuple[str, str | None]]:
    return [(one.info.name, one.info.buildkit_version) for one in judged]
