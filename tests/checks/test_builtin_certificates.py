from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from analyzer.checks import RuleResult
from analyzer.intent import parse_config
from analyzer.intent.trust import examine
from analyzer.sources.pem import read_pem
from tests import certificates

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
        ({"kind": "ca", "not_before": at(2028), "not_after": at(2030), "modified": at(2029)}, "unknown"),
        ({"kind": "ca", "not_before": at(2020), "not_after": at(2025), "modified": at(2029)}, "fail"),
        ({"kind": "ca", "not_after": at(2025), "counts": False}, "pass"),
        ({"exists": False}, "fail"),
        ({"exists": None}, "unknown"),
        ({"kind": "other"}, "fail"),
        ({"kind": "other", "used": False}, "skipped"),
        ({"kind": "cert", "key_matches": False}, "fail"),
        ({"kind": "cert", "key_matches": True}, "pass"),
        ({"kind": "key", "error": "permission denied"}, "fail"),
    ],
)
def test_certificate_files(judge: Judge, make: Make, file: Any, verdict: str) -> None:
    # in date when the log was written, whenever the check is made
    tables = make(certificate_files=[{"path": "/c/x.pem", **file}], requests=[answer(time=at(2026))])
    assert judge("certificate-files", tables).verdict == verdict


def ca_row(**more: Any) -> dict[str, Any]:
    """A row of a CA file that a setting names."""
    return {
        "path": CA,
        "kind": "ca",
        "host": HOST,
        "used": True,
        "counts": True,
        "setting": 'ca of [registry."mirror.example.com"] (b.toml line 9)',
        "file": "b.toml",
        "line": 9,
        "label": "CERTIFICATE",
        "is_ca": True,
        "position": 0,
        "subject": "CN=Example CA",
        "not_before": at(2020),
        "not_after": at(2030),
        **more,
    }


def defective(certain: bool | None, explains: list[str], **more: Any) -> dict[str, Any]:
    return ca_row(
        defect="not-a-ca",
        defect_detail="it is wrong",
        fix="mend it (b.toml line 9)",
        certain=certain,
        explains=explains,
        is_ca=False,
        **more,
    )


UNTRUSTED = problem(
    "x509_unknown_authority", host=HOST, cause="x509: certificate signed by unknown authority"
)


@pytest.mark.parametrize(
    ("tables", "verdict", "evidence"),
    [
        ({}, "unknown", "none"),
        ({"requests": [answer(time=at(2026))]}, "pass", "proof"),
        ({"requests": [answer(401, time=at(2026))]}, "pass", "proof"),
        ({"requests": [answer(host_evidence="inference")]}, "pass", "inference"),
        ({"requests": [answer(host_evidence="none")]}, "unknown", "none"),
        ({"requests": [answer(None)]}, "unknown", "none"),
        ({"requests": [answer(scheme="http")]}, "unknown", "none"),
        ({"requests": [answer(host="other.example.com")]}, "unknown", "none"),
        ({"problems": [UNTRUSTED]}, "fail", "inference"),
        ({"problems": [UNTRUSTED], "requests": [answer()]}, "fail", "inference"),
        ({"problems": [{**UNTRUSTED, "host": "other.example.com"}]}, "unknown", "none"),
        ({"problems": [{**UNTRUSTED, "kind": "x509_expired"}]}, "unknown", "none"),
        ({"problems": [{**UNTRUSTED, "path": "/c/other.pem"}]}, "unknown", "none"),
    ],
)
def test_the_log_decides_what_a_file_leaves_open(
    judge: Judge, make: Make, tables: Any, verdict: str, evidence: str
) -> None:
    row = defective(False, ["x509_unknown_authority"], not_before=None, not_after=None)
    result = judge("certificate-files", make(certificate_files=[row], **tables))
    assert (result.verdict, result.evidence) == (verdict, evidence)


def test_https_that_may_be_plain_leaves_it_open(judge: Judge, make: Make) -> None:
    setting = [{"registry": HOST, "http": True, "insecure": True}]
    row = defective(False, ["x509_unknown_authority"])
    tables = make(certificate_files=[row], requests=[answer(time=at(2026))], effective_registries=setting)
    assert judge("certificate-files", tables).verdict == "unknown"


def test_what_cannot_be_looked_at_neither_passes_nor_fails(judge: Judge, make: Make) -> None:
    row = defective(None, [], exists=None)
    for tables in ({}, {"problems": [UNTRUSTED]}, {"requests": [answer(time=at(2026))]}):
        assert judge("certificate-files", make(certificate_files=[row], **tables)).verdict == "unknown"


def test_a_defect_names_the_error_that_it_explains(judge: Judge, make: Make) -> None:
    row = defective(True, ["x509_unknown_authority"])
    (finding,) = judge("certificate-files", make(certificate_files=[row], problems=[UNTRUSTED])).findings
    assert finding.subject == CA
    assert (finding.verdict, finding.evidence, finding.records) == ("fail", "proof", (6,))
    assert (finding.source, finding.lines) == ("a.log", (7,))
    assert finding.message == (
        f"CA file of {HOST} {CA}: it is wrong; it explains the error: "
        "x509: certificate signed by unknown authority; to mend it: mend it (b.toml line 9)"
    )
    (finding,) = judge("certificate-files", make(certificate_files=[row])).findings
    assert (finding.verdict, finding.records) == ("fail", ())
    assert (finding.source, finding.lines) == ("b.toml", (9,))
    assert "explains" not in finding.message


@pytest.mark.parametrize(
    ("path", "records"),
    [("/c/cert.pem", (6,)), ("/c/key.pem", (6,)), ("/c/ca.pem", ()), (None, ())],
)
def test_a_key_s_error_may_name_the_certificate(
    judge: Judge, make: Make, path: str | None, records: tuple[int, ...]
) -> None:
    # "failed to load keypair for <certificate>": BuildKit names the pair by it
    cert = {"path": "/c/cert.pem", "kind": "cert", "host": HOST, "pair": 0, "used": True}
    key = defective(True, ["keypair_unreadable"]) | {"path": "/c/key.pem", "kind": "key", "pair": 0}
    tables = make(certificate_files=[cert, key], problems=[problem("keypair_unreadable", path=path)])
    findings = {finding.subject: finding for finding in judge("certificate-files", tables).findings}
    assert findings["/c/cert.pem"].verdict == "pass"
    assert (findings["/c/key.pem"].verdict, findings["/c/key.pem"].records) == ("fail", records)


@pytest.mark.parametrize(
    ("problems", "records"),
    [
        ([problem("keypair_unreadable", text="could not load server key pair: tls: no")], (6,)),
        ([problem("startup_failed", text="you must specify key and cert file if one is specified")], (6,)),
        ([problem("startup_failed", text="listen tcp: address already in use")], ()),
        ([problem("startup_failed", text="stat /c/key.pem: no such file", path="/c/key.pem")], (6,)),
        ([problem("keypair_unreadable", path="/c/other.pem", text="could not load server key pair")], ()),
    ],
)
def test_errors_of_the_api_name_no_host(judge: Judge, make: Make, problems: Any, records: Any) -> None:
    row = defective(True, ["keypair_unreadable", "startup_failed"], host="grpc", pair=0)
    tables = make(certificate_files=[{**row, "path": "/c/key.pem", "kind": "key"}], problems=problems)
    (finding,) = judge("certificate-files", tables).findings
    assert (finding.verdict, finding.records) == ("fail", records)


DATES = {
    "before": [answer(time=at(2019))],
    "within": [answer(time=at(2021)), answer(time=at(2029))],
    "over the start": [answer(time=at(2019)), answer(time=at(2021))],
    "over the end": [answer(time=at(2029)), answer(time=at(2031))],
    "after": [answer(time=at(2031))],
}


@pytest.mark.parametrize(
    ("when", "verdict", "words"),
    [
        ("before", "fail", "valid only from 2020-01-01, and the log is of 2019-01-01"),
        ("within", "pass", "it is there and in date"),
        ("over the start", "fail", "valid only from 2020-01-01"),
        ("over the end", "fail", "expired on 2030-01-01, while the log was written"),
        ("after", "fail", "expired on 2030-01-01, before the log was written"),
    ],
)
def test_dates_are_those_of_the_log(judge: Judge, make: Make, when: str, verdict: str, words: str) -> None:
    (finding,) = judge("certificate-files", make(certificate_files=[ca_row()], requests=DATES[when])).findings
    assert finding.verdict == verdict
    assert words in finding.message
    assert ("renew it (ca of [registry" in finding.message) == (verdict == "fail")


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        ({}, "unknown"),
        ({"context": [{"log_start": at(2021), "log_end": at(2022)}]}, "pass"),
        ({"context": [{"log_start": at(2021), "log_end": at(2031)}]}, "fail"),
        # requests say it better
        (
            {"context": [{"log_start": at(2031), "log_end": at(2031)}], "requests": [answer(time=at(2021))]},
            "pass",
        ),
        ({"requests": [answer(time=None)]}, "unknown"),
    ],
)
def test_the_time_of_a_log_without_requests(judge: Judge, make: Make, tables: Any, verdict: str) -> None:
    result = judge("certificate-files", make(certificate_files=[ca_row()], **tables))
    assert result.verdict == verdict
    assert ("the log has no time" in result.findings[0].message) == (verdict == "unknown")


def test_files_without_dates_need_no_time(judge: Judge, make: Make) -> None:
    row = ca_row(kind="key", not_before=None, not_after=None, is_ca=None, label="PRIVATE KEY")
    assert judge("certificate-files", make(certificate_files=[row])).verdict == "pass"


EXPIRED = problem("x509_expired", host=HOST, cause="x509: certificate has expired or is not yet valid")


@pytest.mark.parametrize(
    ("other", "tables", "verdict"),
    [
        # one authority of two is out of date: it matters only if it is the one that signed
        ({}, {"requests": [answer(time=at(2031))]}, "pass"),
        ({}, {"requests": [answer(None, time=at(2031))]}, "unknown"),
        ({}, {"requests": [answer(None, time=at(2031))], "problems": [EXPIRED]}, "fail"),
        ({"is_ca": False}, {"requests": [answer(time=at(2031))]}, "fail"),
        ({"path": "/c/other.pem"}, {"requests": [answer(time=at(2031))]}, "fail"),
        ({"not_after": at(2030)}, {"requests": [answer(time=at(2031))]}, "fail"),
    ],
)
def test_one_authority_of_several_may_be_out_of_date(
    judge: Judge, make: Make, other: Any, tables: Any, verdict: str
) -> None:
    rows = [ca_row(), ca_row(**{"position": 1, "not_after": at(2040), **other})]
    result = judge("certificate-files", make(certificate_files=rows, **tables))
    assert by_subject(result)[CA] == verdict


def test_a_server_s_certificate_beside_its_authority_may_be_out_of_date(judge: Judge, make: Make) -> None:
    leaf = ca_row(position=1, is_ca=False, not_after=at(2025))
    tables = make(certificate_files=[ca_row(), leaf], requests=[answer(time=at(2026))])
    assert judge("certificate-files", tables).verdict == "pass"


def test_an_expired_client_certificate_explains_a_refusal(judge: Judge, make: Make) -> None:
    refused = problem("client_certificate_rejected", host=HOST, cause="remote error: tls: expired")
    cert = ca_row(path="/c/cert.pem", kind="cert", pair=0, is_ca=False)
    tables = make(certificate_files=[cert], requests=[answer(None, time=at(2031))], problems=[refused])
    (finding,) = judge("certificate-files", tables).findings
    assert (finding.verdict, finding.records) == ("fail", (6,))
    assert "it explains the error: remote error: tls: expired" in finding.message


def test_an_authority_of_docker_hub_is_its_registry_hosts(judge: Judge, make: Make) -> None:
    row = defective(False, ["x509_unknown_authority"], host="docker.io")
    hub = answer(host="registry-1.docker.io", time=at(2026))
    assert judge("certificate-files", make(certificate_files=[row], requests=[hub])).verdict == "pass"
    tables = make(
        certificate_files=[row],
        requests=[hub],
        problems=[{**UNTRUSTED, "host": "registry-1.docker.io"}],
    )
    assert judge("certificate-files", tables).verdict == "fail"


def test_files_that_no_setting_names_are_not_judged(judge: Judge, make: Make) -> None:
    row = ca_row(used=False, not_after=at(2021))
    result = judge("certificate-files", make(certificate_files=[row], requests=[answer(time=at(2026))]))
    assert result.verdict == "skipped"
    assert "no certificate file of the configuration was looked at" in result.reason


def test_bytes_to_verdict(judge: Judge, make: Make) -> None:
    authority = certificates.make("Example CA")
    other = certificates.make("mirror.example.com", names=("other.example.com",), ca=False)
    config = parse_config(f'[registry."{HOST}"]\nca = ["{CA}", "/c/other.pem"]\n', name="b.toml")
    files = {
        CA: read_pem(CA, authority.pem),
        "/c/other.pem": read_pem("/c/other.pem", other.pem),
    }
    tables = make(requests=[answer(time=at(2026))], problems=[UNTRUSTED])
    tables["certificate_files"] = examine(files, config, source="folder")

    result = judge("certificate-files", tables)

    assert by_subject(result) == {"/c/other.pem": "fail", CA: "pass"}
    message = next(finding.message for finding in result.findings if finding.verdict == "fail")
    assert "is valid for other.example.com, not mirror.example.com" in message
    assert "it explains the error: x509: certificate signed by unknown authority" in message
    assert "b.toml line 2" in message


@pytest.mark.parametrize(("rule", "kind"), [("ca-readable", "ca"), ("keypair-valid", "cert")])
@pytest.mark.parametrize(
    ("loaded", "known_by", "evidence"),
    [(True, "proof", "proof"), (True, "inference", "inference"), (False, "proof", "inference")],
)
def test_files_of_what_was_loaded_are_proven_by_an_answer(
    judge: Judge, make: Make, rule: str, kind: str, loaded: bool, known_by: str, evidence: str
) -> None:
    named = [{"host": HOST, "kind": kind, "path": CA}]
    tables = make(
        intended_certificates=named,
        effective_certificates=named if loaded else [],
        requests=[answer(host_evidence=known_by)],
    )
    (finding,) = judge(rule, tables).findings
    assert (finding.verdict, finding.evidence) == ("pass", evidence)
