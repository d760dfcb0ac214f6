"""The report for code scanning: SARIF 2.1.0.

What failed is a result of kind ``fail``, what is unknown one of kind ``open`` and level ``none``; a waived finding is a
suppressed one. Passes are no results: viewers list every result as something to mend. A result points to the line of
the configuration that is to blame, and to the lines of the log as related locations. Its fingerprint is made of rule
and subject, so that a finding stays the same one while log and configuration change around it; GitHub knows
fingerprints by the name ``primaryLocationLineHash`` alone.

There is no ``automationDetails``: GitHub's upload action fills in its ``category`` only where there is none
(github/codeql-action, populateRunAutomationDetails), and who checks two builders must be able to tell them apart.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING, Any, TextIO

from analyzer.reports.escaping import dump_json, escape_markdown, escape_sarif
from analyzer.reports.markdown import link
from analyzer.reports.model import count, exit_meaning, identify, one_line, statement
from analyzer.reports.places import Place, blamed, is_address, shown_by, uri

if TYPE_CHECKING:
    from analyzer.checks import Finding, Rule
    from analyzer.reports.model import ReportLike

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_TOLD = ("fail", "unknown", "waived")
_MOST_LINES = 10
"""Lines of the log that a result points to; viewers show them one below the other."""


def write(report: ReportLike, stream: TextIO) -> None:
    """Write one run with a rule a rule and a result a finding that failed, is unknown or is waived."""
    told = [
        (finding, index)
        for index, result in enumerate(report.results)
        for finding in result.findings
        if finding.verdict in _TOLD
    ]
    names = identify([finding for finding, _ in told], report)
    run = {
        "tool": {"driver": _describe_tool([result.rule for result in report.results])},
        "invocations": [
            {
                "executionSuccessful": report.exit_code != 2,
                "exitCode": report.exit_code,
                "exitCodeDescription": exit_meaning(report),
            }
        ],
        "originalUriBaseIds": {
            _ROOT: {
                "description": {"text": "The folder of the repository, else the one that the check ran in."}
            }
        },
        "columnKind": "unicodeCodePoints",
        **({} if report.redacted else {"properties": {"redacted": False}}),
        "results": [
            _describe_finding(finding, index, name, report)
            for (finding, index), name in zip(told, names, strict=True)
        ],
    }
    stream.write(dump_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n")


def _describe_tool(rules: list[Rule]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": "buildkit-analyzer"}
    try:
        known = metadata("buildkit-analyzer")
    except PackageNotFoundError:
        pass
    else:
        described |= {"version": known["Version"], "semanticVersion": known["Version"]}
        addresses = [entry.split(",", 1)[1].strip() for entry in known.get_all("Project-URL") or ()]
        if addresses:
            described["informationUri"] = addresses[0]
    return {**described, "rules": [_describe_rule(rule) for rule in rules]}


def _describe_rule(rule: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": _sentence(rule.title)},
        "fullDescription": {"text": _sentence(rule.why or rule.title)},
        "help": {"text": _sentence(rule.fix or rule.why or rule.title), "markdown": _help(rule)},
        "defaultConfiguration": {"level": _LEVELS.get(rule.severity, "warning")},
        "properties": {"tags": [rule.family]},
    }
    name = "".join(part.capitalize() for part in rule.id.split("-"))
    if name.lower() != rule.id:
        # a name that only repeats the id is no name (SARIF 2.1.0, 3.49.7)
        described["name"] = name
    if addresses := [reference for reference in rule.references if is_address(reference)]:
        described["helpUri"] = addresses[0]
    return described


def _help(rule: Rule) -> str:
    parts = [("Holds where it passes", rule.title), ("Why", rule.why), ("Fix", rule.fix)]
    told = [f"**{head}:** {escape_markdown(one_line(text), prose=True)}" for head, text in parts if text]
    told += [f"- {link(reference)}" for reference in rule.references]
    return "\n\n".join(told)


def _describe_finding(finding: Finding, index: int, name: str, report: ReportLike) -> dict[str, Any]:
    unknown = finding.verdict == "unknown"
    described: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "open" if unknown else "fail",
        "level": "none" if unknown else _LEVELS.get(finding.severity, "warning"),
        "message": {"text": _sentence(statement(finding))},
        "locations": [{"physicalLocation": _locate(blamed(finding, report))}],
        "partialFingerprints": {"ruleAndSubject/v1": name, "primaryLocationLineHash": name},
        "properties": {"evidence": finding.evidence, "lines": list(finding.lines)},
    }
    places = shown_by(finding, report)
    related = [_relate(place, number) for number, place in enumerate(places[:_MOST_LINES], 1)]
    if len(places) > _MOST_LINES:
        rest = len(places) - _MOST_LINES
        related[-1]["message"]["text"] += f" {count(rest, 'line')} more: properties.lines has them all."
    if related:
        described["relatedLocations"] = related
    if finding.verdict == "waived":
        justification = {"justification": escape_sarif(finding.waiver)} if finding.waiver else {}
        described["suppressions"] = [{"kind": "external", "status": "accepted", **justification}]
    return described


def _relate(place: Place, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "physicalLocation": _locate(place),
        "message": {"text": f"Line {place.line} shows it."},
    }


def _locate(place: Place) -> dict[str, Any]:
    address, relative = uri(place.file)
    file = {"uri": address, "uriBaseId": _ROOT} if relative else {"uri": address}
    return {"artifactLocation": file, "region": {"startLine": place.line}}


def _sentence(text: str) -> str:
    words = escape_sarif(one_line(text))
    return words if words.endswith((".", "!", "?")) else f"{words}."
