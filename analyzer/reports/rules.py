"""Rules as people and programs see them: the list, one rule, and how its examples went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.text import Text

from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json, escape_terminal
from analyzer.reports.model import count, one_line
from analyzer.reports.terminal import Page, make_console, shown

if TYPE_CHECKING:
    from analyzer.checks import ExampleResult, Rule

FORMATS = ("terminal", "json")


def find_list_writer(name: str) -> Callable[[Sequence[Rule], TextIO], None]:
    """The writer of a list of rules.

    Raises:
        UsageError: There is no such format.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return _list_json if name == "json" else _list_text


def find_rule_writer(name: str) -> Callable[[Rule, TextIO], None]:
    """The writer of one rule.

    Raises:
        UsageError: There is no such format.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return _show_json if name == "json" else _show_text


def write_examples(outcomes: Sequence[tuple[Rule, Sequence[ExampleResult]]], stream: TextIO) -> bool:
    """Write how the examples went.

    Returns:
        Whether every example was judged as it says, and no verdict lacks its example.
    """
    from analyzer.checks import missing_examples

    page = Page(make_console(stream))
    ran = wrong = 0
    for rule, results in outcomes:
        bad = [result for result in results if not result.ok]
        missing = missing_examples(rule)
        ran += len(results)
        wrong += len(bad) + len(missing)
        page.paragraph(
            "FAIL" if bad or missing else "PASS",
            Text.assemble(shown(rule.id, "bold"), f"  {count(len(results), 'example')}"),
            style="bold red" if bad or missing else "green",
        )
        for result in bad:
            page.paragraph("", shown(_complaint(result)))
        if missing:
            page.paragraph("", Text(f"no example of: {', '.join(missing)}"))
    page.gap()
    page.paragraph("", Text(f"{count(ran, 'example')}, {wrong} wrong or missing."), indent=0)
    return not wrong


def _complaint(result: ExampleResult) -> str:
    from analyzer.checks.examples import place_of

    example, rule = result.example, result.rule
    place = place_of(rule, example)
    if result.other and result.verdict == example.verdict:
        return f"{place}: {one_line(result.other)}"
    due = example.verdict + (f" by {example.evidence}" if example.evidence else "")
    return f"{place}: should be {due}, is {result.verdict} by {result.evidence}: {one_line(result.message)}"


def _list_text(rules: Sequence[Rule], stream: TextIO) -> None:
    page = Page(make_console(stream))
    wide = max((len(rule.id) for rule in rules), default=0) + 2
    family = None
    for rule in rules:
        if rule.family != family:
            page.gap()
            page.paragraph("", shown(rule.family, "bold"), indent=0)
            family = rule.family
        page.paragraph(
            "  " + escape_terminal(rule.id), shown(f"{rule.title} [{rule.severity}]"), indent=wide + 2
        )


def _list_json(rules: Sequence[Rule], stream: TextIO) -> None:
    rows = [
        {"id": rule.id, "family": rule.family, "severity": rule.severity, "title": rule.title}
        for rule in rules
    ]
    stream.write(dump_json(rows, indent=2) + "\n")


def _show_text(rule: Rule, stream: TextIO) -> None:
    page = Page(make_console(stream))
    page.paragraph("", Text.assemble(shown(rule.id, "bold"), f"  {rule.title} [{rule.severity}]"), indent=0)
    for label, text in (("why", rule.why), ("fix", rule.fix)):
        if text:
            page.paragraph(label, shown(" ".join(text.split())), style="bold")
    page.paragraph("needs", shown(", ".join(rule.needs) or "nothing"), style="bold")
    page.paragraph("empty", shown(rule.empty), style="bold")
    for label, sql in (("subjects", rule.subjects), ("rows", rule.rows), ("expect", rule.expect)):
        page.gap()
        page.paragraph("", Text(label, "bold"), indent=0)
        for line in sql.strip().splitlines():
            # as it was written: wrapped SQL is hard to read and to copy
            stream.write(f"  {escape_terminal(line.rstrip())}\n")
    for number, reference in enumerate(rule.references):
        if number == 0:
            page.gap()
        page.paragraph("see" if number == 0 else "", shown(reference), style="bold", wrap=False)


def _show_json(rule: Rule, stream: TextIO) -> None:
    row: dict[str, Any] = {
        "id": rule.id,
        "family": rule.family,
        "title": rule.title,
        "severity": rule.severity,
        "why": rule.why,
        "fix": rule.fix,
        "references": list(rule.references),
        "check": {
            "subjects": rule.subjects,
            "rows": rule.rows,
            "expect": rule.expect,
            "empty": rule.empty,
            "needs": list(rule.needs),
            "message": rule.message,
        },
        "examples": len(rule.examples),
    }
    stream.write(dump_json(row, indent=2) + "\n")
