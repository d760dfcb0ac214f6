"""What a rule is: the parts of its file, as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAMILIES = ("mirrors", "certificates", "network", "configuration")
"""The families of the built-in rules; a rule from elsewhere may name its own."""

VERDICTS = ("pass", "fail", "unknown", "skipped")
"""What a rule can come to; a waiver adds `waived` later."""

SEVERITIES = ("error", "warning", "info")
EVIDENCE = ("proof", "inference", "none")
"""Strongest first."""

NEEDS = ("debug", "complete", "startup", "trace_ids")
"""Columns of the table `coverage` on which a rule may hang."""


@dataclass(frozen=True)
class Example:
    """A log, or tables, that a rule must judge in a known way.

    Attributes:
        verdict: What the rule must say about it.
        sample: Name of a folder of the sample logs; null when `log` is given, or tables alone.
        log: The log itself.
        config: The intended configuration, as buildkitd.toml; null takes the sample's own.
        effective: The configuration that the daemon was given, where the example knows it.
        evidence: What the verdict must rest on, where the example says it.
        tables: Rows of tables: of those that no log holds, such as `certificate_files`, or instead of a log.
        findings: Its findings one by one, each as the columns of the table `findings` that are to be as they
            are here; null where the example does not say them.
        line: Line of the file where it starts.
        path: The file; null for that of the rule.
    """

    verdict: str
    sample: str | None = None
    log: str | None = None
    config: str | None = None
    effective: str | None = None
    evidence: str | None = None
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    findings: tuple[Mapping[str, Any], ...] | None = None
    line: int = 1
    path: Path | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: SQL over the tables, and the words for people.

    Attributes:
        id: Name of the rule, and of its file.
        title: What holds where the rule passes, in one sentence.
        family: Name of the folder that it stands in.
        severity: How much a failure weighs: error, warning or info.
        why: What goes wrong where the rule fails.
        fix: What to do about a failure.
        references: Addresses to read on.
        subjects: SQL of what should be judged; its column `subject` names each.
        rows: SQL of the rows judged, each under its `subject`.
        expect: SQL expression over a row: true passes, false fails, NULL is unknown.
        empty: Verdict of a subject without rows: skipped or unknown.
        needs: Coverage without which a pass is only unknown.
        message: Template over the columns of the row that decides.
        no_subjects: What to say where there is nothing to judge at all.
        no_rows: What to say of a subject without rows.
        evidence: What rows without a column `evidence` rest on.
        examples: Logs that it must judge in a known way.
        path: The rule file; null for a rule made in a program.
        places: Place of each key in that file, as `file:line:column`; `check.rows` is a key of a table.
    """

    id: str
    title: str
    family: str
    severity: str
    subjects: str
    rows: str
    expect: str
    message: str
    why: str = ""
    fix: str = ""
    references: tuple[str, ...] = ()
    empty: str = "skipped"
    needs: tuple[str, ...] = ()
    no_subjects: str = ""
    no_rows: str = ""
    evidence: str = "proof"
    examples: tuple[Example, ...] = ()
    path: Path | None = None
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def where(self, key: str | None = None) -> str:
        """The place of a key of this rule, else its file, else its name."""
        if key and key in self.places:
            return self.places[key]
        return f"rule {self.id}" if self.path is None else str(self.path)


def native_rule(rule_id: str, title: str, *, family: str, severity: str = "error", fix: str = "") -> Rule:
    """A rule of no file: what it judges stands in no table, and the program judges it itself."""
    return Rule(
        id=rule_id,
        title=title,
        family=family,
        severity=severity,
        fix=fix,
        subjects="",
        rows="",
        expect="",
        message="",
    )
