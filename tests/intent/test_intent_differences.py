from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzer.intent import load_config, parse_config
from analyzer.intent.differences import Difference, compare
from analyzer.intent.tables import DIFFERENCES, differences_table
from tests.comparing import CNI, MIRROR, NETWORK_HOST, diff, only, told


def test_what_is_the_same_is_said_too() -> None:
    (row,) = diff("debug = true", "# by hand\ndebug = true")
    assert (row.subject, row.setting, row.intended, row.effective) == ("debug", "debug", "true", "true")
    assert (row.cause, row.agrees, row.fix, row.evidence) == ("same", True, "", "proof")
    assert (row.intended_file, row.intended_line) == ("b.toml", 1)
    assert (row.effective_file, row.effective_line) == ("/etc/buildkit/buildkitd.toml", 2)


def test_a_worker_left_to_buildkit_may_come_to_the_same() -> None:
    assert told("[worker.oci]\nenabled = true", "") == [("worker.oci.enabled", "not-loaded", None)]
    assert told("[worker.oci]\nenabled = true", "[worker.oci]\nenabled = false") == [
        ("worker.oci.enabled", "edited", False)
    ]


def test_subjects_are_those_of_the_rules() -> None:
    text = f"{MIRROR}{CNI}[grpc]\ndebugAddress = 'x'\n[dns]\noptions = ['a']\n[log]\nformat = 'json'\n"
    subjects = [row.subject for row in diff(text, "")]
    assert subjects == ["registry docker.io", "worker oci", "grpc", "dns", "log"]


def test_a_file_that_was_edited_later() -> None:
    row = only(MIRROR, MIRROR.replace("mirror.", "old."), driver="docker-container")
    assert (row.cause, row.agrees) == ("edited", False)
    assert row.message == (
        'registry."docker.io".mirrors: meant mirror.example.com, loaded old.example.com: '
        "a builder keeps the file that it was created with"
    )
    assert "docker buildx rm" in row.fix


def test_a_loaded_file_that_says_nothing() -> None:
    row = only(MIRROR, "")
    assert row.cause == "not-loaded"
    assert "/etc/buildkit/buildkitd.toml says nothing" in row.message
    assert only("", MIRROR).cause == "edited"


# Flags


def test_a_version_without_its_patch_may_be_any() -> None:
    text = '[grpc]\nsecurityDescriptor = "x"'
    assert only(text, text, version="v0.13.1").cause == "not-in-version"
    assert {row.cause for row in diff(text, text, version="v0.13")} == {"same"}


def test_a_flag_overrides_the_file() -> None:
    row = only(CNI, CNI, "--oci-worker-net=host")
    assert (row.setting, row.cause, row.agrees) == ("worker.oci.networkMode", "flag", False)
    assert (row.effective, row.effective_file, row.effective_line) == ("host", "--oci-worker-net=host", None)
    assert "--oci-worker-net=host overrides the file" in row.message


def test_a_flag_that_was_meant() -> None:
    meant = parse_config(MIRROR).with_flags("--oci-worker-net=host")
    (row,) = [row for row in compare(meant, parse_config(MIRROR)) if row.agrees is False]
    assert (row.cause, row.intended_file) == ("flag", "--oci-worker-net=host")
    given = parse_config(MIRROR).with_flags("--oci-worker-net=host")
    assert all(row.agrees for row in compare(meant, given))


def test_the_flag_that_empties_the_path() -> None:
    text = '[worker.oci]\ncniConfigPath = "/etc/buildkit/cni.json"'
    row = only(text, text, "--oci-cni-config-path=/etc/buildkit/cni.json")
    assert (row.cause, row.agrees, row.effective) == ("flag", False, "")


def test_buildx_adds_an_entitlement() -> None:
    for driver in ("docker-container", "kubernetes", None):
        row = only("", "", NETWORK_HOST, driver=driver)
        assert (row.cause, row.agrees) == ("driver-default", True)
        assert row.evidence == ("proof" if driver else "inference")
    assert only("", "", NETWORK_HOST, driver="remote").cause == "flag"
    assert only("", "", f"{NETWORK_HOST} --root=/var/lib/buildkit").agrees is None
    assert only("", "", "--allow-insecure-entitlement=security.insecure").agrees is False


def test_what_buildx_adds_replaces_the_list_of_the_file() -> None:
    text = 'insecure-entitlements = ["network.host", "security.insecure"]'
    row = only(text, text, NETWORK_HOST, driver="docker-container")
    assert (row.cause, row.agrees) == ("driver-default", False)
    assert "security.insecure is lost" in row.message
    assert "--allow-insecure-entitlement=security.insecure" in row.fix
    other = only(text, text, "--allow-insecure-entitlement=device", driver="docker-container")
    assert (other.cause, other.agrees) == ("flag", False)
    nothing = only("insecure-entitlements = []", "", NETWORK_HOST, driver="docker-container")
    assert (nothing.cause, nothing.agrees) == ("driver-default", False)
    same = 'insecure-entitlements = ["network.host"]'
    assert {row.cause for row in diff(same, same, NETWORK_HOST)} == {"same"}


def test_buildx_starts_rootless_pods_with_a_flag() -> None:
    row = only("", "", "--oci-worker-no-process-sandbox", driver="kubernetes")
    assert (row.cause, row.agrees) == ("driver-default", True)
    assert only("", "", "--oci-worker-no-process-sandbox", driver="docker-container").agrees is False


# Drivers and daemons


@pytest.mark.parametrize("driver", ["remote", "docker"])
def test_drivers_that_take_no_file(driver: str) -> None:
    assert only(MIRROR, "", driver=driver).cause == "ignored-by-driver"
    # with a file of its own, that file is another
    assert only(MIRROR, MIRROR.replace("mirror.", "m."), driver=driver).cause == "edited"


def test_a_rootless_daemon_looks_elsewhere() -> None:
    effective = parse_config("", name="/home/user/.config/buildkit/buildkitd.toml")
    (row,) = compare(parse_config(MIRROR), effective, driver="kubernetes")
    assert (row.cause, row.agrees) == ("ignored-by-driver", False)
    assert "/home/user/.config/buildkit/buildkitd.toml" in row.message


def test_dockerd_reads_no_buildkitd_toml() -> None:
    effective = parse_config('{"registry-mirrors": ["https://mirror.example.com"]}', name="daemon.json")
    rows = {
        row.setting: (row.cause, row.agrees) for row in compare(parse_config(f"{MIRROR}{CNI}"), effective)
    }
    assert rows == {
        'registry."docker.io".mirrors': ("same", True),
        "worker.oci.networkMode": ("ignored-by-driver", False),
    }


def test_buildkitd_reads_no_daemon_json() -> None:
    meant = parse_config('{"registry-mirrors": ["https://m.example.com"], "debug": true}', name="daemon.json")
    rows = compare(meant, parse_config(""))
    assert [(row.setting, row.cause) for row in rows] == [
        ('registry."docker.io".mirrors', "ignored-by-driver"),
        ("debug", "ignored-by-driver"),
    ]
    assert "reads a buildkitd.toml and no daemon.json" in rows[0].message


def test_two_files_of_dockerd() -> None:
    meant = parse_config(
        json.dumps(
            {"registry-mirrors": ["https://m.example.com"], "insecure-registries": ["r:5000", "10.0.0.0/8"]}
        )
    )
    effective = parse_config("{}").with_flags("--registry-mirror=https://m.example.com/ -D")
    rows = [(row.subject, row.cause, row.agrees) for row in compare(meant, effective)]
    assert rows == [
        ("registry docker.io", "same", True),
        ("registry r:5000", "not-loaded", False),
        ("insecure-registries", "not-loaded", False),
        ("debug", "flag", False),
    ]


# What must not be told


def test_secrets_are_masked() -> None:
    meant = (
        '[registry."https://u:hunter2@r"]\nmirrors = ["https://u:hunter2@m/x"]\nmirrorz = ["u:hunter2@m"]\n'
        '[worker.oci.labels]\npassword = "hunter2"\n[registry."a"]\nmirror = ["u:hunter2@m"]'
    )
    for rows in (diff(meant, ""), diff("", meant), diff(meant, meant)):
        assert rows
        assert "hunter2" not in repr(rows)
    assert "hunter2" not in repr(diff(MIRROR, "", "--addr tcp://u:hunter2@h"))


def test_the_table_has_its_spec() -> None:
    table = differences_table(diff(MIRROR, ""))
    assert table.schema == DIFFERENCES.schema
    assert table.num_rows == 1


# Real builders


@pytest.fixture(scope="session")
def captures(captures_root: Path | None) -> Path:
    if captures_root is None:
        pytest.skip("no captured logs beside this checkout")
    return captures_root


def captured(folder: Path, intended: str = "intended.toml") -> list[Difference]:
    effective = load_config(folder / "buildkitd.toml").with_flags((folder / "cmdline.txt").read_text())
    driver = "docker-container" if folder.name.startswith("docker-buildx") else None
    rows = compare(
        load_config(folder / intended), effective, driver=driver, version=folder.name.rpartition("-")[2]
    )
    return [row for row in rows if row.agrees is not True]


def test_builders_were_given_what_buildx_was_told(captures: Path) -> None:
    folders = [folder for folder in captures.glob("docker-*") if (folder / "local.toml").is_file()]
    assert len(folders) >= 5
    for folder in folders:
        assert captured(folder, "local.toml") == []


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("docker-buildx-untrusted", {('registry."mirror.example.com".ca', "edited")}),
        ("network-flag-overrides", {("worker.oci.networkMode", "flag")}),
        ("mirror-not-configured-typo", {('registry."docker.io".mirrors', "misspelt")}),
        ("network-typo", {("worker.oci.networkMode", "misspelt")}),
        (
            "config-drift",
            {
                ('registry."docker.io".mirrors', "edited"),
                ('registry."mirror.example.com".ca', "edited"),
                ('registry."mirror2.example.com".ca', "edited"),
            },
        ),
    ],
)
def test_the_captured_cause(captures: Path, scenario: str, expected: set[tuple[str, str]]) -> None:
    folders = list(captures.glob(f"{scenario}-v*"))
    assert folders
    for folder in folders:
        rows = captured(folder)
        assert {(row.setting, row.cause) for row in rows} == expected
        assert all(row.agrees is False for row in rows)


def test_files_that_were_loaded_as_meant_agree(captures: Path) -> None:
    agreed = 0
    for folder in captures.iterdir():
        meant, given_ = folder / "intended.toml", folder / "buildkitd.toml"
        if meant.is_file() and given_.is_file() and meant.read_text() == given_.read_text():
            if folder.name.startswith(("network-flag-overrides", "two-starts")):
                continue
            rows = captured(folder)
            if not load_config(meant).unknown:
                agreed += 1
                assert [row.message for row in rows] == [], folder.name
    assert agreed > 100
