from __future__ import annotations

import pytest

from analyzer.errors import ConfigError
from analyzer.intent import Config, parse_config

FILE = """
insecure-entitlements = ["security.insecure"]
[worker.oci]
networkMode = "cni"
cniConfigPath = "/etc/buildkit/cni.json"
[worker.oci.labels]
a = "1"
b = "2"
"""


def merged(flags: str | list[str], text: str = FILE) -> Config:
    return parse_config(text).with_flags(flags)


def test_a_flag_wins_over_the_file_and_says_so() -> None:
    worker = merged("--oci-worker-net=host").workers["oci"]
    assert (worker.network, worker.network_source) == ("host", "flag")
    place = worker.place_of("networkMode")
    assert (place and place.file, place and place.line) == ("--oci-worker-net=host", None)
    assert parse_config(FILE).workers["oci"].network == "cni"


@pytest.mark.parametrize(
    "flags",
    [
        "--oci-worker-net host",
        "-oci-worker-net=host",
        "/usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml --oci-worker-net=host",
        "rootlesskit --net=slirp4netns --copy-up=/etc buildkitd '--oci-worker-net=host'",
        ["buildkitd", "--debug", "--oci-worker-net", "host"],
    ],
)
def test_ways_to_write_a_flag(flags: str | list[str]) -> None:
    assert merged(flags).workers["oci"].network == "host"


def test_words_before_the_daemon_and_after_the_last_flag_do_not_count() -> None:
    config = merged("sh -c --oci-worker-net=bridge buildkitd -- --oci-worker-net=host")
    assert config.workers["oci"].network == "cni"


def test_labels_are_merged() -> None:
    config = merged("--oci-worker-labels b=3 --oci-worker-labels c=4=5")
    assert dict(config.workers["oci"].labels) == {"a": "1", "b": "3", "c": "4=5"}


def test_entitlements_replace_the_list() -> None:
    config = merged("--allow-insecure-entitlement=network.host --allow-insecure-entitlement device")
    assert config.entitlements == ("network.host", "device")


def test_a_replaced_list_has_no_places_of_the_file() -> None:
    config = merged("--allow-insecure-entitlement=network.host")
    assert str(config.place_of("insecure-entitlements", 0)) == "--allow-insecure-entitlement=network.host"


def test_a_flag_is_not_measured_as_a_key_of_the_file() -> None:
    assert merged("--debug", "").lint("v0.17.3") == ()


def test_the_path_flag_of_the_oci_worker_empties_the_path() -> None:
    assert merged("--oci-cni-config-path=/x").workers["oci"].cni_config_path == ""
    assert merged("--containerd-cni-config-path=/x").workers["containerd"].cni_config_path == "/x"


def test_debug_counts_in_every_version() -> None:
    config = merged("--debug", "[log]\nlevel = 'info'")
    assert (config.level("v0.17.3"), config.level("v0.32.2")) == ("debug", "debug")
    assert merged("--debug --log-level=warn").level() == "warning"
    assert merged("--log-level=warn --debug").level() == "warning"
    assert merged("--debug=false", "debug = true").level() == "debug"


def test_workers_are_switched() -> None:
    config = merged("--oci-worker=false --containerd-worker=auto", "[worker.containerd]\nenabled = false")
    assert config.workers["oci"].enabled is False
    assert config.workers["containerd"].enabled is None


def test_rootless_counts_for_both_workers() -> None:
    config = merged("--rootless")
    assert [worker.rootless for worker in config.workers.values()] == [True, True]


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ("--oci-worker-net='host", "split into words"),
        ("--oci-worker-net", "lacks its value"),
        ("--oci-cni-pool-size=many", "cannot be read"),
        ("--oci-worker=perhaps", "cannot be read"),
        ("--oci-worker-labels=x", "cannot be read"),
    ],
)
def test_flags_that_keep_the_daemon_from_starting_are_refused(flags: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        merged(flags)


def test_unknown_flags_are_kept_for_the_lint() -> None:
    config = merged("--oci-worker-nett=host")
    assert [(flag.name, flag.known) for flag in config.flags] == [("oci-worker-nett", False)]
    (found,) = [one for one in config.lint() if one.kind == "unknown-flag"]
    assert (found.suggestion, found.line) == ("--oci-worker-net", None)


def test_flags_add_up_over_calls() -> None:
    config = merged("--oci-worker-net=host").with_flags("--debug")
    assert config.workers["oci"].network == "host"
    assert len(config.flags) == 2
