"""Baselines: the findings that were there when a team began, so that only new ones count.

A baseline is a file of findings that failed or were unknown. A finding is known by its rule and its subject, by nothing
of the log: the name of a log, its lines and the words of a message are others with each run. So a finding that is known
of one source is known of every source that is judged with the baseline; who wants to know one builder's failures from
another's gives each a baseline of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from analyzer.checks.findings import (
    COUNTED,
    Finding,
    Identified,
    RuleResult,
    conclude,
    fingerprint,
    native_finding,
    waive,
)
from analyzer.checks.messages import clean
from analyzer.checks.rule import native_rule
from analyzer.errors import ProjectError
from analyzer.limits import LIMITS

FORMAT = "buildkit-analyzer/baseline/1"

BASELINE_CURRENT = native_rule(
    "baseline-current",
    "Every finding of the baseline is still found",
    family="project",
    severity="info",
    fix="Make the baseline anew (check --write-baseline FILE): what is mended is to count when it comes back.",
)

_KEYS = ("fingerprint", "rule", "subject", "verdict", "message")
_ANEW = "make it anew: check --write-baseline FILE"


@dataclass(frozen=True)
class Known:
    """A finding of a baseline.

    Attributes:
        rule: The rule's id.
        subject: What was judged.
        verdict: ``fail`` or ``unknown``.
        message: What was said of it, for people; nothing is decided by it.
    """

    rule: str
    subject: str
    verdict: str
    message: str = ""

    def covers(self, verdict: str) -> bool:
        """Whether a verdict is no worse than the one that is known: an unknown that fails now is news."""
        return verdict == self.verdict or self.verdict == "fail"


@dataclass(frozen=True)
class Baseline:
    """Findings that are known.

    Attributes:
        name: The file's name.
        findings: The findings, by rule and subject.
    """

    name: str
    findings: tuple[Known, ...]
    _by_print: dict[str, Known] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_print", {fingerprint(known): known for known in self.findings})

    def find(self, finding: Identified) -> Known | None:
        """The entry of a finding."""
        return self._by_print.get(fingerprint(finding))


def make_baseline(results: Iterable[RuleResult], name: str, *, spare: Iterable[str] = ()) -> Baseline:
    """The baseline of what failed or is unknown.

    Args:
        results: What the rules came to.
        name: The file that it is for.
        spare: Ids of rules whose findings no baseline holds.
    """
    spared = {BASELINE_CURRENT.id, *spare}
    found: dict[tuple[str, str], Known] = {}
    for finding in (finding for result in results for finding in result.findings):
        if finding.verdict not in COUNTED or finding.rule in spared:
            continue
        key = (finding.rule, finding.subject)
        # of the same subject in two sources the worse verdict is kept
        if key not in found or (found[key].verdict, finding.verdict) == ("unknown", "fail"):
            found[key] = Known(*key, finding.verdict, finding.message)
    return Baseline(name, tuple(found[key] for key in sorted(found)))


def write_baseline(baseline: Baseline, stream: TextIO) -> None:
    """Write a baseline, sorted: the same findings give the same bytes, and a difference can be reviewed."""
    rows = [
        {
            "fingerprint": fingerprint(known),
            "rule": known.rule,
            "subject": known.subject,
            "verdict": known.verdict,
            "message": known.message,
        }
        for known in baseline.findings
    ]
    text = json.dumps({"format": FORMAT, "findings": rows}, indent=2, ensure_ascii=True)
    stream.write(text.replace("\x7f", "\\u007f") + "\n")


def load_baseline(path: Path, name: str | None = None) -> Baseline:
    """Read a baseline.

    Args:
        path: The file.
        name: What it is called in messages; the path if not given.

    Raises:
        ProjectError: It cannot be read, or is no baseline.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(LIMITS.baseline_bytes + 1)
    except OSError as error:
        raise ProjectError(
            f"the baseline cannot be read: {(error.strerror or str(error)).lower()}",
            where=shown,
            hint="write one: check --write-baseline FILE",
        ) from None
    if len(data) > LIMITS.baseline_bytes:
        raise ProjectError(f"larger than a baseline may be ({LIMITS.baseline_bytes:,} bytes)", where=shown)
    return parse_baseline(data, shown)


def parse_baseline(data: bytes | str, name: str) -> Baseline:
    """Read the text of a baseline.

    Raises:
        ProjectError: It is no baseline, or an entry is not what it says it is.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        place = f"{name}:{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else name
        raise ProjectError("the baseline is not JSON", where=place, hint=_ANEW) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProjectError(f"this is no baseline: its format is not {FORMAT}", where=name, hint=_ANEW)
    rows = document.get("findings")
    if not isinstance(rows, list):
        raise ProjectError("the baseline has no list of findings", where=name, hint=_ANEW)
    return Baseline(
        name, tuple(_known(row, f"{name}: finding {number}") for number, row in enumerate(rows, 1))
    )


def _known(row: Any, where: str) -> Known:
    if (
        not isinstance(row, dict)
        or set(row) != set(_KEYS)
        or not all(isinstance(row[key], str) for key in _KEYS)
    ):
        raise ProjectError(f"a finding has the texts {', '.join(_KEYS)}", where=where, hint=_ANEW)
    if row["verdict"] not in COUNTED:
        raise ProjectError(
            f"the verdict is {clean(row['verdict'])!r}", where=where, hint=f"one of {', '.join(COUNTED)}"
        )
    known = Known(row["rule"], row["subject"], row["verdict"], row["message"])
    if fingerprint(known) != row["fingerprint"]:
        # people review rule and subject: nothing else may be what is let through
        raise ProjectError("the fingerprint is not that of rule and subject", where=where, hint=_ANEW)
    return known


def apply_baseline(
    results: Sequence[RuleResult], baseline: Baseline, *, spare: Iterable[str] = ()
) -> list[RuleResult]:
    """The results, with what the baseline knows waived.

    Args:
        results: What the rules came to.
        baseline: The baseline.
        spare: Ids of rules of which nothing is waived.
    """

    def why(finding: Finding) -> str | None:
        known = baseline.find(finding)
        covered = known is not None and known.covers(finding.verdict)
        return f"known since the baseline {baseline.name}" if covered else None

    return waive(results, why, spare=spare)


def judge_baseline(results: Sequence[RuleResult], baseline: Baseline) -> RuleResult:
    """Whether what the baseline knows is still found.

    Args:
        results: What the rules came to before anything was waived.
        baseline: The baseline.
    """
    judged = {result.rule.id: result for result in results}
    verdicts: dict[tuple[str, str], set[str]] = {}
    for finding in (finding for result in results for finding in result.findings):
        verdicts.setdefault((finding.rule, finding.subject), set()).add(finding.verdict)

    def judge(known: Known) -> Finding:
        name = f"{known.rule}: {known.subject}" if known.subject else known.rule
        now = verdicts.get((known.rule, known.subject), set())
        result = judged.get(known.rule)
        if now.intersection(COUNTED):
            verdict, message = "pass", "it is still found"
        elif "pass" in now:
            verdict, message = "fail", "it is no longer found: it passes now"
        elif now or result is None or result.verdict == "skipped":
            verdict, message = "skipped", "it was not judged here"
        else:
            verdict, message = "fail", "it is no longer found: nothing is said of this subject any more"
        return native_finding(BASELINE_CURRENT, name, verdict, message, source=baseline.name)

    if not baseline.findings:
        empty = native_finding(BASELINE_CURRENT, "", "skipped", "the baseline holds no finding")
        return conclude(BASELINE_CURRENT, [empty])
    return conclude(BASELINE_CURRENT, [judge(known) for known in baseline.findings])
