from __future__ import annotations

import pytest

from analyzer.intent import buildx_certificate_path, parse_config, rewrite_for_buildx

TEXT = """
[registry."m:5000"]
ca = ["certs/ca.pem", "/other/ca.pem"]
tlsconfigdir = ["/etc/certs.d"]
[[registry."m:5000".keypair]]
key = "a/client.key"
cert = "b/client.pem"
[registry."quay.io"]
ca = ["certs/ca.pem"]
[worker.oci]
cniConfigPath = "/etc/buildkit/cni.json"
"""


@pytest.mark.parametrize(
    ("host", "path", "version", "expected"),
    [
        ("m", "certs/ca.pem", None, "/etc/buildkit/certs/m/ca.pem"),
        ("localhost:5000", "/a/b.crt", None, "/etc/buildkit/certs/localhost_5000/b.crt"),
        ("localhost:5000", "/a/b.crt", "v0.10.5", "/etc/buildkit/certs/localhost:5000/b.crt"),
        ("[::1]:5000", "b", None, "/etc/buildkit/certs/_1_5000/b"),
        ("m", "/a/b.crt", "v0.6.3", "/a/b.crt"),
        ("m", "", None, ""),
    ],
)
def test_where_a_file_goes(host: str, path: str, version: str | None, expected: str) -> None:
    assert buildx_certificate_path(host, path, version) == expected


def test_a_configuration_is_rewritten_with_what_is_lost() -> None:
    config = rewrite_for_buildx(parse_config(TEXT))
    section = config.registries["m:5000"]
    assert section.ca == ("/etc/buildkit/certs/m_5000/ca.pem",) * 2
    assert section.keypair[0].key == "/etc/buildkit/certs/m_5000/client.key"
    assert section.keypair[0].cert == "/etc/buildkit/certs/m_5000/client.pem"
    assert section.tlsconfigdir == ("/etc/certs.d",)
    assert section.place is not None
    assert section.place.line == 2
    assert config.rewriting is not None
    assert len(config.rewriting.copied) == 5
    (collision,) = config.rewriting.collisions
    assert {file.path for file in collision.files} == {"certs/ca.pem", "/other/ca.pem"}
    assert [(left.setting, left.path) for left in config.rewriting.not_copied] == [
        ("tlsconfigdir", "/etc/certs.d"),
        ("cniConfigPath", "/etc/buildkit/cni.json"),
    ]


def test_rewriting_twice_changes_nothing_more() -> None:
    once = rewrite_for_buildx(parse_config(TEXT))
    assert rewrite_for_buildx(once).values == once.values


def test_one_file_named_twice_does_not_collide() -> None:
    config = rewrite_for_buildx(parse_config('[registry."m"]\nca = ["a/x", "a/x"]'))
    assert config.rewriting is not None
    assert config.rewriting.collisions == ()


def test_an_old_buildx_copies_nothing() -> None:
    config = rewrite_for_buildx(parse_config(TEXT), "v0.6.0")
    assert config.registries["m:5000"].ca == ("certs/ca.pem", "/other/ca.pem")
    assert config.rewriting is not None
    assert config.rewriting.copied == ()
