from __future__ import annotations

import pytest

from analyzer.errors import ConfigError
from analyzer.intent import parse_config

TEXT = """{
  "debug": true,
  "registry-mirrors": ["https://m:5000", "http://n/"],
  "insecure-registries": ["http://n", "r:5000", "10.0.0.0/8"],
  "storage-driver": "overlay2"
}"""


def test_mirrors_count_for_docker_hub_only() -> None:
    config = parse_config(TEXT)
    assert config.kind == "dockerd"
    assert [(host.name, host.scheme, host.trust) for host in config.hosts("alpine")] == [
        ("m:5000", "https", ("/etc/docker/certs.d/m:5000",)),
        ("n", "http", ()),
        ("registry-1.docker.io", "https", ("/etc/docker/certs.d/docker.io",)),
    ]
    assert [host.name for host in config.hosts("quay.io/a/b")] == ["quay.io"]
    assert str(config.hosts("alpine")[1].listed_at) == "buildkitd.toml:3:42"


def test_insecure_registries_count_and_networks_do_not() -> None:
    config = parse_config(TEXT, name="daemon.json")
    assert list(config.registries) == ["docker.io", "n", "r:5000"]
    assert config.registries["n"].http is True
    assert config.registries["r:5000"].insecure is True


def test_flags_of_dockerd_are_merged() -> None:
    config = parse_config("{}").with_flags("dockerd --debug --registry-mirror=https://m -l warn")
    assert [host.name for host in config.hosts("alpine")] == ["m", "registry-1.docker.io"]
    assert config.level() == "debug"


def test_other_keys_are_left_alone_and_near_misses_told() -> None:
    config = parse_config('{"registry-mirror": ["https://m"], "dns": ["1.1.1.1"]}')
    (found,) = config.lint()
    assert (found.kind, found.suggestion, found.line) == ("unknown-key", '"registry-mirrors"', 1)


@pytest.mark.parametrize(
    ("mirror", "kind"),
    [
        ("https://m", None),
        ("https://m/", None),
        ("m", "mirror-not-a-url"),
        ("https://m/hub", "mirror-not-a-url"),
        ("http://m", "mirror-scheme"),
    ],
)
def test_mirrors_that_dockerd_refuses_or_misreads(mirror: str, kind: str | None) -> None:
    findings = parse_config(f'{{"registry-mirrors": ["{mirror}"]}}').lint()
    assert [found.kind for found in findings] == ([kind] if kind else [])


def test_a_password_in_a_mirror_is_not_repeated() -> None:
    config = parse_config('{"registry-mirrors": ["https://user:hunter2@m"]}')
    assert [found.kind for found in config.lint()] == ["mirror-not-a-url"]
    assert [host.name for host in config.hosts("alpine")] == ["m", "registry-1.docker.io"]
    assert "hunter2" not in repr((config.lint(), config.hosts("alpine"), config.registries))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{\n "debug": 1}', "d.json:2:2"),
        ('{\n "debug": }', "d.json:2:11"),
        ("[]", "d.json:1:1"),
        ("[" * 100, "d.json:1:66"),
    ],
)
def test_what_dockerd_refuses_is_refused(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name="d.json")
    assert caught.value.where == where


def test_the_kind_may_be_stated() -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        parse_config("debug = true", kind="dockerd")
