"""GitLab's code quality report, held against what GitLab documents of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.reports.rendering import render

TEXT = {"type": "string", "minLength": 1}
SCHEMA = {
    # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": TEXT,
            "check_name": TEXT,
            "fingerprint": TEXT,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {**TEXT, "not": {"pattern": r"^(/|\./)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def issues_of(report: Any) -> list[dict[str, Any]]:
    issues: list[dict[str, Any]] = json.loads(render(report, "gitlab"))
    Draft202012Validator(SCHEMA).validate(issues)
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(prints)
    return issues


def test_issues_weigh_what_the_findings_do_and_the_worst_come_first(report: Any) -> None:
    told = [(issue["check_name"], issue["severity"]) for issue in issues_of(report)]
    assert told == [
        ("mirror-served", "critical"),
        ("mirror-served", "minor"),
        ("tls-trusted", "minor"),
        ("mirror-healthy", "minor"),
    ]


def test_what_is_unknown_says_so(report: Any) -> None:
    assert [issue["description"].startswith("unknown: ") for issue in issues_of(report)] == [
        False,
        True,
        True,
        False,
    ]


def test_hostile_words_stay_words(hostile: Any) -> None:
    assert len(issues_of(hostile)) == 2


@pytest.mark.parametrize(
    ("file", "path"), [("./buildkitd.toml", "buildkitd.toml"), ("/etc/b.toml", "etc/b.toml")]
)
def test_paths_are_relative(
    file: str, path: str, rule_maker: Any, result_maker: Any, report_maker: Any
) -> None:
    finding = {"verdict": "fail", "config_file": file, "config_line": 7}
    [issue] = issues_of(report_maker([result_maker(rule_maker("r"), finding)]))
    assert issue["location"] == {"path": path, "lines": {"begin": 7}}
