from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import RuleResult

Judge = Callable[..., RuleResult]
MIRROR, UPSTREAM = "mirror.example.com", "registry-1.docker.io"


def tries(*pairs: tuple[str | None, str]) -> list[dict[str, str | None]]:
    return [{"host": host, "outcome": outcome} for host, outcome in pairs]


SERVED = {"served_by": MIRROR, "attempts": tries((MIRROR, "200"))}
BYPASS = {"served_by": UPSTREAM, "attempts": tries((MIRROR, "404"), (UPSTREAM, "200"))}
NOWHERE = {"outcome": "failed", "evidence": "none", "attempts": tries((MIRROR, "404"), (UPSTREAM, "404"))}
ALL_DOWN = {
    "outcome": "failed",
    "evidence": "none",
    "attempts": tries((MIRROR, "connection_refused"), (UPSTREAM, "connection_refused")),
}
UNNAMED = {"served_by": None, "evidence": "none", "attempts": tries((None, "200"))}


@pytest.mark.parametrize(
    ("pulls", "verdict"),
    [
        ([SERVED], "pass"),
        ([SERVED, BYPASS], "fail"),
        ([{**SERVED, "served_by": "other.example.com"}], "fail"),
        ([{**SERVED, "evidence": "inference"}], "pass"),
        ([{**SERVED, "evidence": "none"}], "unknown"),
        ([UNNAMED], "unknown"),
        ([SERVED, UNNAMED], "unknown"),
        ([BYPASS, UNNAMED], "fail"),
        ([NOWHERE], "skipped"),
        ([{**NOWHERE, "attempts": tries((MIRROR, "404"), (UPSTREAM, "401"))}], "skipped"),
        ([{**NOWHERE, "attempts": tries((MIRROR, "401"), (UPSTREAM, "401"))}], "fail"),
        ([{**NOWHERE, "attempts": tries((MIRROR, "404"), (UPSTREAM, "429"))}], "fail"),
        ([{**NOWHERE, "attempts": tries((UPSTREAM, "404"))}], "fail"),
        ([{**NOWHERE, "attempts": tries((None, "404"), (None, "404"))}], "unknown"),
        ([{**NOWHERE, "attempts": tries((None, "404"), (UPSTREAM, "404"))}], "unknown"),
        ([{**NOWHERE, "attempts": tries((None, "503"), (UPSTREAM, "404"))}], "fail"),
        ([SERVED, NOWHERE], "pass"),
        ([ALL_DOWN], "fail"),
        ([{**ALL_DOWN, "attempts": tries((MIRROR, "connection_refused"))}], "unknown"),
        ([{**ALL_DOWN, "attempts": []}], "unknown"),
        ([{**SERVED, "outcome": "unfinished", "served_by": None, "evidence": "none"}], "unknown"),
        ([], "skipped"),
        ([{**BYPASS, "registry": "ghcr.io", "served_by": "ghcr.io"}], "skipped"),
        # a log that names no reference (v0.9.3)
        ([{**SERVED, "registry": None, "evidence": "inference"}], "pass"),
        ([{**BYPASS, "registry": None, "evidence": "inference"}], "fail"),
        ([{**UNNAMED, "registry": None}], "unknown"),
        ([{**SERVED, "registry": None, "served_by": "ghcr.io"}], "skipped"),
    ],
)
def test_mirror_served(judge: Judge, mirrored: Callable[..., Any], pulls: list[Any], verdict: str) -> None:
    assert judge("mirror-served", mirrored(pulls=pulls)).verdict == verdict


@pytest.mark.parametrize("gap", ["debug", "complete"])
def test_mirror_served_needs_a_whole_log(judge: Judge, mirrored: Callable[..., Any], gap: str) -> None:
    coverage = [{gap: False}]
    assert judge("mirror-served", mirrored(coverage=coverage)).verdict == "unknown"
    assert judge("mirror-served", mirrored(coverage=coverage, pulls=[SERVED])).verdict == "unknown"
    assert judge("mirror-served", mirrored(coverage=coverage, pulls=[BYPASS])).verdict == "fail"


def test_mirror_served_says_what_happened(judge: Judge, mirrored: Callable[..., Any]) -> None:
    (finding,) = judge("mirror-served", mirrored(pulls=[SERVED, BYPASS])).findings
    assert finding.subject == "docker.io"
    assert finding.message == (
        "the manifest of docker.io/library/alpine:3.20 came from registry-1.docker.io "
        "(mirror.example.com: 404, registry-1.docker.io: 200); meant to come from mirror.example.com"
    )
    assert finding.lines == (2,)


@pytest.mark.parametrize(
    "section", ["registry-1.docker.io", "index.docker.io", "https://index.docker.io/v1/"]
)
def test_another_name_of_docker_hub_says_what_was_meant(
    judge: Judge, mirrored: Callable[..., Any], section: str
) -> None:
    tables = mirrored(
        intended_registries=[{"registry": section, "mirrors": [MIRROR]}],
        intended_hosts=[{"host": UPSTREAM, "role": "upstream", "position": 0}],
        pulls=[{"served_by": UPSTREAM, "attempts": tries((UPSTREAM, "200"))}],
    )
    (finding,) = judge("mirror-served", tables).findings
    assert (finding.subject, finding.verdict) == ("docker.io", "fail")


def test_the_right_name_of_docker_hub_counts_above_the_others(
    judge: Judge, mirrored: Callable[..., Any]
) -> None:
    sections = [
        {"registry": "registry-1.docker.io", "mirrors": ["other.example.com"]},
        {"registry": "docker.io", "mirrors": [MIRROR]},
    ]
    assert judge("mirror-served", mirrored(intended_registries=sections, pulls=[SERVED])).verdict == "pass"


def test_no_mirror_is_nothing_to_judge(judge: Judge, make: Callable[..., Any]) -> None:
    tables = make(
        intended_registries=[{"registry": "docker.io"}],
        intended_hosts=[{"host": UPSTREAM, "role": "upstream", "position": 0}],
        pulls=[BYPASS],
    )
    result = judge("mirror-served", tables)
    assert (result.verdict, result.reason) == ("skipped", "the configuration names no mirror")


def ask(status: int | None, host: str | None = MIRROR, **more: Any) -> dict[str, Any]:
    return {"record": 5, "host": host, "status_code": status, **more}


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({"requests": [ask(200)]}, "pass"),
        ({"requests": [ask(401), ask(200)]}, "pass"),
        ({"requests": [ask(401)]}, "fail"),
        ({"requests": [ask(200), ask(404)]}, "fail"),
        ({"requests": [ask(503)]}, "fail"),
        ({"requests": [ask(404, host=UPSTREAM)]}, "skipped"),
        ({"requests": [ask(404, kind="token")]}, "skipped"),
        ({"requests": [ask(None)]}, "unknown"),
        ({"requests": [ask(None, error="connection refused")]}, "fail"),
        ({"requests": [ask(404, host_evidence="inference")]}, "fail"),
        ({"requests": [ask(200, host_evidence="inference")]}, "pass"),
        ({"requests": [ask(200, host_evidence="none")]}, "unknown"),
        ({"problems": [{"record": 6, "kind": "connection_refused", "host": MIRROR}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "not_found", "host": MIRROR}]}, "fail"),
        ({"problems": [{"record": 6, "kind": "connection_refused", "host": UPSTREAM}]}, "skipped"),
        ({}, "skipped"),
    ],
)
def test_mirror_healthy(
    judge: Judge, mirrored: Callable[..., Any], tables: dict[str, Any], verdict: str
) -> None:
    result = judge("mirror-healthy", mirrored(**tables))
    assert (result.verdict, result.rule.severity) == (verdict, "warning")


def test_mirror_healthy_counts_answers(judge: Judge, mirrored: Callable[..., Any]) -> None:
    requests = [ask(404, record=1), ask(404, record=2), ask(200, record=3)]
    (finding,) = judge("mirror-healthy", mirrored(requests=requests)).findings
    assert (finding.message, finding.lines) == ("mirror.example.com answered 404 to 2 requests", (2, 3))


@pytest.mark.parametrize(
    ("requests", "verdict"),
    [
        ([ask(200), ask(200, host=UPSTREAM)], "pass"),
        ([ask(200, host="other.example.com")], "fail"),
        ([ask(200), ask(None, host="other.example.com")], "fail"),
        ([ask(200, host=None, host_evidence="none")], "unknown"),
        ([ask(200, host=None, host_evidence="none"), ask(200, host="other.example.com")], "fail"),
        ([ask(200, registry=None, host="other.example.com")], "skipped"),
        ([ask(200, registry="ghcr.io", host="ghcr.io")], "pass"),
        ([ask(200, registry="ghcr.io", host=MIRROR)], "fail"),
        ([ask(200, action="push", host=UPSTREAM)], "pass"),
        ([ask(200, action="push", host=MIRROR)], "fail"),
        ([ask(200, action="auth", host="auth.docker.io")], "skipped"),
        ([ask(200), ask(200, kind="token", host="auth.docker.io")], "pass"),
        ([], "skipped"),
    ],
)
def test_hosts_as_configured(
    judge: Judge, mirrored: Callable[..., Any], requests: list[Any], verdict: str
) -> None:
    assert judge("hosts-as-configured", mirrored(requests=requests)).verdict == verdict


def test_hosts_need_a_configuration(judge: Judge, make: Callable[..., Any]) -> None:
    result = judge("hosts-as-configured", make(requests=[ask(200)]))
    assert result.verdict == "skipped"
    assert "--config" in result.reason


def test_hosts_name_the_stranger(judge: Judge, mirrored: Callable[..., Any]) -> None:
    requests = [ask(200, host="other.example.com"), ask(200)]
    (finding,) = judge("hosts-as-configured", mirrored(requests=requests)).findings
    assert finding.message == (
        "pulled with 1 request to other.example.com; predicted: mirror.example.com, registry-1.docker.io"
    )
