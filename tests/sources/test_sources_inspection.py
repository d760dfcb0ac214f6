from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sources.inspection import read_docker_inspect, read_inspection

HEAD = """\
Name:          mybuilder
Driver:        docker-container
Last Activity: 2026-11-24 22:11:51 +0000 UTC

Nodes:
"""
NODE = """\
Name:                  mybuilder0
Endpoint:              unix:///var/run/docker.sock
Driver Options:        env.BUILDKITD_LOG_LEVEL="debug" env.SECRET="x" image="moby/buildkit:v0.17.3" network="host"
Status:                running
BuildKit daemon flags: --debug --allow-insecure-entitlement=network.host
BuildKit version:      v0.17.3
Platforms:             linux/amd64
Labels:
 org.mobyproject.buildkit.worker.executor: oci
Devices:
 Name:                  vendor.example/gpu
GC Policy rule#0:
 All:            false
"""
FILES = """\
File#buildkitd.toml:
 > debug = true
 >
 > [registry.'docker.io']
 > mirrors = ['mirror.example.com']
 >\u0020
File#provenance.d/github_actions_context.json:
 > {"token": "x"}
"""
CONTAINER: dict[str, Any] = {
    "Id": "e9e9",
    "Created": "2026-11-24T22:11:59.396914155Z",
    "Path": "buildkitd",
    "Args": ["--config", "/etc/buildkit/buildkitd.toml"],
    "State": {"StartedAt": "2026-11-24T22:11:59.645101815+02:00"},
    "Image": "sha256:155f",
    "Name": "/buildx_buildkit_b0",
    "Config": {
        "User": "1000:1000",
        "Image": "moby/buildkit:rootless",
        "Env": [
            "USER=user",
            "HOME=/home/user",
            "BUILDKITD_LOG_LEVEL=a=b",
            "BUILDKIT_X=1",
            "AWS_SECRET_KEY=s",
            "USER2=x",
        ],
    },
}


def test_a_node() -> None:
    (seen,) = read_inspection(HEAD + NODE + FILES)
    assert (seen.name, seen.program, seen.driver, seen.version) == (
        "builder:mybuilder",
        "buildkitd",
        "docker-container",
        "v0.17.3",
    )
    assert seen.command_line == (
        "buildkitd",
        "--config",
        "/etc/buildkit/buildkitd.toml",
        "--debug",
        "--allow-insecure-entitlement=network.host",
    )
    assert (seen.image, seen.environment) == ("moby/buildkit:v0.17.3", {"BUILDKITD_LOG_LEVEL": "debug"})
    assert seen.config is not None
    assert (seen.config.path, seen.config.exists) == ("/etc/buildkit/buildkitd.toml", True)
    assert seen.config.text == b"debug = true\n\n[registry.'docker.io']\nmirrors = ['mirror.example.com']\n"
    assert (seen.files, seen.not_read) == ({}, ())
    assert "token" not in repr(seen)
    assert "SECRET" not in repr(seen)


def test_line_ends_of_windows() -> None:
    text = HEAD + NODE + FILES
    assert read_inspection(text.replace("\n", "\r\n")) == read_inspection(text)


def test_several_nodes_are_several_daemons() -> None:
    other = NODE.replace("mybuilder0", "other").replace("--debug ", "")
    seen = read_inspection(f"{HEAD}{NODE}{FILES}\n{other}")
    assert [one.name for one in seen] == ["builder:mybuilder (mybuilder0)", "builder:mybuilder (other)"]
    assert [one.config is None for one in seen] == [False, True]
    assert seen[1].command_line == ("buildkitd", "--allow-insecure-entitlement=network.host")


def test_an_older_layout() -> None:
    text = "Name:   b\nDriver: docker-container\n\nNodes:\nName:      b0\nEndpoint:  unix:///s\nStatus:    running\n"
    (seen,) = read_inspection(f"{text}Flags:     --debug\nBuildkit:  v0.9.3\nPlatforms: linux/amd64\n")
    assert (seen.command_line, seen.version, seen.config) == (("buildkitd", "--debug"), "v0.9.3", None)


@pytest.mark.parametrize(
    ("driver", "program", "command_line"),
    [
        ("remote", "buildkitd", None),
        ("docker", "dockerd", None),
        ("kubernetes", "buildkitd", ("buildkitd", "--debug")),
    ],
)
def test_other_drivers(driver: str, program: str, command_line: tuple[str, ...] | None) -> None:
    text = f"Name: b\nDriver: {driver}\n\nNodes:\nName: b0\nStatus: running\nFlags: --debug\n{FILES}"
    (seen,) = read_inspection(text)
    assert (seen.program, seen.command_line, seen.driver) == (program, command_line, driver)


def test_rootless_daemons() -> None:
    pods = (
        'Name: b\nDriver: kubernetes\n\nNodes:\nName: b0\nDriver Options: rootless="true"\nStatus: running\n'
    )
    (seen,) = read_inspection(pods)
    assert seen.command_line == ("rootlesskit", "buildkitd", "--oci-worker-no-process-sandbox")
    (seen,) = read_inspection(HEAD + NODE.replace('v0.17.3" network', 'v0.17.3-rootless" network'))
    assert seen.command_line is not None
    assert seen.command_line[:2] == ("rootlesskit", "buildkitd")


def test_of_a_node_that_could_not_be_reached_nothing_is_claimed() -> None:
    (seen,) = read_inspection(f"{HEAD}Name: b0\nEndpoint: tcp://x\nError: no answer\n")
    assert (seen.command_line, seen.config, seen.version) == (None, None, None)


def test_keys_are_not_kept() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    shown = "".join(f" > {line}\n" for line in pem.split("\n"))
    text = f"{HEAD}{NODE}File#certs/m/key.pem:\n{shown}File#buildkitd.toml:\n{shown}File#other:\n{shown}"
    (seen,) = read_inspection(text)
    (file,) = seen.files.values()
    assert file.path == "/etc/buildkit/certs/m/key.pem"
    (block,) = file.blocks
    assert block.is_private_key
    assert block.public is not None
    assert seen.config is not None
    assert seen.config.text is None
    assert seen.not_read == ("/etc/buildkit/buildkitd.toml: it holds a private key, and is not kept",)
    for line in pem.splitlines()[1:-1]:
        assert line not in repr(seen)
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in block.public


def test_files_stay_in_their_folder() -> None:
    (seen,) = read_inspection(f"{HEAD}{NODE}File#certs/../../shadow:\n > x\nFile#certs/a/../b.pem:\n > x\n")
    assert list(seen.files) == ["/etc/buildkit/certs/b.pem"]


@pytest.mark.parametrize(
    "text", ["", "Name: x", "Driver: x", "hello\nworld", "[]", HEAD, "Nodes:\nName: a\nDriver: b\n"]
)
def test_other_texts_are_no_inspection(text: str) -> None:
    assert read_inspection(text) == ()


_LINES = st.lists(
    st.sampled_from(
        [
            *HEAD.splitlines(),
            *NODE.splitlines(),
            *FILES.splitlines(),
            "File#certs/m/a.pem:",
            " > -----BEGIN X",
        ]
    )
    | st.text(max_size=20),
    max_size=40,
)


@given(_LINES.map("\n".join) | st.text())
def test_any_text_is_read(text: str) -> None:
    for seen in read_inspection(text):
        assert seen.name.startswith("builder:")
        assert all(path.startswith("/etc/buildkit/certs/") for path in seen.files)


@given(st.integers(0, len(HEAD + NODE + FILES)))
def test_a_cut_text_is_read(length: int) -> None:
    assert len(read_inspection((HEAD + NODE + FILES)[:length])) <= 1


def test_a_container() -> None:
    seen = read_docker_inspect(json.dumps([CONTAINER]))
    assert seen is not None
    assert seen == read_docker_inspect(json.dumps(CONTAINER))
    assert (seen.name, seen.program, seen.driver) == (
        "container:buildx_buildkit_b0",
        "buildkitd",
        "docker-container",
    )
    assert seen.command_line == ("buildkitd", "--config", "/etc/buildkit/buildkitd.toml")
    assert (seen.image, seen.image_id, seen.config) == ("moby/buildkit:rootless", "sha256:155f", None)
    assert seen.environment == {
        "USER": "user",
        "HOME": "/home/user",
        "BUILDKITD_LOG_LEVEL": "a=b",
        "BUILDKIT_X": "1",
    }
    assert seen.user == "1000:1000"
    assert seen.created == datetime(2026, 11, 24, 22, 11, 59, 396914, tzinfo=UTC)
    assert seen.started == datetime(2026, 11, 24, 20, 11, 59, 645101, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "program"),
    [
        ({"Path": "/usr/bin/rootlesskit", "Args": ["buildkitd"]}, "buildkitd"),
        ({"Path": "dockerd-entrypoint.sh", "Args": []}, "dockerd"),
        ({"Path": "sh", "Args": ["-c", "exec buildkitd"]}, "buildkitd"),
        (
            {"Path": "/start", "Args": [], "Config": {"Image": "registry.example.com/team/buildkit:1"}},
            "buildkitd",
        ),
        ({"Path": "nginx", "Args": ["-g"], "Config": {"Image": "nginx"}}, None),
        ({"Path": None}, None),
        ({"Args": None}, None),
        ({"Args": [1]}, None),
    ],
)
def test_whose_container_it_is(changes: dict[str, Any], program: str | None) -> None:
    seen = read_docker_inspect(json.dumps({**CONTAINER, **changes}))
    assert (seen.program if seen else None) == program


def test_a_container_that_never_started() -> None:
    seen = read_docker_inspect(json.dumps({**CONTAINER, "State": {"StartedAt": "0001-01-01T00:00:00Z"}}))
    assert seen is not None
    assert seen.started is None


@pytest.mark.parametrize("text", ["", "[", "[]", "[[]]", "null", "7", '"x"', "{}", "[" * 100_000, "9" * 5000])
def test_other_json_is_no_container(text: str) -> None:
    assert read_docker_inspect(text) is None


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["buildkitd", "0001-01-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CONTAINER, "Env", "User"]), inner)
    ),
    max_leaves=20,
)


@given(_JSON.map(json.dumps) | st.text())
def test_any_json_is_read(text: str) -> None:
    seen = read_docker_inspect(text)
    assert seen is None or seen.command_line


@given(_JSON, st.sampled_from(list(CONTAINER)))
def test_any_field_may_be_strange(value: Any, name: str) -> None:
    seen = read_docker_inspect(json.dumps({**CONTAINER, name: value}))
    assert seen is None or seen.name.startswith("container:")


def test_captured_builders(captures_root: Path | None) -> None:
    folders = sorted(captures_root.glob("docker-*")) if captures_root else []
    if not folders:
        pytest.skip("no captured builders beside this checkout")
    for folder in folders:
        (seen,) = read_inspection((folder / "buildx-inspect.txt").read_text())
        started = read_docker_inspect((folder / "docker-inspect.json").read_text())
        assert started is not None
        assert " ".join(started.command_line or ()) == (folder / "cmdline.txt").read_text().strip()
        if seen.driver == "docker-container":
            assert seen.config is not None
            assert seen.config.text is not None
            assert seen.config.text.decode().strip() == (folder / "buildkitd.toml").read_text().strip()
            assert seen.command_line == started.command_line
        for file in seen.files.values():
            assert [block.label for block in file.blocks] == ["CERTIFICATE"]
