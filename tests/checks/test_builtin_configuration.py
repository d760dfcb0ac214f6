from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import RuleResult

Judge = Callable[..., RuleResult]
Make = Callable[..., Any]
HUB = {"registry": "docker.io", "mirrors": ["mirror.example.com"]}
KNOWN = [{"host": "registry-1.docker.io", "role": "upstream", "position": 0}]


@pytest.mark.parametrize(
    ("intended", "effective", "verdict"),
    [
        ({"registries": [HUB]}, {"registries": [HUB]}, "pass"),
        ({"registries": [HUB]}, {"registries": []}, "fail"),
        ({"registries": []}, {"registries": [HUB]}, "fail"),
        ({"registries": [HUB]}, {"registries": [{**HUB, "mirrors": ["other.example.com"]}]}, "fail"),
        ({"registries": [HUB]}, {"registries": [{**HUB, "http": True}]}, "fail"),
        ({"registries": [{**HUB, "http": False}]}, {"registries": [HUB]}, "pass"),
        ({"workers": [{"executor": "oci"}]}, {"workers": [{"executor": "oci"}]}, "pass"),
        ({"workers": [{"executor": "oci"}]}, {"workers": [{"executor": "oci", "network": "cni"}]}, "fail"),
        ({"workers": [{"executor": "oci"}]}, {"workers": [{"executor": "oci", "enabled": None}]}, "unknown"),
        ({"workers": [{"executor": "oci"}]}, {"workers": [{"executor": "oci", "enabled": False}]}, "fail"),
    ],
)
def test_configuration_loaded(judge: Judge, make: Make, intended: Any, effective: Any, verdict: str) -> None:
    tables = {f"intended_{name}": rows for name, rows in intended.items()}
    tables |= {f"effective_{name}": rows for name, rows in effective.items()}
    assert judge("configuration-loaded", make(effective_hosts=KNOWN, **tables)).verdict == verdict


def test_without_the_effective_configuration_nothing_is_compared(judge: Judge, make: Make) -> None:
    result = judge("configuration-loaded", make(intended_hosts=KNOWN, intended_registries=[HUB]))
    assert result.verdict == "skipped"
    assert "--effective" in result.reason


def test_lint_gives_a_finding_for_each_fault(judge: Judge, make: Make) -> None:
    faults = [
        {"severity": "error", "message": "mirror is no key", "fix": "Did you mean mirrors?", "line": 7},
        {"severity": "warning", "message": "ca is a key", "line": 4, "column": 3},
        {"severity": "info", "message": "debug is deprecated", "line": 1},
    ]
    result = judge("configuration-lint", make(intended_workers=[{"executor": "oci"}], intended_lint=faults))
    assert (result.verdict, result.rule.severity) == ("fail", "warning")
    told = [(f.subject, f.verdict, f.message, f.source, f.lines) for f in result.findings]
    assert told == [
        ("b.toml:4:3", "unknown", "ca is a key", "b.toml", (4,)),
        ("b.toml:7:1", "fail", "mirror is no key. Did you mean mirrors?", "b.toml", (7,)),
    ]


def test_a_clean_file_passes_and_notes_are_no_faults(judge: Judge, make: Make) -> None:
    tables = make(
        intended_workers=[{"executor": "oci"}], intended_lint=[{"severity": "info", "message": "m"}]
    )
    (finding,) = judge("configuration-lint", tables).findings
    assert (finding.subject, finding.verdict) == ("b.toml", "pass")
    assert judge("configuration-lint", make()).verdict == "skipped"


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({}, "pass"),
        ({"coverage": [{"debug": False}]}, "fail"),
        (
            {"coverage": [{"daemon": 0}, {"daemon": 1, "debug": False}], "daemons": [{}, {"daemon": 1}]},
            "fail",
        ),
        ({"coverage": [{"debug": False}], "daemons": [{"startup_failure": "no"}]}, "unknown"),
        ({"daemons": [{"startup_failure": "no"}]}, "pass"),
        ({"coverage": [{"daemon": None, "debug": False}]}, "skipped"),
    ],
)
def test_debug_enabled(judge: Judge, make: Make, tables: Any, verdict: str) -> None:
    result = judge("debug-enabled", make(**tables))
    assert (result.verdict, result.rule.severity) == (verdict, "warning")
