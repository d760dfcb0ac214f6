from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from analyzer.checks import RuleResult

Judge = Callable[..., RuleResult]
Make = Callable[..., Any]
HOST = "mirror.example.com"
CA = "/etc/buildkit/certs/mirror.example.com/ca.pem"
PAIR = [{"host": HOST, "kind": kind, "path": f"/c/{kind}.pem", "pair": 0} for kind in ("cert", "key")]


def by_subject(result: RuleResult) -> dict[str, str]:
    return {finding.subject: finding.verdict for finding in result.findings}


def answer(status: int | None = 200, **more: Any) -> dict[str, Any]:
    return {"record": 5, "host": HOST, "status_code": status, **more}


def problem(kind: str, **more: Any) -> dict[str, Any]:
    return {"record": 6, "kind": kind, **more}


def test_a_ca_that_cannot_be_read_fails_its_host(judge: Judge, mirrored: Make) -> None:
    for path in (CA, "certs/ca.pem"):  # as the daemon names it, and as the file does
        result = judge("ca-readable", mirrored(problems=[problem("ca_unreadable", path=path)]))
        assert by_subject(result) == {HOST: "fail"}
        assert result.evidence == "proof"


@pytest.mark.parametrize(
    ("tables", "subjects"),
    [
        ({"requests": [answer()]}, {HOST: "pass"}),
        ({"requests": [answer(401)]}, {HOST: "pass"}),
        ({"requests": [answer(None)]}, {HOST: "skipped"}),
        ({"requests": [answer(scheme="http")]}, {HOST: "skipped"}),
        ({"requests": [answer(scheme=None)]}, {HOST: "skipped"}),
        ({"requests": [answer(host_evidence="none")]}, {HOST: "skipped"}),
        ({"requests": [answer()], "problems": [problem("ca_unreadable", path=CA)]}, {HOST: "fail"}),
        (
            {"problems": [problem("ca_unreadable", path="/etc/x.pem")]},
            {"/etc/x.pem": "fail", HOST: "skipped"},
        ),
        (
            {"problems": [problem("ca_unreadable", path="/etc/buildkit/certs/grpc/ca.pem")]},
            {"grpc": "fail", HOST: "skipped"},
        ),
        ({"problems": [problem("keypair_mismatch", path=CA)]}, {HOST: "skipped"}),
        ({"coverage": [{"complete": False}]}, {HOST: "unknown"}),
        ({"coverage": [{"complete": False}], "requests": [answer()]}, {HOST: "unknown"}),
        ({"coverage": [{"debug": False}]}, {HOST: "skipped"}),
        ({"intended_certificates": []}, {"": "skipped"}),
    ],
)
def test_ca_readable(judge: Judge, mirrored: Make, tables: Any, subjects: dict[str, str]) -> None:
    assert by_subject(judge("ca-readable", mirrored(**tables))) == subjects


def test_that_a_ca_was_read_is_inferred(judge: Judge, mirrored: Make) -> None:
    tables = mirrored(requests=[answer()])
    assert judge("ca-readable", tables).evidence == "inference"
    assert judge("ca-readable", tables, require_proof=True).verdict == "unknown"


def test_a_ca_of_docker_hub_is_its_registry_hosts(judge: Judge, mirrored: Make) -> None:
    tables = mirrored(
        intended_certificates=[{"host": "docker.io", "path": "/c/ca.pem"}],
        requests=[answer(host="registry-1.docker.io")],
    )
    assert by_subject(judge("ca-readable", tables)) == {"docker.io": "pass"}
    assert by_subject(judge("tls-trusted", tables)) == {"registry-1.docker.io": "pass"}


@pytest.mark.parametrize(
    ("tables", "subjects"),
    [
        ({"requests": [answer()]}, {HOST: "pass"}),
        ({"problems": [problem("keypair_mismatch", path="/c/cert.pem")]}, {HOST: "fail"}),
        ({"problems": [problem("keypair_unreadable", path="/c/key.pem")]}, {HOST: "fail"}),
        ({"problems": [problem("ca_unreadable", path="/c/key.pem")]}, {HOST: "skipped"}),
        ({}, {HOST: "skipped"}),
    ],
)
def test_keypair_valid(judge: Judge, mirrored: Make, tables: Any, subjects: dict[str, str]) -> None:
    assert by_subject(judge("keypair-valid", mirrored(intended_certificates=PAIR, **tables))) == subjects


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({"requests": [answer()]}, "pass"),
        ({"requests": [answer(404)]}, "pass"),
        ({"requests": [answer(None)]}, "skipped"),
        ({"requests": [answer(scheme="http")]}, "skipped"),
        ({"requests": [answer(host_evidence="none")]}, "unknown"),
        ({"requests": [answer(host="registry-1.docker.io")]}, "skipped"),
        ({"requests": [answer(host=None, registry=None)]}, "unknown"),
        ({"requests": [answer(host=None)]}, "unknown"),
        ({"requests": [answer(host=None, registry="ghcr.io")]}, "skipped"),
        ({"requests": [answer(host=None, registry=None), answer()]}, "pass"),
        ({"problems": [problem("x509_unknown_authority", host=HOST)]}, "fail"),
        ({"problems": [problem("x509_name_mismatch", host=HOST)], "requests": [answer()]}, "fail"),
        ({"problems": [problem("client_certificate_rejected", host=HOST)]}, "fail"),
        ({"problems": [problem("http_on_https", host=HOST)]}, "fail"),
        ({"problems": [problem("x509_expired", host="other.example.com")]}, "skipped"),
        ({"problems": [problem("connection_refused", host=HOST)]}, "skipped"),
        ({"problems": [problem("connection_reset", host=HOST)]}, "skipped"),
        ({"problems": [problem("name_not_found", host=HOST)]}, "skipped"),
        ({"problems": [problem("ca_unreadable", path=CA)]}, "skipped"),
        ({"coverage": [{"debug": False}]}, "unknown"),
        ({"coverage": [{"debug": False}], "problems": [problem("x509_expired", host=HOST)]}, "fail"),
        ({"coverage": [{"complete": False}], "requests": [answer()]}, "unknown"),
        ({"intended_certificates": []}, "skipped"),
    ],
)
def test_tls_trusted(judge: Judge, mirrored: Make, tables: Any, verdict: str) -> None:
    assert judge("tls-trusted", mirrored(**tables)).verdict == verdict


@pytest.mark.parametrize("table", ["intended_registries", "effective_registries"])
def test_https_that_may_be_plain_proves_nothing(judge: Judge, mirrored: Make, table: str) -> None:
    setting = [{"registry": HOST, "http": True, "insecure": True}]
    assert judge("tls-trusted", mirrored(requests=[answer()], **{table: setting})).verdict == "unknown"


def given(path: str, **more: Any) -> dict[str, Any]:
    return {
        "effective_hosts": [{"host": "registry-1.docker.io", "role": "upstream", "position": 0}],
        "effective_certificates": [{"host": HOST, "path": path, **more}],
    }


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({}, "skipped"),
        (given("certs/ca.pem"), "pass"),
        (given(CA), "pass"),
        (given("/srv/certs/ca.pem"), "unknown"),
        (given("/etc/buildkit/certs/other/ca.pem"), "fail"),
        (given("/srv/certs/root.pem"), "fail"),
        (given(CA, kind="cert"), "fail"),
        ({**given(CA), "effective_certificates": []}, "fail"),
        ({**given(CA), "intended_certificates": []}, "fail"),
    ],
)
def test_certificate_paths(judge: Judge, mirrored: Make, tables: Any, verdict: str) -> None:
    assert judge("certificate-paths", mirrored(**tables)).verdict == verdict


def at(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("file", "verdict"),
    [
        ({"kind": "ca", "not_before": at(2020), "not_after": at(2030)}, "pass"),
        ({"kind": "ca", "not_before": at(2020), "not_after": at(2025)}, "fail"),
        ({"kind": "ca", "not_before": at(2028), "not_after": at(2030)}, "fail"),
        ({"exists": False}, "fail"),
        ({"exists": None}, "unknown"),
        ({"kind": "other"}, "fail"),
        ({"kind": "cert", "key_matches": False}, "fail"),
        ({"kind": "cert", "key_matches": True}, "pass"),
        ({"kind": "key", "error": "permission denied"}, "fail"),
    ],
)
def test_certificate_files(judge: Judge, make: Make, file: Any, verdict: str) -> None:
    # in date when the log was written, whenever the check is made
    tables = make(certificate_files=[{"path": "/c/x.pem", **file}], requests=[answer(time=at(2026))])
    assert judge("certificate-files", tables).verdict == verdict
