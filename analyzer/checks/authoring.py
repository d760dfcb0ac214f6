"""Authoring: the JSON Schema of rule files for editors, and the text that a new rule starts from."""

from __future__ import annotations

import re
from typing import Any

from analyzer.checks.loading import FINDING_KEYS, KEBAB, suggest
from analyzer.checks.rule import EVIDENCE, FAMILIES, NEEDS, SEVERITIES, VERDICTS, Rule
from analyzer.errors import UsageError


def rule_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a rule file."""
    check = {
        "type": "object",
        "additionalProperties": False,
        "required": ["subjects", "rows", "expect", "message"],
        "properties": {
            "subjects": _text(
                "SQL of what is judged: one finding for each value of its column `subject`. Its columns config_file "
                "and config_line, where it has them, name the line of the configuration that the subject is about."
            ),
            "rows": _text(
                "SQL of the rows judged, each under its column `subject`. Columns evidence, evidence_why and records "
                "(or record) give the finding its evidence and lines, config_file and config_line the line of the "
                "configuration that is to blame."
            ),
            "expect": _text("SQL over a row: true passes, false fails, NULL is unknown."),
            "empty": _choice(("skipped", "unknown"), "Verdict of a subject without rows."),
            "needs": {
                "type": "array",
                "items": {"enum": list(NEEDS)},
                "description": "Coverage without which a pass is only unknown.",
            },
            "message": _text(
                "Template over the columns of the row that decides: `{host} answered {status}`."
            ),
            "no_subjects": _text("What to say where there is nothing to judge at all."),
            "no_rows": _text("What to say of a subject without rows."),
            "evidence": _choice(EVIDENCE, "What rows without a column `evidence` rest on."),
        },
    }
    example = {
        "type": "object",
        "additionalProperties": False,
        "required": ["verdict"],
        "oneOf": [
            {"required": ["sample"]},
            {"required": ["log"]},
            {"required": ["tables"], "not": {"anyOf": [{"required": ["sample"]}, {"required": ["log"]}]}},
        ],
        "properties": {
            "verdict": _choice(VERDICTS, "What the rule must say about the log."),
            "sample": _text("Name of a folder of the sample logs."),
            "log": _text("The log itself."),
            "config": _text("The intended configuration, as buildkitd.toml."),
            "effective": _text("The configuration that the daemon was given."),
            "evidence": _choice(EVIDENCE, "What the verdict must rest on."),
            "tables": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "object"}},
                "description": "Rows of tables: of those that no log holds, such as certificate_files, or of all "
                "that the rule asks.",
            },
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {key: {} for key in FINDING_KEYS},
                },
                "description": "The findings one by one, each as the columns of the table `findings` that must be so.",
            },
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of buildkit-analyzer",
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "title", "check"],
        "properties": {
            "id": {**_text("Name of the rule, and of its file."), "pattern": f"^{KEBAB.pattern}$"},
            "title": _text("What holds where the rule passes, in one sentence."),
            "family": {
                **_text("Group of rules; the folder's name by default."),
                "pattern": f"^{KEBAB.pattern}$",
            },
            "severity": {**_choice(SEVERITIES, "How much a failure weighs."), "default": "error"},
            "why": _text("What goes wrong where the rule fails."),
            "fix": _text("What to do about a failure."),
            "references": {"type": "array", "items": {"type": "string"}, "description": "Where to read on."},
            "check": check,
            "example": {"type": "array", "items": example},
        },
    }


def new_rule(rule_id: str, family: str = "custom", *, start: Rule | None = None) -> str:
    """The text of a rule file to start from, whose examples pass.

    Args:
        rule_id: Its id.
        family: Its family.
        start: A rule of a file to copy, instead of the smallest one.

    Raises:
        UsageError: Id or family is not in kebab-case.
    """
    for what, name in (("id", rule_id), ("family", family)):
        if not KEBAB.fullmatch(name):
            meant = suggest(name, FAMILIES) if what == "family" else None
            raise UsageError(
                f"{what} {name!r} is not in kebab-case",
                hint=f"did you mean {meant}?" if meant else "small letters, digits and hyphens",
            )
    if start is not None and start.path is not None:
        text = start.path.read_text(encoding="utf-8")
        renamed = re.sub(
            rf'^id = "{re.escape(start.id)}"', f'id = "{rule_id}"', text, count=1, flags=re.MULTILINE
        )
        told = re.search(r"^family = ", renamed, re.MULTILINE)
        return renamed if told else renamed.replace("\n", f'\nfamily = "{family}"\n', 1)
    return _TEMPLATE.replace("@id@", rule_id).replace("@family@", family)


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _choice(choices: tuple[str, ...], description: str) -> dict[str, Any]:
    return {"enum": list(choices), "description": description}


_TEMPLATE = '''\
# docs/tables.md names the tables and columns; `buildkit-analyzer rules test @id@.toml` runs the examples below
id = "@id@"                            # = the file's name
family = "@family@"
title = "Registries refuse no request"
severity = "error"                     # or warning, info
why = "What goes wrong where it does not hold."
fix = "What to do about it."
references = []

[check]
# What should be judged: one finding a subject. No subject at all: the rule is skipped.
subjects = "SELECT 'requests' AS subject"
# The rows judged, each under its subject. A subject without rows gets the verdict `empty`.
# Columns evidence, evidence_why and records (or record) give the finding its evidence and lines; config_file and
# config_line, here or in subjects, the line of the configuration that is to blame.
rows = """
SELECT 'requests' AS subject, host, status_code, record, host_evidence AS evidence, host_why AS evidence_why
FROM requests WHERE host IS NOT NULL"""
# Per row: true passes, false fails, NULL is unknown. After a 401 a token is fetched: that is no refusal.
expect = "status_code < 400 OR status_code = 401"
empty = "unknown"                      # or "skipped"
needs = ["debug"]                      # coverage without which a pass is only unknown
message = "{host} answered {status_code}"

# At least one that passes, one that fails and one that is unknown: `rules test` runs them.
# `sample` is a shipped log (the folders of sample_logs); or log = \"\"\"...\"\"\" and config = \"\"\"...\"\"\".
[[example]]
verdict = "pass"
sample = "mirror-used"

[[example]]
verdict = "fail"
sample = "mirror-fallback"

[[example]]
verdict = "unknown"
sample = "debug-off"
'''
