from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import ConfigError
from analyzer.intent import Config, load_config, parse_config
from analyzer.limits import LIMITS


def refused(text: str | bytes, name: str = "b.toml") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name=name)
    return caught.value


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("debug = true\n[registry", "b.toml:2:10", "not TOML"),
        ("a = 1\na = 2\n", "b.toml:2:6", "not TOML"),
        ("debug =\n", "b.toml:1:8", "not TOML"),
        (b"debug = true\n# \xff\n", "b.toml:2:3", "byte 0xff is not UTF-8"),
        ('debug = "yes"', "b.toml:1:1", 'debug must be true or false, not the string "yes"'),
        (
            '\n[registry."docker.io"]\n  mirrors = "m"',
            "b.toml:3:3",
            'registry."docker.io".mirrors must be an array',
        ),
        ('[registry]\nmirrors = ["m"]', "b.toml:2:1", "registry.mirrors must be a table, not an array"),
        ('[registry."a"]\nca = [1]', "b.toml:2:1", "array of strings"),
        (
            '[registry."a"]\nkeypair = {key = "k", cert = "c"}',
            "b.toml:2:1",
            "array of tables, not a table: write [[registry.a.keypair]]",
        ),
        ("[worker.oci]\ncniPoolSize = true", "b.toml:2:1", "a whole number, not true"),
        ("[worker.oci]\ncniPoolSize = 9223372036854775808", "b.toml:2:1", "a whole number"),
        ("[worker.oci]\nnetworkMode = 1979-05-27", "b.toml:2:1", "a string, not a date or time"),
        ("[worker.oci.labels]\na = 1", "b.toml:1:1", "a table of strings"),
        ('[history]\nmaxAge = "2 fortnights"', "b.toml:2:1", "48h"),
        ('[worker.oci]\ngckeepstorage = "10 parsecs"', "b.toml:2:1", "10GB"),
        ("x = " + "[" * 100, "b.toml:1:69", "64 levels"),
    ],
)
def test_what_buildkitd_refuses_is_refused_with_its_place(text: str | bytes, where: str, what: str) -> None:
    error = refused(text)
    assert error.where == where
    assert what in error.what
    assert error.hint


def test_all_wrong_types_are_told_at_once() -> None:
    error = refused("debug = 1\ntrace = 2\n")
    assert error.where == "b.toml:1:1"
    assert "line 2: trace must be true or false, not the number 2" in error.what


def test_a_file_too_large_is_not_parsed() -> None:
    assert "too many" in refused("#" * (LIMITS.config_bytes + 1)).what


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_config(missing)
    assert caught.value.where == str(missing)


def test_a_file_is_read_by_path(tmp_path: Path) -> None:
    file = tmp_path / "buildkitd.toml"
    file.write_bytes(b"\xef\xbb\xbfdebug = true\r\n[worker.oci]\r\nnetworkMode = 'host'\r\n")
    config = load_config(file)
    assert config.debug is True
    assert config.workers["oci"].network == "host"
    assert str(config.place_of("worker", "oci", "networkMode")) == f"{file}:3:1"


def test_every_key_of_a_section_is_read() -> None:
    config = parse_config(
        """
insecure-entitlements = ["network.host"]
[log]
level = "debug"
format = "json"
[registry."r:5000"]
mirrors = ["m"]
http = true
insecure = false
ca = ["a", "b"]
tlsconfigdir = ["d"]
[[registry."r:5000".keypair]]
key = "k"
cert = "c"
[worker.oci]
enabled = true
networkMode = "bridge"
cniConfigPath = "/c"
cniBinaryPath = "/b"
cniPoolSize = 3
bridgeName = "br"
bridgeSubnet = "10.0.0.0/8"
rootless = true
snapshotter = "native"
gckeepstorage = "10GB"
[worker.oci.labels]
a = "b"
"""
    )
    section = config.registries["r:5000"]
    assert (section.mirrors, section.http, section.insecure) == (("m",), True, False)
    assert (section.ca, section.tlsconfigdir) == (("a", "b"), ("d",))
    assert [(pair.key, pair.cert) for pair in section.keypair] == [("k", "c")]
    assert str(section.place_of("ca", 1)) == "buildkitd.toml:10:12"
    assert str(section.place_of("keypair", 0, "cert")) == "buildkitd.toml:14:1"
    worker = config.workers["oci"]
    assert (worker.enabled, worker.network, worker.network_source) == (True, "bridge", "file")
    assert (worker.cni_config_path, worker.cni_binary_path, worker.cni_pool_size) == ("/c", "/b", 3)
    assert (worker.bridge_name, worker.bridge_subnet, worker.rootless) == ("br", "10.0.0.0/8", True)
    assert (worker.snapshotter, dict(worker.labels)) == ("native", {"a": "b"})
    assert config.entitlements == ("network.host",)
    assert (config.log_level, config.log_format) == ("debug", "json")
    assert config.unknown == ()


def test_an_empty_file_gives_defaults() -> None:
    config = parse_config("")
    assert config.debug is None
    assert dict(config.registries) == {}
    worker = config.workers["containerd"]
    assert (worker.enabled, worker.network, worker.network_source) == (None, "auto", "default")
    assert worker.cni_config_path is None


def test_keys_count_in_any_case_and_the_exact_one_first() -> None:
    assert parse_config("[worker.OCI]\nnetworkmode = 'host'").workers["oci"].network == "host"
    both = parse_config("[worker.oci]\nNETWORKMODE = 'cni'\nnetworkMode = 'host'")
    assert both.workers["oci"].network == "host"
    turned = parse_config("[worker.oci]\nnetworkMode = 'host'\nNETWORKMODE = 'cni'")
    assert turned.workers["oci"].network == "host"
    assert [key.path[-1] for key in turned.unknown] == ["NETWORKMODE"]


def test_an_empty_path_in_the_file_means_the_default() -> None:
    assert parse_config("[worker.oci]\ncniConfigPath = ''").workers["oci"].cni_config_path is None


@pytest.mark.parametrize(
    ("text", "version", "level"),
    [
        ("debug = true", None, "debug"),
        ("debug = true\ntrace = true", None, "trace"),
        ("debug = true\n[log]\nlevel = 'info'", "v0.32.2", "info"),
        ("debug = true\n[log]\nlevel = 'info'", "v0.29.0", "debug"),
        ("[log]\nlevel = 'warn'", None, "warning"),
        ("", None, "info"),
    ],
)
def test_the_level_that_counts(text: str, version: str | None, level: str) -> None:
    assert parse_config(text).level(version) == level


def read_or_refuse(content: str | bytes) -> Config | str:
    """The configuration, or where it was refused."""
    try:
        return parse_config(content)
    except ConfigError as error:
        return error.where or ""


@settings(deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_anything_is_read_or_refused(content: str | bytes) -> None:
    assert read_or_refuse(content)


WORDS = """[registry. "docker.io" ] mirrors ["m"] true { } . keypair [[ ]] [worker.oci] networkMode "host" ca
labels 1 , ' # http registry"""
PIECES = st.sampled_from([*WORDS.split(), " = ", "\n"])


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_pieces_of_configurations_are_read_or_refused(text: str) -> None:
    config = read_or_refuse(text)
    if isinstance(config, Config):
        config.lint("v0.17.3")
        config.tables("v0.9.3")
        for host in config.hosts("alpine"):
            assert host.url_prefix
    else:
        assert config.startswith("buildkitd.toml")
