"""The report as one HTML page: no script, nothing loaded from anywhere, so that it can be kept and mailed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_html
from analyzer.reports.model import VERDICTS, count, exit_meaning, format_lines, one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult
    from analyzer.reports.model import ReportLike, SourceLike

_ANSWERS = (("startup", "start-up"), ("debug", "debug"), ("trace_ids", "trace IDs"), ("complete", "complete"))

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>BuildKit check</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #8884; padding: .3rem .6rem; text-align: left; vertical-align: top; }
code { overflow-wrap: anywhere; }
.fail { color: #b3261e; font-weight: bold; } .unknown { color: #9a6700; font-weight: bold; }
.pass { color: #1a7f37; } .skipped, .waived { color: #777; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } .fail { color: #ff8a80; }
.unknown { color: #ffd54f; } .pass { color: #7ee787; } }
</style>
</head>
<body>
"""


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the sum, what the logs can be asked, and a table of rules with their findings."""
    numbers = ", ".join(f"{report.summary[v]} {v}" for v in VERDICTS if report.summary.get(v))
    stream.write(_HEAD)
    stream.write(f"<h1>BuildKit check: {numbers or 'no rule was run'}</h1>\n")
    stream.write(f"<p>Exit {report.exit_code}: {escape_html(exit_meaning(report))}.</p>\n<ul>\n")
    for source in report.sources:
        stream.write(f"<li>{_describe_source(source)}</li>\n")
    stream.write("</ul>\n<table>\n<tr><th>verdict</th><th>rule</th><th>findings</th></tr>\n")
    for verdict in VERDICTS:
        for result in report.results:
            if result.verdict == verdict:
                stream.write(_describe_result(result))
    stream.write("</table>\n</body>\n</html>\n")


def _describe_source(source: SourceLike) -> str:
    answers = ", ".join(f"{name}: {'yes' if source.coverage.get(key) else 'no'}" for key, name in _ANSWERS)
    version = escape_html(source.buildkit_version or "version unknown")
    return (
        f"<code>{escape_html(source.name)}</code>: {count(source.records, 'record')}, "
        f"{count(source.lines, 'line')}, BuildKit {version}; {answers}"
        + "".join(
            f"<br>not read: {escape_html(one_line(text))}" for text in source.coverage.get("not_read") or ()
        )
    )


def _describe_result(result: RuleResult) -> str:
    rule = result.rule
    findings = "".join(f"<p>{part}</p>" for finding in result.findings for part in _describe_finding(finding))
    return (
        f'<tr><td class="{escape_html(result.verdict)}">{escape_html(result.verdict)}</td>'
        f"<td><code>{escape_html(rule.id)}</code><br>{escape_html(one_line(rule.title))}"
        f" ({escape_html(rule.severity)})</td><td>{findings}</td></tr>\n"
    )


def _describe_finding(finding: Finding) -> Iterator[str]:
    verdict = escape_html(finding.verdict)
    subject = f"<b>{escape_html(one_line(finding.subject))}</b>: " if finding.subject else ""
    sure = f" ({escape_html(finding.evidence)})" if finding.verdict in ("pass", "fail") else ""
    yield f'<span class="{verdict}">{verdict}</span> {subject}{escape_html(one_line(finding.message))}{sure}'
    if finding.lines and finding.verdict in ("fail", "unknown"):
        name = f"{finding.source}:" if finding.source else ""
        yield f"lines <code>{escape_html(name + format_lines(finding.lines))}</code>"
    if finding.fix and finding.verdict == "fail":
        yield f"fix: {escape_html(one_line(finding.fix))}"
