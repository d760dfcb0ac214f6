"""What is said about a configuration: the findings of `lint`, and the hosts that `explain` predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json
from analyzer.reports.model import SEVERITIES, count
from analyzer.reports.terminal import Page, make_console, shown

if TYPE_CHECKING:
    from analyzer.intent import Explanation, LintFinding, Place

LINT_FORMAT = "buildkit-analyzer/lint/1"
EXPLAIN_FORMAT = "buildkit-analyzer/explain/1"

LintWriter = Callable[[Sequence["LintFinding"], TextIO], None]

_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "cyan"}


def find_lint_writer(name: str) -> LintWriter:
    """The writer of a format of lint findings.

    Raises:
        UsageError: There is no such format.
    """
    writers: dict[str, LintWriter] = {"terminal": _write_lint_text, "json": _write_lint_json}
    if name not in writers:
        raise unknown_name("format", name, tuple(writers))
    return writers[name]


def _write_lint_json(findings: Sequence[LintFinding], stream: TextIO) -> None:
    rows = [
        {
            "kind": finding.kind,
            "severity": finding.severity,
            "message": finding.message,
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "fix": finding.fix,
            "suggestion": finding.suggestion,
        }
        for finding in findings
    ]
    stream.write(dump_json({"format": LINT_FORMAT, "findings": rows}, indent=2) + "\n")


def _write_lint_text(findings: Sequence[LintFinding], stream: TextIO) -> None:
    page = Page(make_console(stream))
    for finding in findings:
        place = ":".join(
            str(part) for part in (finding.file, finding.line, finding.column) if part is not None
        )
        body = Text.assemble(
            shown(place, "bold"), ": ", shown(finding.message), "  ", shown(f"[{finding.kind}]", "dim")
        )
        page.paragraph(finding.severity.upper(), body, style=_STYLES.get(finding.severity, ""))
        if finding.fix:
            page.paragraph("  fix", shown(finding.fix), style="bold")
    if not findings:
        page.paragraph("", Text("nothing to complain about"), indent=0)
        return
    numbers = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    page.gap()
    parts = [
        f"{numbers[severity]} info" if severity == "info" else count(numbers[severity], severity)
        for severity in SEVERITIES
        if numbers[severity]
    ]
    page.paragraph("", Text(", ".join(parts) + "."), indent=0)


ExplainWriter = Callable[[str, Sequence["Explanation"], TextIO], None]

_SECURITY = {
    "tls": "TLS",
    "tls-unverified": "TLS, certificate not verified",
    "plain": "plain HTTP",
    "tls-unverified-then-plain": "TLS without verification, then plain HTTP",
}


def find_explain_writer(name: str) -> ExplainWriter:
    """The writer of a format of explanations; it takes the reference, the hosts in order, and the stream.

    Raises:
        UsageError: There is no such format.
    """
    writers: dict[str, ExplainWriter] = {"terminal": _write_explain_text, "json": _write_explain_json}
    if name not in writers:
        raise unknown_name("format", name, tuple(writers))
    return writers[name]


def _write_explain_json(reference: str, hosts: Sequence[Explanation], stream: TextIO) -> None:
    rows = [
        {
            "position": entry.host.position,
            "host": entry.host.name,
            "role": entry.host.role,
            "security": entry.security,
            "manifest_url": entry.manifest_url,
            "blob_url": entry.blob_url,
            "namespace": entry.namespace,
            "trust": list(entry.trust),
            "keypairs": [{"key": pair.key, "cert": pair.cert} for pair in entry.keypairs],
            "pull": entry.host.pull,
            "push": entry.host.push,
            "listed_at": _place(entry.listed_at),
            "settings_at": _place(entry.settings_at),
            "notes": list(entry.notes),
        }
        for entry in hosts
    ]
    stream.write(
        dump_json({"format": EXPLAIN_FORMAT, "reference": reference, "hosts": rows}, indent=2) + "\n"
    )


def _write_explain_text(reference: str, hosts: Sequence[Explanation], stream: TextIO) -> None:
    page = Page(make_console(stream))
    page.paragraph("", Text.assemble(shown(reference, "bold"), " is asked for in this order:"), indent=0)
    for number, entry in enumerate(hosts, start=1):
        page.gap()
        host = entry.host
        uses = " and ".join(use for use, takes in (("pull", host.pull), ("push", host.push)) if takes)
        head = Text.assemble(shown(host.name, "bold"), f"  {host.role}, {_SECURITY[entry.security]}")
        if uses:
            head.append_text(Text(f", {uses}"))
        page.paragraph(f"{number}.", head, indent=4)
        page.paragraph("    manifest", shown(entry.manifest_url), style="dim", indent=14, wrap=False)
        page.paragraph("    blob", shown(entry.blob_url), style="dim", indent=14, wrap=False)
        for path in entry.trust:
            page.paragraph("    trusts", shown(path), style="dim", indent=14)
        for pair in entry.keypairs:
            words = f"{pair.cert or '(no certificate)'} with key {pair.key or '(no key)'}"
            page.paragraph("    presents", shown(words), style="dim", indent=14)
        for label, place in (("listed", entry.listed_at), ("settings", entry.settings_at)):
            page.paragraph(f"    {label}", shown(_place(place) or "by default"), style="dim", indent=14)
        for note in entry.notes:
            page.paragraph("    note", shown(note), style="yellow", indent=14)


def _place(place: Place | None) -> str | None:
    return str(place) if place is not None else None
