"""A pytest plugin: what a builder did, asserted in a test.

    def test_everything_comes_from_the_mirror(buildkit):
        checked = buildkit.check("builder:mybuilder", config="buildkitd.toml")
        checked.assert_pass("mirror-served")

pytest finds it by itself once this package is installed. The source and the configuration may be left out where the
command line (``--buildkit-source=SOURCE``, ``--buildkit-config=FILE``) or pytest's own configuration
(``buildkit_source``, ``buildkit_config``) names them. Importing it costs nothing: the tool is loaded by the first
check.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.api import Report
    from analyzer.checks import Finding, Rule, RuleResult
    from analyzer.intent import Config

__all__ = ["Buildkit", "Checked"]

Verdict = Literal["pass", "fail", "unknown", "skipped", "waived"]
Named = str | os.PathLike[str]

_HARMLESS = ("pass", "skipped", "waived")
_SHOWN = 10
"""Findings told of one rule; more than these nobody reads in the output of a test."""


@dataclass(frozen=True)
class Checked:
    """Verdicts that a test can assert.

    Attributes:
        report: The whole report.
    """

    report: Report

    def verdict(self, rule: str) -> str:
        """The verdict of a rule: pass, fail, unknown, skipped or waived.

        Raises:
            UsageError: No such rule was judged.
        """
        __tracebackhide__ = True
        return self._result(rule).verdict

    def assert_pass(self, *rules: str) -> None:
        """Assert that rules pass. What is unknown, skipped or waived does not pass.

        Args:
            rules: Their ids. Without any: no rule of severity error fails or is unknown, and at least one passes.

        Raises:
            AssertionError: They do not; its text says what happened, by which lines, and what to do.
            UsageError: No such rule was judged.
        """
        __tracebackhide__ = True
        if rules:
            wrong = [result for result in map(self._result, rules) if result.verdict != "pass"]
            if wrong:
                raise AssertionError(_explain(f"{_count(wrong)} not pass", wrong, self.report))
            return
        errors = [result for result in self.report.results if result.rule.severity == "error"]
        wrong = [result for result in errors if result.verdict not in _HARMLESS]
        if wrong:
            raise AssertionError(_explain(f"{_count(wrong)} not pass", wrong, self.report))
        if not any(result.verdict == "pass" for result in errors):
            raise AssertionError(_explain("no rule of severity error passes", errors, self.report))
        if self.report.exit_code > 1:
            raise AssertionError(_explain("not everything could be judged", [], self.report))

    def assert_verdict(self, rule: str, verdict: Verdict) -> None:
        """Assert the verdict of a rule.

        Args:
            rule: Its id.
            verdict: What it must be.

        Raises:
            AssertionError: It is another; its text says what happened, by which lines, and what to do.
            UsageError: No such rule was judged, or there is no such verdict.
        """
        __tracebackhide__ = True
        known = (*_HARMLESS, "fail", "unknown")
        if verdict not in known:
            from analyzer.errors import UsageError

            raise UsageError(f"there is no verdict {verdict!r}", hint=f"verdicts: {', '.join(known)}")
        result = self._result(rule)
        if result.verdict != verdict:
            raise AssertionError(_explain(f"{rule} is not {verdict}", [result], self.report))

    def requests_by_host(self) -> dict[str, int]:
        """How many requests each registry host got; those whose host is not known stand under an empty name."""
        return dict(Counter(row["host"] or "" for row in self._requests()))

    def answers_by_host(self) -> dict[str, dict[int | None, int]]:
        """How often each registry host gave which HTTP status; None counts requests without an answer."""
        found: dict[str, Counter[int | None]] = {}
        for row in self._requests():
            found.setdefault(row["host"] or "", Counter())[row["status_code"]] += 1
        return {host: dict(answers) for host, answers in found.items()}

    def table(self, name: str) -> pa.Table:
        """A table that the rules could ask, such as ``pulls``.

        Raises:
            UsageError: There is no such table.
        """
        __tracebackhide__ = True
        if name not in self.report.tables:
            from analyzer.errors import UsageError

            raise UsageError(f"there is no table {name!r}", hint=f"tables: {', '.join(self.report.tables)}")
        return self.report.tables[name]

    def _requests(self) -> list[dict[str, Any]]:
        # not the whole rows: Python's own times are too coarse for those of a log
        asked = self.report.tables["requests"].select(["host", "status_code"])
        rows: list[dict[str, Any]] = asked.to_pylist()
        return rows

    def _result(self, rule: str) -> RuleResult:
        __tracebackhide__ = True
        for result in self.report.results:
            if result.rule.id == rule:
                return result
        from analyzer.errors import UsageError

        judged = [result.rule.id for result in self.report.results]
        raise UsageError(f"the rule {rule!r} was not judged", hint=f"judged: {', '.join(judged)}")


@dataclass(frozen=True)
class Buildkit:
    """Checks builders, their logs and their configuration; what the fixture `buildkit` gives.

    Attributes:
        sources: What is read where a check names nothing.
        config: What was meant, where a check does not say it.
    """

    sources: tuple[str, ...] = ()
    config: str | None = None

    def check(
        self,
        *sources: Named,
        config: Named | Config | None = None,
        effective: Named | Config | None = None,
        flags: str | Sequence[str] | None = None,
        rules: Sequence[Rule] | None = None,
        version: str | None = None,
        require_proof: bool = False,
    ) -> Checked:
        """Judge what a builder did.

        Args:
            sources: ``builder:NAME``, ``container:NAME``, or whatever else ``check`` takes.
            config: What was meant: a file, or what `analyzer.load_config` made of one.
            effective: What the daemon was given, where that is known otherwise.
            flags: The daemon's flags that were meant, beside the file.
            rules: The rules; the built-in ones if not given.
            version: BuildKit's version; read from the log where not given.
            require_proof: A pass by inference is only unknown.

        Raises:
            AnalyzerError: The source, the configuration or a rule cannot be used.
        """
        __tracebackhide__ = True
        from analyzer.api import check, read
        from analyzer.errors import AnalyzerError, UsageError

        named = sources or self.sources
        if not named:
            raise UsageError(
                "no source is named",
                where="buildkit.check",
                hint="name one, or run pytest with --buildkit-source",
            )
        try:
            meant, given = _configuration(config or self.config), _configuration(effective)
            report = check(
                read(*named),
                meant,
                effective=given,
                flags=flags,
                rules=rules,
                version=version,
                require_proof=require_proof,
            )
        except AnalyzerError as error:
            # what is wrong is in the error; where in the tool it was noticed helps nobody
            raise error.with_traceback(None) from None
        return Checked(report)


@pytest.fixture(scope="session")
def buildkit(pytestconfig: pytest.Config) -> Buildkit:
    """Check what a builder did: ``buildkit.check("builder:NAME", config=FILE).assert_pass("mirror-served")``."""
    given: list[str] | None = pytestconfig.getoption("buildkit_source")
    start = pytestconfig.invocation_params.dir
    sources = [_beside(start, source) for source in given or ()]
    config: str | None = pytestconfig.getoption("buildkit_config")
    meant = str(start / config) if config else None
    # a path in a file means the file's folder, a path on the command line the current one
    home = pytestconfig.inipath.parent if pytestconfig.inipath else pytestconfig.rootpath
    if not sources:
        sources = [_beside(home, source) for source in pytestconfig.getini("buildkit_source")]
    if meant is None and (written := pytestconfig.getini("buildkit_config")):
        meant = str(home / written)
    return Buildkit(tuple(sources), meant)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the defaults of the fixture, on the command line and in pytest's configuration."""
    group = parser.getgroup("buildkit", "BuildKit (buildkit-analyzer)")
    source = "what the fixture buildkit reads where a test names nothing: builder:NAME, a log, a bundle"
    config = "what was meant, where a test does not say it: buildkitd.toml or daemon.json"
    group.addoption(
        "--buildkit-source",
        action="append",
        metavar="SOURCE",
        dest="buildkit_source",
        help=f"{source}; repeatable",
    )
    group.addoption("--buildkit-config", metavar="FILE", dest="buildkit_config", help=config)
    parser.addini("buildkit_source", source, type="linelist")
    parser.addini("buildkit_config", config, type="string", default="")


def _beside(folder: Path, name: str) -> str:
    """What lies in a folder by its whole path; any other name, such as ``builder:NAME``, as it is."""
    return str(folder / name) if (folder / name).exists() else name


def _configuration(named: Named | Config | None) -> Config | None:
    __tracebackhide__ = True
    if isinstance(named, str | os.PathLike):
        from analyzer.intent import load_config

        return load_config(named)
    return named


def _count(wrong: Sequence[RuleResult]) -> str:
    names = ", ".join(result.rule.id for result in wrong)
    return f"{names} {'does' if len(wrong) == 1 else 'do'}"


def _explain(first: str, results: Sequence[RuleResult], report: Report) -> str:
    """What a person needs: the verdict, its evidence, what happened, where it stands, and what to do."""
    from analyzer.reports.escaping import escape_terminal
    from analyzer.reports.model import exit_meaning, one_line

    lines = [first]
    for result in results:
        rule = result.rule
        lines.append(f"{result.verdict.upper()} {rule.id}: {one_line(rule.title)} [{rule.severity}]")
        if result.reason and not result.findings:
            lines.append(f"  {one_line(result.reason)}")
        deciding = [finding for finding in result.findings if finding.verdict == result.verdict]
        for finding in deciding[:_SHOWN]:
            lines += _tell(finding)
        if len(deciding) > _SHOWN:
            lines.append(f"  and {len(deciding) - _SHOWN} more")
        if rule.fix and result.verdict in ("fail", "unknown"):
            lines.append(f"  fix: {one_line(rule.fix)}")
        lines += [f"  see: {address}" for address in rule.references if result.verdict == "fail"]
    lines.append(f"read: {', '.join(source.name for source in report.sources)}; {exit_meaning(report)}")
    # a log may hold anything; a line of its own is all that it must not get
    return "\n".join(escape_terminal(line) for line in lines)


def _tell(finding: Finding) -> list[str]:
    from analyzer.reports.model import format_lines

    evidence = {"proof": "proven", "inference": "by inference"}.get(finding.evidence, "no evidence")
    place = f"{finding.source} " if finding.source else ""
    shown = f"{place}line{'s' if len(set(finding.lines)) > 1 else ''} {format_lines(finding.lines)}"
    subject = f"{finding.subject}: " if finding.subject and finding.subject not in finding.message else ""
    return [
        f"  {subject}{finding.message} ({evidence})",
        *([f"    {shown}"] if finding.lines else []),
    ]
