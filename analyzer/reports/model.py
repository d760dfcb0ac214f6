"""What a report is made of, as the formats see it.

The formats stand left of the facade that makes reports, so they name what they need and no more.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.checks import Finding, RuleResult
    from analyzer.tables.spool import Rows

VERDICTS = ("fail", "unknown", "pass", "skipped", "waived")
SEVERITIES = ("error", "warning", "info")
WORDS = {"fail": "failed", "unknown": "unknown", "pass": "passed", "skipped": "skipped", "waived": "waived"}
"""What is said of as many rules as have a verdict."""


_REMEDIES = (
    ("debug", 'debug lines: `debug = true` in buildkitd.toml (or `[log] level = "debug"`), then build again'),
    ("startup", "the start of the daemon: take the log from before the first build, not from its tail"),
    ("complete", "the whole log: parts are missing or unfinished, `show SOURCE coverage` names each gap"),
)


UNREDACTED = "not redacted: secrets of the log stand here as they are"
"""What a report says that was made with ``--no-redact``."""


class SourceLike(Protocol):
    """A log that was read: its size, the version that wrote it, and what it can be asked."""

    @property
    def name(self) -> str:
        """The log's name."""

    @property
    def records(self) -> int:
        """Records read."""

    @property
    def lines(self) -> int:
        """Physical lines read."""

    @property
    def buildkit_version(self) -> str | None:
        """The version that wrote it, such as ``v0.17.3``, where known."""

    @property
    def coverage(self) -> Mapping[str, Any]:
        """``startup``, ``debug``, ``trace_ids``, ``complete`` and ``lines_not_understood``."""


class ExhibitLike(Protocol):
    """What a source shows beside its verdicts."""

    @property
    def redacted(self) -> bool:
        """Secrets are replaced by marks."""

    def tables(self) -> Mapping[str, pa.Table | Rows]:
        """Its tables by name, those of the configurations among them."""

    def quote(self, records: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``records``, read anew."""


class ReportLike(Protocol):
    """A finished check."""

    @property
    def results(self) -> Sequence[RuleResult]:
        """One result a rule, in the order of the rules."""

    @property
    def sources(self) -> Sequence[SourceLike]:
        """The logs that were read."""

    @property
    def summary(self) -> Mapping[str, int]:
        """Rules a verdict."""

    @property
    def exit_code(self) -> int:
        """The exit code that the verdicts ask for."""

    @property
    def fail_on(self) -> str:
        """The severity from which a failure counts, or ``never``."""

    @property
    def redacted(self) -> bool:
        """Secrets were replaced by marks."""

    @property
    def project(self) -> str | None:
        """The project file whose terms hold."""

    @property
    def exhibits(self) -> Sequence[ExhibitLike | None]:
        """What each source shows beside its verdicts; None, or nothing at all, where that is not at hand."""


def redactions(source: SourceLike) -> str:
    """How many secrets of a source were replaced, by kind: ``3 secrets replaced (2 bearer, 1 cookie)``; else empty."""
    kinds: Mapping[str, int] = source.coverage.get("redactions_by_kind") or {}
    total = max(sum(kinds.values()), source.coverage.get("redactions") or 0)
    if not total:
        return ""
    told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
    return f"{count(total, 'secret')} replaced" + (f" ({told})" if told else "")


def format_lines(lines: Sequence[int]) -> str:
    """Line numbers, runs of neighbours drawn together: ``214, 220-223``."""
    parts: list[str] = []
    ordered = sorted(set(lines))
    index = 0
    while index < len(ordered):
        end = index
        while end + 1 < len(ordered) and ordered[end + 1] == ordered[end] + 1:
            end += 1
        first, last = ordered[index], ordered[end]
        parts.append(str(first) if first == last else f"{first}-{last}")
        index = end + 1
    return ", ".join(parts)


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 record``, ``12,000 records``, ``2 failed``."""
    plural = "" if number == 1 else "s"
    return f"{number:,} {noun}{plural}"


def exit_meaning(report: ReportLike) -> str:
    """What the report's exit code says, in words."""
    code = report.exit_code
    if code == 0:
        if report.summary.get("fail"):
            return "no failure at or above --fail-on"
        if report.summary.get("unknown"):
            return "nothing failed; what is unknown does not count as a failure"
        return "nothing failed and nothing is unknown"
    if code == 2:
        return "not every source could be read"
    if code == 3:
        if not any(r.verdict == "unknown" and r.rule.severity == "error" for r in report.results):
            return "the input held no BuildKit record"
        failed = "no failure at or above --fail-on" if report.summary.get("fail") else "nothing failed"
        return f"{failed}, but a rule of severity error is unknown"
    return "a failure at or above --fail-on"


def what_would_tell(sources: Sequence[SourceLike]) -> list[str]:
    """What the logs lack, by which more could be judged."""
    seen = [source for source in sources if source.records]
    remedies = [words for key, words in _REMEDIES if any(not source.coverage.get(key) for source in seen)]
    # a log without its start is never whole: that need not be said twice
    if len(remedies) > 1 and any(not source.coverage.get("startup") for source in seen):
        return remedies[:-1]
    return remedies


def one_line(text: str) -> str:
    """A text of several source lines, as in a rule file, as one line."""
    return " ".join(text.split())


def counts(report: ReportLike, severity: str) -> bool:
    """Whether a failure of a severity counts for the exit code of the report."""
    return reaches(severity, report.fail_on)


def reaches(severity: str, threshold: str) -> bool:
    """Whether a finding of a severity counts; the threshold is a severity or ``never``."""
    if threshold == "never" or severity not in SEVERITIES:
        return False
    return SEVERITIES.index(severity) <= SEVERITIES.index(threshold)


def numbers(report: ReportLike) -> str:
    """How many rules have each verdict, the worst first: ``1 failed, 6 passed, 8 skipped``."""
    told = [f"{report.summary[v]} {WORDS[v]}" for v in VERDICTS if report.summary.get(v)]
    return ", ".join(told) or "no rule was run"


def worst_first(report: ReportLike) -> list[Finding]:
    """What failed or is unknown: by severity, failures before unknowns, else in the order of the report."""
    findings = [f for result in report.results for f in result.findings if f.verdict in ("fail", "unknown")]

    def weight(finding: Finding) -> tuple[int, int]:
        severity = finding.severity
        rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
        return rank, VERDICTS.index(finding.verdict)

    return sorted(findings, key=weight)


def statement(finding: Finding) -> str:
    """What a finding says, in one line: its message, and its subject where the message does not name it."""
    message = one_line(finding.message)
    subject = one_line(finding.subject)
    return message if not subject or mentions(message, subject) else f"{subject}: {message}"


def mentions(message: str, subject: str) -> bool:
    """Whether a message says itself what it is about."""
    return re.search(rf"(?<![\w.-]){re.escape(subject)}(?![\w-])", message) is not None


def identify(findings: Iterable[Finding], report: ReportLike) -> list[str]:
    """A name for each finding, which the next report gives it too and no other finding of this report has.

    It is the finding's fingerprint. Where several logs were read it is one of the log as well: what keeps findings
    by name drops the second of a name.
    """
    from analyzer.checks.findings import fingerprint

    seen: Counter[str] = Counter()
    told = []
    for finding in findings:
        name = fingerprint(finding)
        if len(report.sources) > 1 and finding.source:
            name = _hash(f"{name}\0{finding.source}")
        seen[name] += 1
        told.append(name if seen[name] == 1 else _hash(f"{name}\0{seen[name]}"))
    return told


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
