from __future__ import annotations

import pytest

from analyzer.intent import LintFinding, parse_config
from analyzer.intent.lint import KINDS

GOOD = """
debug = true
[registry."docker.io"]
  mirrors = ["mirror.example.com", "cache.example.com:5000/hub"]
[registry."mirror.example.com"]
  ca = ["/etc/buildkit/ca.pem"]
  [[registry."mirror.example.com".keypair]]
    key = "/etc/buildkit/client.key"
    cert = "/etc/buildkit/client.pem"
[registry."cache.example.com:5000"]
  http = true
[registry."localhost:5001"]
[worker.oci]
  enabled = true
  networkMode = "cni"
  cniConfigPath = "/etc/buildkit/cni.json"
  gckeepstorage = 9000
[worker.containerd]
  enabled = false
"""


def lint(text: str, version: str | None = None) -> tuple[LintFinding, ...]:
    return parse_config(text).lint(version)


def hub(settings: str, rest: str = "") -> str:
    return f'[registry."docker.io"]\n{settings}\n{rest}'


@pytest.mark.parametrize("version", [None, "v0.13.0"])
def test_a_good_file_is_left_alone(version: str | None) -> None:
    assert lint(GOOD, version) == ()


CASES = [
    # Keys
    (hub('mirror = ["m"]'), "unknown-key", "error", (2, 1), "mirrors"),
    (hub('mirors = ["m"]'), "unknown-key", "error", (2, 1), "mirrors"),
    (hub('registry-mirrors = ["m"]'), "unknown-key", "error", (2, 1), "mirrors"),
    (hub('cafile = "x"'), "unknown-key", "error", (2, 1), "ca"),
    ("[worker.oci]\nnetwrokMode = 'host'", "unknown-key", "error", (2, 1), "networkMode"),
    ("[worker.oci]\nnetwork_mode = 'host'", "unknown-key", "error", (2, 1), "networkMode"),
    ("[registries.'docker.io']\nmirrors = ['m']", "unknown-key", "error", (1, 1), "registry"),
    ("[workers.oci]\nenabled = true", "unknown-key", "error", (1, 1), "worker"),
    ("xyzzy = 1", "unknown-key", "warning", (1, 1), None),
    ("[worker.oci]\n'a b' = 1", "unknown-key", "warning", (2, 1), None),
    ("[worker.oci]\ndebug = true", "wrong-table", "error", (2, 1), None),
    ("networkMode = 'host'", "wrong-table", "error", (1, 1), None),
    ("[worker]\nnetworkMode = 'host'", "wrong-table", "error", (2, 1), None),
    ("mirrors = ['m']", "wrong-table", "error", (1, 1), '[registry."<host>"]'),
    ("specDirs = ['m']", "wrong-table", "error", (1, 1), "[cdi]"),
    (hub('cert = "x"'), "wrong-table", "error", (2, 1), '[registry."<host>".keypair]'),
    ("[registry.docker.io]\nmirrors = ['m']", "unquoted-registry", "error", (1, 1), '[registry."docker.io"]'),
    ("[registry.a.b.c]\nca = ['m']", "unquoted-registry", "error", (1, 1), '[registry."a.b.c"]'),
    ("[worker.oci]\nNetworkMode = 'host'", "key-case", "warning", (2, 1), "networkMode"),
    (
        "[[registry.m.keypair]]\nkey = 'k'\ncert = 'c'\ncertificate = 'c'",
        "unknown-key",
        "error",
        (4, 1),
        "cert",
    ),
    ("[oci]\nenabled = true", "wrong-table", "error", (1, 1), "[worker]"),
    # Names of registries
    ("[registry.'registry-1.docker.io']", "registry-key-alias", "error", (1, 1), '[registry."docker.io"]'),
    ("[registry.'index.docker.io']", "registry-key-alias", "error", (1, 1), '[registry."docker.io"]'),
    ("[registry.'docker.io:443']", "registry-key-alias", "error", (1, 1), '[registry."docker.io"]'),
    ("[registry.'https://docker.io']", "registry-key-url", "error", (1, 1), '[registry."docker.io"]'),
    ("[registry.'https://r:5/v2']", "registry-key-url", "error", (1, 1), '[registry."r:5"]'),
    ("[registry.'ghcr.io/team']", "registry-key-url", "error", (1, 1), '[registry."ghcr.io"]'),
    ("[registry.'*.example.com']", "registry-key-pattern", "error", (1, 1), None),
    ("[registry.'ghcr.io ']", "registry-key-space", "error", (1, 1), '[registry."ghcr.io"]'),
    # Mirrors
    (hub("mirrors = []"), "mirrors-empty", "warning", (2, 1), None),
    (hub("mirrors = ['']"), "mirror-not-a-host", "error", (2, 12), None),
    (hub("mirrors = [' m']"), "mirror-not-a-host", "error", (2, 12), '"m"'),
    (hub("mirrors = ['a, b']"), "mirror-not-a-host", "error", (2, 12), None),
    (hub("mirrors = ['m', 'm']"), "mirror-twice", "warning", (2, 17), None),
    (hub("mirrors = ['docker.io']"), "mirror-is-registry", "warning", (2, 12), None),
    (hub("mirrors = ['registry-1.docker.io']"), "mirror-is-registry", "warning", (2, 12), None),
    (hub("mirrors = ['https://m']"), "mirror-scheme", "info", (2, 12), '"m"'),
    (hub("mirrors = ['http://m']"), "mirror-scheme", "error", (2, 12), '"m"'),
    (hub("mirrors = ['http://m']", "[registry.m]\nhttp = true"), "mirror-scheme", "info", (2, 12), '"m"'),
    (hub("mirrors = ['u:p@m']"), "mirror-credentials", "error", (2, 12), None),
    (hub("mirrors = ['m']\nca = ['c']"), "settings-under-registry", "error", (3, 1), '[registry."m"]'),
    (hub("mirrors = ['m']\nhttp = true"), "settings-under-registry", "error", (3, 1), '[registry."m"]'),
    (
        "[registry.'quay.io']\nmirrors = ['m']\ninsecure = true",
        "settings-under-registry",
        "warning",
        (3, 1),
        '[registry."m"]',
    ),
    (
        hub("mirrors = ['m:5']", "[registry.m]\nhttp = true"),
        "mirror-section-name",
        "error",
        (3, 1),
        '[registry."m:5"]',
    ),
    # How a host is spoken to
    ("[registry.m]\nhttp = true\nca = ['c']", "unused-with-http", "warning", (3, 1), None),
    ("[registry.m]\ninsecure = true\nca = ['c']", "unverified-ca", "warning", (2, 1), None),
    ("[registry.m]\nhttp = true\ninsecure = true", "http-and-insecure", "info", (3, 1), None),
    # Certificates
    ("[registry.m]\nkeypair = [{key = 'k'}]", "keypair-incomplete", "error", (2, 12), None),
    (
        "[registry.m]\nkeypair = [{key = 'c.pem', cert = 'c.key'}]",
        "keypair-swapped",
        "warning",
        (2, 12),
        None,
    ),
    ("[registry.m]\nca = ['']", "ca-empty", "error", (2, 7), None),
    ("[registry.m]\nca = ['ca.key']", "ca-is-key", "warning", (2, 7), None),
    ("[registry.m]\nca = ['c', 'c']", "ca-twice", "info", (2, 12), None),
    ("[registry.m]\nca = ['a/ca.pem', 'b/ca.pem']", "buildx-name-collision", "warning", (2, 19), None),
    # Workers
    ("[worker.oci]\nnetworkMode = 'none'", "network-mode-invalid", "error", (2, 1), None),
    ("[worker.oci]\nnetworkMode = 'Host'", "network-mode-invalid", "error", (2, 1), '"host"'),
    ("[worker.oci]\nnetworkMode = 'bridged'", "network-mode-invalid", "error", (2, 1), '"bridge"'),
    ("[worker.oci]\nnetworkMode = 'cni'", "cni-config-path-default", "info", (2, 1), None),
    (
        "[worker.containerd]\nenabled = false\nnetworkMode = 'host'",
        "network-on-disabled-worker",
        "warning",
        (3, 1),
        "[worker.oci]",
    ),
    (
        "[worker.oci]\nenabled = false\n[worker.containerd]\nenabled = false",
        "no-worker",
        "error",
        (2, 1),
        None,
    ),
    # The daemon
    ("debug = true\n[log]\nlevel = 'info'", "log-level-overrides", "warning", (3, 1), 'level = "debug"'),
    ("[log]\nlevel = 'loud'", "log-level-invalid", "error", (2, 1), None),
    ("[log]\nformat = 'xml'", "log-format-invalid", "error", (2, 1), None),
    ("insecure-entitlements = ['net.host']", "entitlement-unknown", "error", (1, 26), None),
    ("[system]\nmaxRegistryConcurrency = 0", "concurrency-not-positive", "error", (2, 1), None),
]


@pytest.mark.parametrize(("text", "kind", "severity", "place", "suggestion"), CASES)
def test_one_mistake_gives_one_finding_at_its_place(
    text: str, kind: str, severity: str, place: tuple[int, int], suggestion: str | None
) -> None:
    (found,) = lint(text)
    assert kind in KINDS
    assert (found.kind, found.severity) == (kind, severity)
    assert (found.line, found.column) == place
    assert found.suggestion == suggestion
    assert found.fix.endswith((".", "?"))
    assert not found.message.endswith(".")


VERSIONS = [
    ("[log]\nlevel = 'debug'", "v0.29.0", "key-not-in-version", (2, 1)),
    ("[log]\nlevel = 'debug'", "v0.12.0", "key-not-in-version", (1, 1)),
    ("[system]\nmaxRegistryConcurrency = 4", "v0.30.0", "key-not-in-version", (2, 1)),
    ("debug = true", "v0.30.0", "deprecated-key", (1, 1)),
    ("[worker.oci]\ngckeepstorage = 1", "v0.17.0", "deprecated-key", (2, 1)),
    ("[worker.oci]\ngckeepstorage = '10GB'", "v0.11.6", "unit-not-in-version", (2, 1)),
    ("[worker.oci]\nnetworkMode = 'bridge'", "v0.12.5", "network-mode-not-in-version", (2, 1)),
    ("[worker.oci]\nNetworkMode = 'host'", "v0.17.3", "key-case", (2, 1)),
    (hub("mirrors = ['https://m']"), "v0.11.6", "mirror-scheme", (2, 12)),
    (hub("mirrors = ['m/hub']"), "v0.11.6", "mirror-path", (2, 12)),
]


@pytest.mark.parametrize(("text", "version", "kind", "place"), VERSIONS)
def test_a_stated_version_is_measured_against(
    text: str, version: str, kind: str, place: tuple[int, int]
) -> None:
    (found,) = lint(text, version)
    assert (found.kind, (found.line, found.column)) == (kind, place)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("[log]\nlevel = 'debug'", "v0.30.0"),
        ("debug = true", "v0.29.0"),
        ("debug = true", None),
        ("debug = true\n[log]\nlevel = 'trace'", None),
        ("[worker.oci]\ngckeepstorage = '10GB'", "v0.12.0"),
        ("[worker.oci]\nnetworkMode = 'bridge'", "v0.13.0"),
        ("[worker.oci]\nnetworkmode = 'host'", "v0.17.3"),
        ("[worker.oci]\nNetworkMode = 'host'", "v0.28.0"),
        ("[worker.oci]\nNetworkMode = 'host'", "v0.9.3"),
        (hub("mirrors = ['m:5000', 'm:5001']", "[registry.'m:5000']\nhttp = true"), None),
        (hub("mirrors = ['m/a', 'm/b']"), None),
        (hub("mirrors = ['m:5']", "[registry.m]\nmirrors = ['z']"), None),
        (hub("mirrors = ['registry-1.docker.io/proxy']"), None),
        (hub("mirrors = ['m']\nca = ['c']", "[registry.m]"), None),
        ("[registry.'quay.io']\nmirrors = ['index.docker.io']\n[registry.'index.docker.io']", None),
        ("insecure-entitlements = ['device', 'network.host']", None),
        (
            "[worker.containerd]\nenabled = false\nnetworkMode = 'host'\n[worker.oci]\nnetworkMode = 'cni'\n"
            "cniConfigPath = '/c'",
            None,
        ),
        ("[worker.oci]\nstargzSnapshotter = {a = {b = 1}}", None),
    ],
)
def test_what_works_is_left_alone(text: str, version: str | None) -> None:
    assert lint(text, version) == ()


def test_the_path_flag_of_the_oci_worker_is_told() -> None:
    config = parse_config("[worker.oci]\nnetworkMode = 'cni'").with_flags("--oci-cni-config-path=/x")
    (found,) = config.lint()
    assert (found.kind, found.where) == ("cni-config-path-flag", "--oci-cni-config-path=/x")
    assert "the mode cni fails" in found.message


def test_an_unknown_entitlement_is_ignored_in_the_file_and_fatal_as_a_flag() -> None:
    (found,) = lint("insecure-entitlements = ['device=x']")
    assert "ignores it" in found.message
    (found,) = parse_config("").with_flags("--allow-insecure-entitlement=x").lint()
    assert "does not start" in found.message
    assert found.where == "--allow-insecure-entitlement=x"


def test_findings_come_in_the_order_of_the_lines_and_flags_last() -> None:
    text = "[worker.oci]\nnetworkMode = 'none'\n[registry.'docker.io']\nmirror = ['m']"
    findings = parse_config(text).with_flags("--nonsense").lint()
    assert [found.line for found in findings] == [2, 4, None]


def test_a_password_in_a_mirror_is_not_repeated() -> None:
    text = hub("mirrors = ['https://user:hunter2@m']", "[registry.'https://user:hunter2@r']\nca = ['c']")
    findings = lint(text) + lint(text, "v0.9.3")
    assert findings
    assert "hunter2" not in "".join(repr(found) for found in findings)


def test_every_kind_is_tested_here_or_with_flags_and_dockerd() -> None:
    elsewhere = {"cni-config-path-flag", "unknown-flag", "mirror-not-a-url"}
    assert {case[1] for case in CASES} | {case[2] for case in VERSIONS} | elsewhere == set(KINDS)


def test_a_table_too_new_speaks_for_all_in_it() -> None:
    findings = lint("[cdi]\ndisabled = true\nspecDirs = []", "v0.19.0")
    assert [found.line for found in findings] == [1]
