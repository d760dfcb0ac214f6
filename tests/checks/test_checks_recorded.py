"""Coverage that an exported trace makes up for: of requests and failures, never of what only a log tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analyzer.checks import Rule, RuleResult, evaluate
from analyzer.checks.facts import known_specs

RULE = Rule(
    id="a-rule",
    title="t",
    family="custom",
    severity="error",
    subjects="SELECT 'a' AS subject",
    rows="SELECT 'a' AS subject, true AS ok, 'proof' AS evidence, min(record, 9) AS records FROM requests",
    expect="ok",
    message="seen",
    fix="mend",
    needs=("debug", "complete", "trace_ids"),
)
NOTHING: dict[str, Any] = {"source": "a.log", "debug": False, "complete": False, "startup": False}


def judge(rule: Rule, *coverage: dict[str, Any]) -> RuleResult:
    specs = known_specs()
    tables = {
        "coverage": specs["coverage"].build([NOTHING | row for row in coverage]),
        "requests": specs["requests"].build([{"record": None, "host": "mirror.example.com"}]),
    }
    (result,) = evaluate(tables, [rule])
    return result


def test_a_whole_trace_makes_up_for_debug_lines() -> None:
    assert judge(RULE, {"daemon": 0}).verdict == "unknown"
    assert judge(RULE, {"daemon": 0, "recorded": False}).verdict == "unknown"
    result = judge(RULE, {"daemon": 0, "recorded": True})
    assert (result.verdict, result.evidence) == ("pass", "proof")
    assert result.findings[0].records == ()


def test_every_start_of_the_daemon_must_be_recorded() -> None:
    assert judge(RULE, {"daemon": 0, "recorded": True}, {"daemon": 1, "recorded": False}).verdict == "unknown"


@pytest.mark.parametrize("table", ["networks", "workers", "daemons", "spans", "traces", "records"])
def test_what_only_a_log_tells_needs_the_log(table: str) -> None:
    rule = replace(
        RULE, subjects=f"SELECT 'a' AS subject WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE false)"
    )
    assert judge(rule, {"daemon": 0, "recorded": True}).verdict == "unknown"


def test_the_start_up_lines_are_in_no_trace() -> None:
    assert judge(replace(RULE, needs=("startup",)), {"daemon": 0, "recorded": True}).verdict == "unknown"


def test_without_a_log_the_trace_is_blamed() -> None:
    gap = {"reason": "a span's parent is missing"}
    result = judge(RULE, {"recorded": False, "gaps": [gap]})
    assert result.verdict == "unknown"
    assert "the trace alone does not tell it whole (a span's parent is missing)" in result.findings[0].message
    asked = judge(replace(RULE, needs=("startup",)), {"recorded": True})
    assert "there is no log, and no trace tells it" in asked.findings[0].message
