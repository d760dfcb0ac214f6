from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tables.failures import (
    KINDS,
    classify_status,
    classify_transport,
    read_failure,
    read_startup_failure,
    registry_of,
    registry_of_url,
    without_stack,
)

SOLVE = "/moby.buildkit.v1.Control/Solve returned error: rpc error: code = Unknown desc = "
BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/Solve returned error: rpc error: code = Unknown desc = "
META = "alpine:3.20: failed to resolve source metadata for docker.io/library/alpine:3.20: "
MIRROR = "https://mirror.example.com/v2/library/alpine/manifests/3.20?ns=docker.io"
CA = "/etc/buildkit/certs/mirror.example.com/ca.pem"
CERT = "/etc/buildkit/certs/mirror.example.com/client.pem"


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "x509_unknown_authority",
        ),
        ("x509: certificate signed by unknown authority", "x509_unknown_authority"),
        ("x509: certificate is valid for old.example.com, not mirror.example.com", "x509_name_mismatch"),
        ("x509: certificate is not valid for any names, but wanted to match m", "x509_name_mismatch"),
        (
            "x509: cannot validate certificate for 127.0.0.10 because it doesn't contain any IP SANs",
            "x509_name_mismatch",
        ),
        ("x509: certificate has expired or is not yet valid: current time 2026-11-24", "x509_expired"),
        ("remote error: tls: certificate required", "client_certificate_rejected"),
        ("remote error: tls: bad certificate", "client_certificate_rejected"),
        ("remote error: tls: unknown certificate authority", "client_certificate_rejected"),
        ("remote error: tls: handshake failure", "tls_other"),
        ("http: server gave HTTP response to HTTPS client", "http_on_https"),
        ("tls: first record does not look like a TLS handshake", "http_on_https"),
        ("dial tcp 10.10.0.10:443: connect: connection refused", "connection_refused"),
        ("write tcp 10.0.0.1:1->10.0.0.2:443: write: connection reset by peer", "connection_reset"),
        ("EOF", "connection_reset"),
        ("dial tcp: lookup mirror.example.com on 10.10.0.53:53: no such host", "name_not_found"),
        ("dial tcp 10.10.0.10:443: i/o timeout", "timeout"),
        ("net/http: TLS handshake timeout", "timeout"),
        ("dial tcp 10.0.0.1:443: connect: no route to host", "unreachable"),
        ("something never seen", "other"),
    ],
)
def test_a_failed_request_has_the_kind_its_transport_says(why: str, kind: str) -> None:
    failure = read_failure(f'failed to do request: Head "{MIRROR}": {why}')

    assert failure.kind == kind
    assert failure.kind in KINDS
    assert failure.host == "mirror.example.com"
    assert failure.registry == "docker.io"
    assert failure.url == MIRROR
    assert classify_transport(why) == kind


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        (f"failed to read {CA}: open {CA}: no such file or directory", "ca_unreadable", CA),
        (f"failed to read {CA}: open {CA}: permission denied", "ca_unreadable", CA),
        (f"failed to read {CA}: read {CA}: is a directory", "ca_unreadable", CA),
        (
            f"failed to load keypair for {CERT}: open {CERT}: no such file or directory",
            "keypair_unreadable",
            CERT,
        ),
        (
            f"failed to load keypair for {CERT}: open /k.pem: no such file or directory",
            "keypair_unreadable",
            "/k.pem",
        ),
        (
            f"failed to load keypair for {CERT}: tls: private key does not match public key",
            "keypair_mismatch",
            CERT,
        ),
        (
            f"failed to load keypair for {CERT}: tls: failed to find certificate PEM data in certificate "
            "input, but did find a private key; PEM inputs may have been switched",
            "keypair_mismatch",
            CERT,
        ),
        (
            f"failed to load keypair for {CERT}: tls: failed to find any PEM data in certificate input",
            "keypair_unreadable",
            CERT,
        ),
    ],
)
def test_a_bad_file_is_named_with_its_registry_and_one_cause(text: str, kind: str, path: str) -> None:
    reports = [SOLVE + META + text, BRIDGE + META + text + "\n", META + text, "alpine:3.20: " + text]
    failures = [read_failure(report) for report in reports]

    assert {failure.kind for failure in failures} == {kind}
    assert {failure.path for failure in failures} == {path}
    assert {failure.registry for failure in failures} == {"docker.io"}
    assert {failure.cause for failure in failures} == {text}


@pytest.mark.parametrize(
    ("text", "kind", "registry"),
    [
        (META + "docker.io/library/alpine:3.20: not found", "not_found", "docker.io"),
        ("localhost:5000/a/b:1: localhost:5000/a/b:1: not found", "not_found", "localhost:5000"),
        (f"content at {MIRROR} not found: not found", "not_found", "docker.io"),
        (
            f"unexpected status from GET request to {MIRROR}: 503 Service Unavailable",
            "server_error",
            "docker.io",
        ),
        (f"unexpected status from HEAD request to {MIRROR}: 401 Unauthorized", "unauthorized", "docker.io"),
        (
            "unexpected status code https://r.example.com/v2/a/blobs/x: 403 Forbidden",
            "denied",
            "r.example.com",
        ),
        (
            META + f"unexpected status from HEAD request to {MIRROR}: 429 Too Many Requests",
            "rate_limited",
            "docker.io",
        ),
        (
            "failed to push registry.example.com/team/app:1.0: denied: requested access to the resource is "
            "denied",
            "denied",
            "registry.example.com",
        ),
        (
            META + "pull access denied, repository does not exist or may require authorization",
            "denied",
            "docker.io",
        ),
        (META + "unauthorized: authentication required", "unauthorized", "docker.io"),
        (
            "failed to push r.example.com:5000/app:1: no basic auth credentials",
            "unauthorized",
            "r.example.com:5000",
        ),
    ],
)
def test_what_a_registry_answers_is_classified(text: str, kind: str, registry: str) -> None:
    failure = read_failure(SOLVE + text)

    assert (failure.kind, failure.registry) == (kind, registry)


X509 = "x509: certificate signed by unknown authority"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('process "/bin/sh -c exit 3" did not complete successfully: exit code: 3', "process_failed"),
        (f'process "/bin/sh -c echo {X509}" did not complete successfully: exit code: 1', "process_failed"),
        (
            rf'process "/bin/sh -c echo \"Head \\\"https://m/v2/\\\": {X509}\"" did not complete '
            "successfully: exit code: 1",
            "process_failed",
        ),
        (f"dockerfile parse error on line 1: unknown instruction: {X509}", "build_failed"),
        (f'failed to compute cache key: "/{X509}" not found: not found', "build_failed"),
        (f'failed to calculate checksum of ref x: "/Head "https://m/": {X509}": not found', "build_failed"),
        (f"frontend said: {X509}", "other"),
        ("failed to read dockerfile: open Dockerfile: no such file or directory", "build_failed"),
    ],
)
def test_words_of_a_build_are_no_failure_of_tls(text: str, kind: str) -> None:
    failure = read_failure(SOLVE + text)

    assert failure.kind == kind
    assert failure.host is None


def test_a_network_that_cannot_be_set_up_is_told_behind_the_command() -> None:
    text = (
        'process "/bin/sh -c echo hi" did not complete successfully: CNI setup error: plugin type="loopback" '
        'failed (add): failed to find plugin "loopback" in path [/tmp]'
    )

    assert read_failure(SOLVE + text).kind == "cni_plugin"


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        (
            "stat /etc/buildkit/cni.json: no such file or directory\n"
            'failed to read cni config "/etc/buildkit/cni.json"',
            "cni_config",
            "/etc/buildkit/cni.json",
        ),
        (
            "stat /opt/cni/bin/bridge: no such file or directory\n"
            'failed to find CNI bridge "/opt/cni/bin/bridge" or '
            "buildkit-cni-bridge",
            "cni_plugin",
            "/opt/cni/bin/bridge",
        ),
        ('invalid network mode: "none"', "config_invalid", None),
        (
            "open /etc/buildkit/certs/grpc/root-ca.pem: no such file or directory\n"
            "could not read ca certificate",
            "ca_unreadable",
            "/etc/buildkit/certs/grpc/root-ca.pem",
        ),
        ("listen tcp 0.0.0.0:1234: bind: address already in use", "startup_failed", None),
    ],
)
def test_a_start_that_fails_is_classified(text: str, kind: str, path: str | None) -> None:
    stack = "\nmain.main\n\tgithub.com/moby/buildkit/cmd/buildkitd/main.go:408\nruntime.main\n\tproc.go:271"

    failure = read_startup_failure(f"buildkitd: {text}{stack}")

    assert (failure.kind, failure.path) == (kind, path)


def test_only_last_words_are_a_failed_start() -> None:
    with pytest.raises(ValueError, match="not a start-up failure"):
        read_startup_failure("some other text")


def test_the_stack_is_cut_off() -> None:
    stacks = (
        "51 v0.17.3 /usr/bin/buildkitd --config x\nmain.f\n\tmain.go:1\n\n51 v0.17.3 b\nmain.g\n\tmain.go:2"
    )
    text = f"{META}oops\n{stacks}\n"

    assert without_stack(text) == f"{META}oops"
    assert without_stack("a\nb") == "a\nb"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, "unauthorized"),
        (403, "denied"),
        (404, "not_found"),
        (429, "rate_limited"),
        (502, "server_error"),
        (418, "other"),
    ],
)
def test_status_codes(code: int, kind: str) -> None:
    assert classify_status(code) == kind


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("alpine:3.20", "docker.io"),
        ("team/app", "docker.io"),
        ("docker.io/library/alpine", "docker.io"),
        ("index.docker.io/library/alpine", "docker.io"),
        ("ghcr.io/acme/base:1", "ghcr.io"),
        ("localhost/app", "localhost"),
        ("registry:5000/app", "registry:5000"),
    ],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


def test_the_registry_of_a_url() -> None:
    assert registry_of_url("https://m/v2/a/manifests/1?ns=127.0.0.1%3A5000") == "127.0.0.1:5000"
    assert registry_of_url("https://registry-1.docker.io/v2/") == "docker.io"
    assert registry_of_url("https://quay.io/v2/") == "quay.io"
    assert registry_of_url(None) is None


@given(st.text(alphabet=st.sampled_from('ab:/ "\\\n\t.0123[]') | st.characters(), max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert read_failure(text).kind in KINDS
    assert read_startup_failure("buildkitd: " + text).kind in KINDS


@pytest.mark.parametrize(
    "part", ["failed to read /a: ", "x: ", 'process "\\', 'Head "https://a": ', "a:1\n\tb:2\n"]
)
def test_a_hostile_text_takes_no_longer_than_it_should(part: str) -> None:
    begin = time.perf_counter()

    read_failure(part * (400_000 // len(part)))

    assert time.perf_counter() - begin < 5
