from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import RuleResult
from tests.comparing import CNI, HOST, MIRROR, tables_of

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
    assert (
        judge("configuration-loaded", make(intended_hosts=KNOWN, effective_hosts=KNOWN, **tables)).verdict
        == verdict
    )


def test_without_the_effective_configuration_nothing_is_compared(judge: Judge, make: Make) -> None:
    result = judge("configuration-loaded", make(intended_hosts=KNOWN, intended_registries=[HUB]))
    assert result.verdict == "skipped"
    assert "--effective" in result.reason


def test_without_an_intended_configuration_nothing_was_meant(judge: Judge, make: Make) -> None:
    result = judge("configuration-loaded", make(effective_hosts=KNOWN, effective_registries=[HUB]))
    assert result.verdict == "skipped"
    assert "--config" in result.reason


def loaded(judge: Judge, meant: str, given: str, flags: str = "", **more: Any) -> dict[str, tuple[str, str]]:
    result = judge("configuration-loaded", tables_of(meant, given, flags, **more))
    return {finding.subject: (finding.verdict, finding.evidence) for finding in result.findings}


def test_every_setting_is_compared(judge: Judge) -> None:
    text = f"debug = true\n{MIRROR}[dns]\nnameservers = ['192.0.2.1']\n[grpc]\ndebugAddress = 'x'\n"
    assert set(loaded(judge, text, text).values()) == {("pass", "proof")}
    assert list(loaded(judge, text, text)) == [
        "debug",
        "dns",
        "grpc",
        "registry docker.io",
        "worker containerd",
        "worker oci",
    ]
    other = text.replace("192.0.2.1", "192.0.2.2").replace("debug = true", "")
    verdicts = loaded(judge, text, other)
    assert (verdicts["debug"], verdicts["dns"]) == (("fail", "proof"), ("fail", "proof"))
    assert verdicts["grpc"] == ("pass", "proof")


def test_the_finding_names_what_was_meant_what_was_loaded_and_why(judge: Judge) -> None:
    given = "# by hand\n[registry.'docker.io']\nmirror = ['mirror.example.com']"
    result = judge("configuration-loaded", tables_of(MIRROR, given))
    (found,) = [finding for finding in result.findings if finding.verdict == "fail"]
    assert found.message == (
        'registry."docker.io".mirrors: meant mirror.example.com, loaded nothing: '
        '/etc/buildkit/buildkitd.toml:3 writes registry."docker.io".mirror, and the daemon does not read that. '
        'Write registry."docker.io".mirrors, and load the file anew.'
    )
    assert (found.source, found.lines, found.evidence) == ("/etc/buildkit/buildkitd.toml", (3,), "proof")


def test_a_flag_points_to_the_line_that_it_overrides(judge: Judge) -> None:
    result = judge("configuration-loaded", tables_of(CNI, CNI, "--oci-worker-net=host"))
    (found,) = [finding for finding in result.findings if finding.verdict == "fail"]
    assert (found.subject, found.source, found.lines) == ("worker oci", "b.toml", (2,))
    assert "meant cni, loaded host: --oci-worker-net=host overrides the file" in found.message


def test_what_buildx_adds_is_no_difference_unless_it_replaces_a_list(judge: Judge) -> None:
    flag = "--config /etc/buildkit/buildkitd.toml --allow-insecure-entitlement=network.host"
    assert loaded(judge, "", "", flag)["insecure-entitlements"] == ("pass", "inference")
    known = loaded(judge, "", "", flag, driver="docker-container")
    assert known["insecure-entitlements"] == ("pass", "proof")
    text = "insecure-entitlements = ['security.insecure']"
    lost = loaded(judge, text, text, flag, driver="docker-container")
    assert lost["insecure-entitlements"] == ("fail", "proof")


def test_paths_of_certificates_are_left_to_their_own_rule(judge: Judge) -> None:
    text = f"{HOST}ca = ['certs/ca.pem']\n"
    assert loaded(judge, text, HOST)["registry mirror.example.com"] == ("pass", "proof")
    misspelt = f"{HOST}cacert = ['certs/ca.pem']\n"
    assert loaded(judge, misspelt, misspelt)["registry mirror.example.com"] == ("fail", "proof")


def test_a_worker_left_to_buildkit_is_unknown(judge: Judge) -> None:
    text = "[worker.oci]\nenabled = true"
    assert loaded(judge, text, "")["worker oci"] == ("unknown", "none")


@pytest.mark.parametrize("given", [MIRROR, "", MIRROR.replace("mirror.", "old."), CNI, f"{MIRROR}{CNI}"])
def test_the_verdict_is_that_of_the_tables_alone(judge: Judge, given: str) -> None:
    whole = tables_of(f"{MIRROR}{CNI}", given)
    result = judge("configuration-loaded", whole)
    alone = {name: table for name, table in whole.items() if name != "configuration_differences"}
    verdicts = {finding.subject: finding.verdict for finding in result.findings}
    assert verdicts == {
        finding.subject: finding.verdict for finding in judge("configuration-loaded", alone).findings
    }


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
