"""The JSON Schemas of what the program reads and writes.

``buildkit-analyzer schema check`` prints that of the report. The schema is open: a report of a later version may say
more, and what is there keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from analyzer.reports.json import FORMAT
from analyzer.reports.model import SEVERITIES

Schema = dict[str, Any]

_VERDICTS: Final = ("pass", "fail", "unknown", "skipped", "waived")
_EVIDENCE: Final = ("proof", "inference", "none")
_SPANS: Final = {
    "spans": "Spans in the traces.",
    "traces": "Builds that they are of.",
    "traces_in_log": "Builds among them that the log holds too.",
    "whole": "Builds whose trace lacks nothing.",
    "missing": "Requests of the log that such a trace should hold, and does not.",
    "doubtful": "Requests whose span cannot be told for sure.",
    "requests": "Requests in the log.",
    "requests_with_span": "Requests of the log that a span tells too.",
    "request_spans": "Requests in the traces.",
    "spans_with_request": "Requests of the traces that the log holds too.",
    "contradictions": "Requests of which log and trace tell different things.",
    "redactions": "Secrets that were replaced.",
}


def check_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of the report that ``check --format json`` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The report of a check by buildkit-analyzer",
        **_object(
            "",
            {
                "format": {"const": FORMAT, "description": "The format and its version."},
                "sources": _list(_source(), "The logs that were read, in their order."),
                "project": _nullable(_text("The project file whose terms hold.")),
                "redacted": {"type": "boolean", "description": "Secrets were replaced by marks."},
                "summary": _summary(),
                "rules": _list(_rule(), "What each rule came to, in the order of the rules."),
                "findings": _list(
                    _finding(), "What the rules say, a subject each, in the order of the rules."
                ),
            },
        ),
    }


def _source() -> Schema:
    return _object(
        "A log.",
        {
            "name": _text("Its name, as it was given."),
            "records": _number("Records in it."),
            "lines": _number("Physical lines in it."),
            "buildkit_version": _nullable(
                _text("The version of BuildKit that wrote it; null where not known.")
            ),
            "coverage": _coverage(),
        },
    )


def _coverage() -> Schema:
    gap = _object(
        "A place where something is missing.",
        {
            "reason": _text("What is missing."),
            "record": _nullable(_number("The record next to it.")),
            "line": _nullable(_number("The line next to it.")),
        },
    )
    traces = _object(
        "How much the log and the exported traces beside it say of each other.",
        {
            "files": _list(_text("A file."), "The files of the traces."),
            **{name: _number(meaning) for name, meaning in _SPANS.items()},
            "damaged": _list(_text("A damage."), "What of the traces could not be read."),
        },
    )
    needed = {
        "startup": _flag("The start of every daemon was seen."),
        "debug": _flag("There are debug lines."),
        "trace_ids": _flag("Records carry trace IDs."),
        "complete": _flag("Nothing is missing."),
        "lines_not_understood": _nullable(_number("Lines that no reader of records understood.")),
    }
    more = {
        "excerpt": _flag("It is a piece of a log."),
        "redactions": _number("Secrets that were replaced."),
        "redactions_by_kind": {
            "type": "object",
            "additionalProperties": _number("How many."),
            "description": "The same by kind, of the log alone.",
        },
        "gaps": _list(gap, "Where something is missing."),
        "not_read": _list(_text("A thing."), "What stands around the log and could not be looked at."),
        "traces": traces,
    }
    return {
        **_object("What the log can be asked; null of one that could not be read.", {**needed, **more}),
        "required": list(needed),
    }


def _summary() -> Schema:
    rules = {verdict: _number(f"Rules whose verdict is {verdict}.") for verdict in _VERDICTS}
    code = {"enum": [0, 1, 2, 3], "description": "The exit code of the check."}
    return _object("Rules by verdict.", {**rules, "exit_code": code})


def _rule() -> Schema:
    return _object(
        "A rule.",
        {
            "id": _text("Its name."),
            **_judged(),
            "title": _text("What holds where it passes."),
            "reason": _text("Why it was skipped or is unknown; empty otherwise."),
        },
    )


def _finding() -> Schema:
    place = _object(
        "The line of the configuration that is to blame, or that the finding is about.",
        {"file": _text("The file."), "line": _nullable(_number("The line, from 1."))},
    )
    return _object(
        "What a rule says of a subject.",
        {
            "rule": _text("The rule's id."),
            **_judged(),
            "subject": _text("What was judged; empty where there was nothing to judge."),
            "message": _text("What happened."),
            "source": _nullable(_text("The log that shows it; a configuration file where no log does.")),
            "lines": _list(_number("A line."), "Lines of that source that show it, from 1."),
            "records": _list(_number("A record."), "Records that show it."),
            "fix": _text("What to do about it."),
            "references": _list(_text("An address."), "Where to read on."),
            "config": _nullable(place),
            "waiver": _text("Of a waived finding: why it does not count."),
        },
    )


def _judged() -> Schema:
    return {
        "family": _text("The rule's family."),
        "severity": {"enum": list(SEVERITIES), "description": "How much a failure weighs."},
        "verdict": {"enum": list(_VERDICTS), "description": "The verdict."},
        "evidence": {"enum": list(_EVIDENCE), "description": "What it rests on."},
    }


def _object(description: str, properties: Schema) -> Schema:
    told = {"description": description} if description else {}
    return {"type": "object", **told, "required": list(properties), "properties": properties}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _number(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _flag(description: str) -> Schema:
    return {"type": ["boolean", "null"], "description": description}


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _rule_schema() -> Schema:
    from analyzer.checks import rule_schema

    return rule_schema()


SCHEMAS: Final[dict[str, Callable[[], Schema]]] = {"check": check_schema, "rule": _rule_schema}
"""The schemas by name."""


def find_schema(name: str) -> Schema:
    """A schema by name.

    Raises:
        UsageError: There is none of that name.
    """
    from analyzer.reports import unknown_name

    if name not in SCHEMAS:
        raise unknown_name("schema", name, tuple(SCHEMAS))
    return SCHEMAS[name]()
