"""The line of the configuration that each built-in rule blames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import Finding, RuleResult

Judge = Callable[..., RuleResult]
Make = Callable[..., Any]

MIRROR, UPSTREAM = "mirror.example.com", "registry-1.docker.io"
KEYPAIR = [
    {"host": MIRROR, "kind": "ca", "path": "ca.pem", "line": 10},
    {"host": MIRROR, "kind": "key", "path": "client.key", "line": 12},
    {"host": MIRROR, "kind": "cert", "path": "client.pem", "line": 13},
]
KNOWN = [{"config_given": True, "effective_known": True}]


def only(result: RuleResult) -> Finding:
    [finding] = result.findings
    return finding


def blamed(finding: Finding) -> tuple[str | None, int | None]:
    return finding.config_file, finding.config_line


def listed(**more: Any) -> dict[str, Any]:
    """Docker Hub with a mirror on line 7, under its section on line 6."""
    return {
        "intended_registries": [{"registry": "docker.io", "mirrors": [MIRROR], "line": 6}],
        "intended_hosts": [
            {"host": MIRROR, "role": "mirror", "position": 0, "file": "b.toml", "line": 7},
            {"host": UPSTREAM, "role": "upstream", "position": 1, "file": "b.toml", "line": 6},
        ],
        **more,
    }


def request(**more: Any) -> dict[str, Any]:
    return {"host": MIRROR, "host_evidence": "proof", "registry": "docker.io", "action": "pull", **more}


def pull(host: str) -> dict[str, Any]:
    return {
        "registry": "docker.io",
        "served_by": host,
        "outcome": "served",
        "evidence": "proof",
        "kind": "layer",
        "attempts": [{"host": host, "outcome": "200"}],
        "records": [4],
    }


@pytest.mark.parametrize(
    ("rule", "tables", "verdict", "line"),
    [
        ("mirror-served", listed(pulls=[pull(UPSTREAM)]), "fail", 7),
        ("mirror-served", listed(pulls=[pull(MIRROR)]), "pass", 7),
        ("mirror-served", listed(), "skipped", 7),
        ("mirror-healthy", listed(requests=[request(status_code=404)]), "fail", 7),
        ("mirror-healthy", listed(coverage=[{"debug": False}]), "unknown", 7),
        ("hosts-as-configured", listed(requests=[request(host="other.example.com")]), "fail", 7),
        ("hosts-as-configured", listed(requests=[request(registry="ghcr.io", host="ghcr.io")]), "pass", None),
        ("ca-readable", {"problems": [{"kind": "ca_unreadable", "path": "ca.pem", "record": 1}]}, "fail", 10),
        (
            "keypair-valid",
            {"problems": [{"kind": "keypair_mismatch", "path": "client.pem", "record": 1}]},
            "fail",
            13,
        ),
        (
            "keypair-valid",
            {"problems": [{"kind": "keypair_unreadable", "path": "client.key", "record": 1}]},
            "fail",
            12,
        ),
        ("keypair-valid", {}, "skipped", 12),
        ("tls-trusted", {"problems": [{"kind": "x509_expired", "host": MIRROR, "record": 1}]}, "fail", 10),
        (
            "tls-trusted",
            {"problems": [{"kind": "client_certificate_rejected", "host": MIRROR, "record": 1}]},
            "fail",
            13,
        ),
        ("tls-trusted", {}, "skipped", 10),
    ],
)
def test_the_line_of_the_file_that_was_meant(
    judge: Judge, make: Make, rule: str, tables: dict[str, Any], verdict: str, line: int | None
) -> None:
    finding = only(judge(rule, make(**{"intended_certificates": KEYPAIR, **tables})))
    assert finding.verdict == verdict
    assert blamed(finding) == (("b.toml", line) if line else (None, None))


def worker(network: str, line: int | None, file: str = "b.toml") -> list[dict[str, Any]]:
    return [{"executor": "oci", "network": network, "file": file, "line": line}]


@pytest.mark.parametrize("line", [5, None])
def test_the_network_mode_is_that_of_its_line_and_a_flag_has_none(
    judge: Judge, make: Make, line: int | None
) -> None:
    seen = [{"record": 2, "network": "cni"}]
    finding = only(judge("network-mode", make(intended_workers=worker("host", line), workers=seen)))
    assert finding.verdict == "fail"
    assert blamed(finding) == (("b.toml", 5) if line else (None, None))


@pytest.mark.parametrize(("network", "line"), [("cni", 5), ("bridge", 5), ("auto", None)])
def test_a_failure_of_cni_is_that_of_the_mode_that_asks_for_it(
    judge: Judge, make: Make, network: str, line: int | None
) -> None:
    failed = [{"kind": "cni_config", "source": "a.log", "record": 2, "text": "no such file"}]
    finding = only(judge("network-setup", make(intended_workers=worker(network, 5), problems=failed)))
    assert finding.verdict == "fail"
    assert finding.config_line == line


def test_lint_blames_the_line_it_found(judge: Judge, make: Make) -> None:
    fault = {"severity": "error", "message": "mirror is no key", "line": 3, "column": 2}
    finding = only(judge("configuration-lint", make(intended_lint=[fault])))
    assert blamed(finding) == (finding.source, 3) == ("b.toml", 3)


@pytest.mark.parametrize(
    ("difference", "place"),
    [
        (
            {
                "intended_file": "b.toml",
                "intended_line": 7,
                "effective_file": "given.toml",
                "effective_line": 2,
            },
            7,
        ),
        # nobody meant it: the section that should be all there is
        ({"effective_file": "given.toml", "effective_line": 2}, 6),
    ],
)
def test_what_was_loaded_is_held_against_what_was_meant(
    judge: Judge, make: Make, difference: dict[str, Any], place: int
) -> None:
    told = {
        "subject": "registry docker.io",
        "agrees": False,
        "certificate": False,
        "message": "m",
        "fix": "f",
    }
    tables = make(
        context=KNOWN,
        intended_registries=[{"registry": "docker.io", "line": 6}],
        effective_registries=[{"registry": "docker.io", "line": 1}],
        configuration_differences=[{**told, **difference}],
    )
    finding = only(judge("configuration-loaded", tables))
    assert finding.verdict == "fail"
    assert blamed(finding) == ("b.toml", place)


def test_a_section_that_nobody_meant_is_that_of_the_loaded_file(judge: Judge, make: Make) -> None:
    tables = make(
        context=KNOWN, effective_registries=[{"registry": "quay.io", "mirrors": [MIRROR], "line": 4}]
    )
    assert blamed(only(judge("configuration-loaded", tables))) == ("given.toml", 4)


def test_a_path_that_was_not_given_is_that_of_its_line(judge: Judge, make: Make) -> None:
    tables = make(
        context=KNOWN, intended_certificates=KEYPAIR, effective_certificates=[{"host": MIRROR, "path": "x"}]
    )
    finding = only(judge("certificate-paths", tables))
    assert finding.verdict == "fail"
    assert blamed(finding) == ("b.toml", 10)


def test_a_certificate_file_is_that_of_the_line_that_was_meant(judge: Judge, make: Make) -> None:
    inside = "/etc/buildkit/certs/mirror.example.com/ca.pem"
    seen = {
        "path": inside,
        "kind": "ca",
        "host": MIRROR,
        "used": True,
        "exists": False,
        "file": "given.toml",
        "line": 2,
    }
    broken = {**seen, "defect": "missing", "defect_detail": "it does not exist", "certain": True}
    copied = [{"host": MIRROR, "path": "certs/ca.pem", "path_in_builder": inside, "line": 10}]
    finding = only(judge("certificate-files", make(certificate_files=[broken], intended_certificates=copied)))
    assert finding.verdict == "fail"
    assert blamed(finding) == ("b.toml", 10)
    alone = only(judge("certificate-files", make(certificate_files=[broken])))
    assert blamed(alone) == ("given.toml", 2)
