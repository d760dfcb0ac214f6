from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import RuleResult

Judge = Callable[..., RuleResult]
Make = Callable[..., Any]


def meant(network: str, executor: str = "oci") -> list[dict[str, Any]]:
    other = "containerd" if executor == "oci" else "oci"
    return [{"executor": executor, "network": network}, {"executor": other, "enabled": False}]


def worker(network: str | None, **more: Any) -> list[dict[str, Any]]:
    return [{"record": 2, "network": network, **more}]


WARNED = [{"network_default_warned": True}]


@pytest.mark.parametrize(
    ("mode", "tables", "verdict", "evidence"),
    [
        ("auto", {"workers": worker("host")}, "pass", "proof"),
        ("auto", {"workers": worker("cni")}, "pass", "proof"),
        ("host", {"workers": worker("host")}, "pass", "proof"),
        ("host", {"workers": worker("cni")}, "fail", "proof"),
        ("cni", {"workers": worker("cni")}, "pass", "proof"),
        ("cni", {"workers": worker("host")}, "fail", "proof"),
        ("bridge", {"workers": worker("cni")}, "pass", "inference"),
        ("bridge", {"workers": worker("host")}, "fail", "inference"),
        # up to v0.9.3 a worker has no label for its network
        ("auto", {"workers": worker(None), "daemons": WARNED}, "pass", "proof"),
        ("host", {"workers": worker(None), "daemons": WARNED}, "pass", "proof"),
        ("cni", {"workers": worker(None), "daemons": WARNED}, "fail", "proof"),
        ("auto", {"workers": worker(None)}, "pass", "inference"),
        ("host", {"workers": worker(None)}, "unknown", "none"),
        ("cni", {"workers": worker("")}, "unknown", "none"),
        # no worker was found
        ("auto", {}, "unknown", "none"),
        ("none", {"daemons": [{"startup_failure": 'invalid network mode: "none"'}]}, "fail", "proof"),
        ("cni", {"daemons": [{"startup_failure": "failed to read cni config"}]}, "fail", "proof"),
        ("auto", {"daemons": [{"startup_failure": "could not read ca certificate"}]}, "unknown", "none"),
        # the start is not in the log
        ("auto", {"daemons": [{"startup": False}]}, "unknown", "none"),
        ("host", {"workers": worker("host"), "coverage": [{"startup": False}]}, "unknown", "none"),
        ("host", {"workers": worker("cni"), "coverage": [{"startup": False}]}, "fail", "proof"),
        ("auto", {"daemons": [{"program": "dockerd"}]}, "skipped", "none"),
    ],
)
def test_network_mode(judge: Judge, make: Make, mode: str, tables: Any, verdict: str, evidence: str) -> None:
    result = judge("network-mode", make(intended_workers=meant(mode), **tables))
    assert (result.verdict, result.evidence) == (verdict, evidence)


def test_the_default_worker_is_the_one_judged(judge: Judge, make: Make) -> None:
    found = [
        {"record": 2, "network": "cni", "executor": "containerd", "is_default": False},
        {"record": 3, "network": "host", "executor": "oci", "is_default": True},
    ]
    intended = [{"executor": "oci", "network": "host"}, {"executor": "containerd", "network": "host"}]
    assert judge("network-mode", make(workers=found, intended_workers=intended)).verdict == "pass"


def test_the_worker_that_was_found_is_compared_with_its_own_section(judge: Judge, make: Make) -> None:
    tables = make(workers=worker("cni", executor="containerd"), intended_workers=meant("cni", "containerd"))
    assert judge("network-mode", tables).verdict == "pass"


def test_each_start_counts(judge: Judge, make: Make) -> None:
    starts = [
        {"daemon": 0, "first_record": 0, "last_record": 9},
        {"daemon": 1, "first_record": 10, "last_record": 20},
    ]
    found = [{"record": 2, "network": "host"}, {"record": 12, "network": "cni"}]
    tables = make(
        daemons=starts, workers=found, coverage=[{"daemon": 0}, {"daemon": 1}], intended_workers=meant("cni")
    )
    (finding,) = judge("network-mode", tables).findings
    assert (finding.verdict, finding.lines) == ("fail", (3,))
    assert finding.message == "meant: cni; the oci worker runs with host"


def test_auto_says_what_it_became(judge: Judge, make: Make) -> None:
    (finding,) = judge("network-mode", make(workers=worker("cni"), intended_workers=meant("auto"))).findings
    assert finding.message == "meant: auto; it became cni"


def test_without_a_configuration_nothing_was_meant(judge: Judge, make: Make) -> None:
    result = judge("network-mode", make(workers=worker("host")))
    assert result.verdict == "skipped"
    assert "--config" in result.reason


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({}, "skipped"),
        ({"networks": [{"record": 3, "event": "default_host"}]}, "skipped"),
        ({"networks": [{"record": 3, "event": "creating"}]}, "unknown"),
        ({"networks": [{"record": 3, "event": "creating"}, {"record": 4, "event": "created"}]}, "pass"),
        ({"networks": [{"record": 4, "event": "created"}], "coverage": [{"complete": False}]}, "unknown"),
        ({"networks": [{"record": 4, "event": "setup_failed", "error": "no plug-in"}]}, "fail"),
        ({"networks": [{"record": 4, "event": "created"}, {"record": 5, "event": "cleanup_failed"}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "cni_plugin"}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "cni_config"}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "entitlement"}]}, "skipped"),
    ],
)
def test_network_setup(judge: Judge, make: Make, tables: Any, verdict: str) -> None:
    assert judge("network-setup", make(**tables)).verdict == verdict


def test_a_failure_that_stands_in_two_tables_is_told_once(judge: Judge, make: Make) -> None:
    tables = make(
        problems=[{"record": 6, "kind": "cni_plugin", "cause": "CNI setup error\nno plug-in"}],
        networks=[{"record": 6, "event": "setup_failed", "error": "CNI setup error"}],
    )
    (finding,) = judge("network-setup", tables).findings
    assert finding.message == "CNI setup error; no plug-in"


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({}, "skipped"),
        ({"networks": [{"record": 3, "event": "host_enabled"}]}, "pass"),
        ({"networks": [{"record": 3, "event": "entitlement_denied"}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "entitlement"}]}, "fail"),
    ],
)
def test_network_entitlement(judge: Judge, make: Make, tables: Any, verdict: str) -> None:
    assert judge("network-entitlement", make(**tables)).verdict == verdict
