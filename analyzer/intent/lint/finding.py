"""The shape of what the lint says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.intent.places import Place

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class LintFinding:
    """Something wrong or doubtful in a configuration.

    Attributes:
        kind: What kind of thing, in kebab case: ``unknown-key``.
        severity: ``error``: it does not do what it says, or keeps the daemon from starting; ``warning``: so
            in some cases; ``info``: good to know.
        message: What is the matter, one sentence without a full stop.
        file: The file, or the flag.
        line: Line, from 1; None for a flag.
        column: Column, from 1; None for a flag.
        fix: What to do.
        suggestion: Text to write instead of what stands there; None where there is no one answer.
    """

    kind: str
    severity: Severity
    message: str
    file: str
    line: int | None
    column: int | None
    fix: str
    suggestion: str | None = None

    @property
    def where(self) -> str:
        """``file:line:column``, or the flag."""
        return self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"

    @property
    def order(self) -> tuple[bool, str, int, int, str, str]:
        """Sorts by line; flags come last."""
        return self.line is None, self.file, self.line or 0, self.column or 0, self.kind, self.message


def finding_at(
    place: Place | None,
    kind: str,
    severity: Severity,
    message: str,
    *,
    fix: str,
    suggestion: str | None = None,
    name: str = "",
) -> LintFinding:
    """A finding at a place; without one, at the top of the file ``name``."""
    place = place or Place(name, 1, 1)
    return LintFinding(kind, severity, message, place.file, place.line, place.column, fix, suggestion)
