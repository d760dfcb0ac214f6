from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import ConfigError
from analyzer.intent import Config, parse_config
from analyzer.intent.differences import compare
from analyzer.intent.settings import read_duration, read_size
from analyzer.intent.tables import differences_table
from tests.comparing import MIRROR, diff


@pytest.mark.parametrize(
    ("meant", "given"),
    [
        ('[registry."m"]\nhttp = false', '[registry."m"]'),
        ("debug = false", ""),
        ('[worker.oci]\nnetworkMode = "auto"', ""),
        ('[worker.oci]\ncniConfigPath = "/etc/buildkit/cni.json"\ngc = true', "[worker.oci]"),
        ('[worker.oci]\nreservedSpace = "1GB"', "[worker.oci]\nreservedSpace = 1073741824"),
        ('[history]\nmaxAge = "48h"', "[history]\nmaxAge = 172800"),
        (MIRROR, "[registry.'docker.io']\nmirrors = ['mirror.example.com']"),
        (MIRROR, '[registry."docker.io"]\nmirrors = ["https://mirror.example.com"]'),
        ('insecure-entitlements = ["a", "b"]', 'insecure-entitlements = ["b", "a"]'),
        ("debug = true", '[log]\nlevel = "debug"'),
    ],
)
def test_what_comes_to_the_same_agrees(meant: str, given: str) -> None:
    for rows in (diff(meant, given), diff(given, meant)):
        assert {(row.cause, row.agrees) for row in rows} == {("same", True)}


@pytest.mark.parametrize(
    ("meant", "given"),
    [
        ('[registry."localhost:5000"]\nhttp = false', ""),
        ("[worker.oci]\ngc = false", ""),
        ('[registry."m"]\nhttp = true', ""),
        ('[registry."m"]\nmirrors = ["a", "b"]', '[registry."m"]\nmirrors = ["b", "a"]'),
        ('[registry."m"]\nmirrors = ["a/x"]', '[registry."m"]\nmirrors = ["a/y"]'),
        ('[worker.oci]\nreservedSpace = "1GB"', '[worker.oci]\nreservedSpace = "10%"'),
        ("[[worker.oci.gcpolicy]]\nall = true", "[[worker.oci.gcpolicy]]\nkeepBytes = 5"),
        ('[dns]\nnameservers = ["192.0.2.1"]', '[dns]\nnameservers = ["192.0.2.2"]'),
        ("debug = true", 'debug = true\n[log]\nlevel = "info"'),
        ("[grpc]\nuid = 0", ""),
        ("[worker.oci.labels]\nteam = 'a'", "[worker.oci.labels]\nteam = 'b'"),
    ],
)
def test_what_does_not_come_to_the_same_differs(meant: str, given: str) -> None:
    for rows in (diff(meant, given), diff(given, meant)):
        assert any(row.agrees is False for row in rows)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5k", 1536),
        ("10GB", 10 << 30),
        ("2 MiB", 2 << 20),
        ("5b", 5),
        ("7", 7),
        ("", 0),
        ("20%", "20%"),
        (9, 9),
    ],
)
def test_sizes(text: object, value: object) -> None:
    assert read_size(text) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("48h", 172800),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("-2m", -120),
        ("90", 90),
        (90, 90),
        ("", 0),
        (".5s", 0.5),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert read_duration(text) == seconds * 10**9


def test_what_is_no_duration_stays_as_it_is() -> None:
    assert [read_duration(value) for value in ("soon", "1h x", True, None)] == ["soon", "1h x", True, None]


_WORDS = st.sampled_from(
    [
        "registry",
        "docker.io",
        "mirrors",
        "mirror",
        "ca",
        "cacert",
        "keypair",
        "key",
        "cert",
        "worker",
        "oci",
        "log",
        "networkMode",
        "level",
        "http",
        "insecure",
        "gcpolicy",
        "registry-1.docker.io",
        "tlsconfigdir",
        "debug",
        "ą.b",
        "containerd",
        "reservedSpace",
        "insecure-entitlements",
        "labels",
        "Mirrors",
        "workers",
        "frontend",
        "gateway.v0",
        "<host>",
    ]
)
_TEXT = st.sampled_from(["a/x", "b/x", "10GB", "48h", ""]) | st.text(max_size=4)
_LEAF = st.booleans() | st.integers(-(2**40), 2**40) | _TEXT
_VALUE = st.recursive(
    _LEAF | st.lists(st.sampled_from(["a/x", "b/x", "m"]), max_size=3),
    lambda inner: (
        st.dictionaries(_WORDS, inner, max_size=4)
        | st.lists(st.dictionaries(_WORDS, inner, max_size=2), max_size=2)
    ),
    max_leaves=12,
)
_FILE = st.dictionaries(_WORDS, _VALUE, max_size=4)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f")


def _parsed(file: dict[str, object]) -> Config | None:
    try:
        return parse_config("\n".join(f"{json.dumps(key)} = {_toml(value)}" for key, value in file.items()))
    except ConfigError:
        return None


_DRIVERS = st.sampled_from([None, "docker-container", "remote"])
_VERSIONS = st.sampled_from([None, "v0.9.3", "v0.17.3"])


@given(_FILE, _FILE, _DRIVERS, _VERSIONS)
def test_any_two_files_compare(
    left: dict[str, object], right: dict[str, object], driver: str | None, version: str | None
) -> None:
    meant, loaded = _parsed(left), _parsed(right)
    if meant is None or loaded is None:
        return
    rows = compare(meant, loaded, driver=driver, version=version)
    assert differences_table(rows).num_rows == len(rows)
    assert all(row.message and row.subject and row.setting for row in rows)
    assert all(row.fix for row in rows if row.agrees is False)


@given(_FILE)
def test_a_file_agrees_with_itself_but_for_what_no_daemon_reads(file: dict[str, object]) -> None:
    config = _parsed(file)
    if config is not None:
        rows = compare(config, config)
        assert {row.cause for row in rows if row.agrees is not True} <= {"misspelt"}
        if not config.unknown:
            assert all(row.agrees for row in rows)
