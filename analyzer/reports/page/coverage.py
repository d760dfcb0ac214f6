"""What a log can be asked: what of it is there, what is missing, and what was hidden on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.reports.model import count

if TYPE_CHECKING:
    from analyzer.reports.model import SourceLike

_GAPS = 50


@dataclass(frozen=True)
class Statement:
    """Something that is said of a log.

    Attributes:
        about: What it is about.
        words: What is so.
        good: It lets more be judged; None where it does neither.
    """

    about: str
    words: str
    good: bool | None = None


@dataclass(frozen=True)
class Coverage:
    """The coverage of a source.

    Attributes:
        statements: What is said of it.
        gaps: What is missing, each with the line that shows it.
        hidden: Gaps that are not listed.
        not_read: What stands around the log and could not be looked at.
        redacted: Secrets are replaced by marks; None where that is not known.
    """

    statements: tuple[Statement, ...]
    gaps: tuple[tuple[str, int | None], ...]
    hidden: int
    not_read: tuple[str, ...]
    redacted: bool | None


_ANSWERS = (
    ("startup", "Start of the daemon", "its start-up lines are there", "no start-up lines"),
    ("debug", "Debug lines", "there", "none: who was asked is mostly unknown"),
    ("trace_ids", "Trace IDs", "there", "none: a trace is a run of the daemon"),
)


def describe_coverage(source: SourceLike, redacted: bool | None) -> Coverage:
    """The coverage of a source.

    Args:
        source: The source.
        redacted: Secrets are replaced by marks; None where that is not known.
    """
    told = source.coverage
    statements = [
        Statement(
            "BuildKit", source.buildkit_version or getattr(source, "program", None) or "version unknown"
        ),
        Statement("Read", f"{count(source.records, 'record')} in {count(source.lines, 'line')}"),
    ]
    if source.records:
        statements += [
            Statement(about, yes if told.get(key) else no, bool(told.get(key)))
            for key, about, yes, no in _ANSWERS
        ]
        statements.append(_wholeness(told))
        strange = int(told.get("lines_not_understood") or 0)
        words = f"all but {count(strange, 'line')}" if strange else "every line"
        statements.append(Statement("Understood", words, not strange))
    statements += _traces(told.get("traces") or {})
    damaged = getattr(source, "damaged", None)
    if damaged:
        statements.append(Statement("Damage", damaged, False))
    statements.append(_redactions(told, redacted))
    gaps = [_gap(gap) for gap in told.get("gaps") or ()]
    damage = (told.get("traces") or {}).get("damaged") or ()
    return Coverage(
        tuple(statements),
        tuple(gaps[:_GAPS]),
        max(len(gaps) - _GAPS, 0),
        (*(told.get("not_read") or ()), *damage),
        redacted,
    )


def _wholeness(told: Any) -> Statement:
    if told.get("complete"):
        return Statement("Whole", "nothing is seen to be missing", True)
    words = "an excerpt: only lines about requests" if told.get("excerpt") else "parts are missing"
    return Statement("Whole", words, False)


def _traces(told: Any) -> list[Statement]:
    if not told:
        return []
    asked, joined = told["requests"], told["requests_with_span"]
    statements = [
        Statement("Exported trace", f"{count(told['spans'], 'span')} of {count(told['traces'], 'build')}"),
    ]
    if asked:
        words = f"{joined:,} of the log's {count(asked, 'request')} are in it"
        statements.append(Statement("Log and trace", words, joined == asked))
    if told.get("contradictions"):
        statements.append(Statement("Disagreement", count(told["contradictions"], "contradiction"), False))
    return statements


def _redactions(told: Any, redacted: bool | None) -> Statement:
    number = int(told.get("redactions") or 0) + int((told.get("traces") or {}).get("redactions") or 0)
    if redacted is False:
        return Statement("Secrets", "left as they are (--no-redact): keep this page to yourself", False)
    kinds = ", ".join(f"{amount:,} {kind}" for kind, amount in (told.get("redactions_by_kind") or {}).items())
    words = f"{count(number, 'value')} replaced by marks" + (f": {kinds}" if kinds else "")
    return Statement("Secrets", words if number else "none was found")


def _gap(gap: Any) -> tuple[str, int | None]:
    return (str(gap["reason"]), gap.get("line")) if isinstance(gap, dict) else (str(gap), None)
