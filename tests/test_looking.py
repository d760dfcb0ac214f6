"""What stands around a log: looked at in a container, a folder, a bundle, a text, and the same whichever it was."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from analyzer.errors import ConfigError
from analyzer.given import given_of
from analyzer.looking import gather, read_effective
from analyzer.sources import Source, open_sources
from analyzer.sources.surroundings import ConfigFile, Found, Surroundings
from tests.certificates import CLIENT, make

COMMAND = (
    "buildkitd",
    "--config",
    "/etc/buildkit/buildkitd.toml",
    "--allow-insecure-entitlement=network.host",
)
CERTS = "/etc/buildkit/certs/mirror.example.com"
EFFECTIVE = f"""\
debug = true
[registry.'docker.io']
mirrors = ['mirror.example.com']
[registry.'mirror.example.com']
ca = ['{CERTS}/ca.pem']
[[registry.'mirror.example.com'.keypair]]
cert = '{CERTS}/client.pem'
key = '{CERTS}/client.key'
"""
MEANT = EFFECTIVE.replace(f"{CERTS}/", "")


@dataclass(frozen=True)
class Memory:
    """Files of a daemon, by path; None stands for one that may not be read."""

    files: Mapping[str, bytes | None]
    asked: list[str] = field(default_factory=list)

    def read(self, path: str) -> Found:
        self.asked.append(path)
        if path in self.files:
            content = self.files[path]
            return Found(
                path, True if content is not None else None, content, None if content is not None else "no"
            )
        inside = any(one.startswith(path.rstrip("/") + "/") for one in self.files)
        return Found(path, inside, is_folder=inside)

    def walk(self, folder: str) -> list[Found]:
        return [self.read(path) for path in sorted(self.files) if path.startswith(folder.rstrip("/") + "/")]


@pytest.fixture(scope="module")
def secrets() -> dict[str, bytes]:
    authority = make("Example CA")
    client = make("builder", by=authority, ca=False, usages=(CLIENT,))
    return {
        f"{CERTS}/ca.pem": authority.pem,
        f"{CERTS}/client.pem": client.pem,
        f"{CERTS}/client.key": client.key_pem,
    }


@pytest.fixture(scope="module")
def files(secrets: dict[str, bytes]) -> dict[str, bytes]:
    return {"/etc/buildkit/buildkitd.toml": EFFECTIVE.encode(), **secrets}


@pytest.fixture
def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        place = tmp_path / "copy" / posixpath.relpath(path, "/etc/buildkit")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return tmp_path / "copy"


@pytest.fixture
def inspected(tmp_path: Path) -> Path:
    container: dict[str, Any] = {
        "Id": "5832d7524573",
        "Created": "2026-01-05T09:00:00.5Z",
        "Path": COMMAND[0],
        "Args": COMMAND[1:],
        "State": {"StartedAt": "2026-01-05T09:00:01Z"},
        "Image": "sha256:01",
        "Config": {"Image": "moby/buildkit:buildx-stable-1", "Env": ["SECRET_TOKEN=hunter2"], "User": ""},
        "Name": "/buildx_buildkit_web0",
    }
    path = tmp_path / "inspect.json"
    path.write_text(json.dumps([container]))
    return path


def test_the_files_of_a_daemon_are_looked_at(files: dict[str, bytes]) -> None:
    around = gather(Surroundings("builder:web", command_line=COMMAND), Memory(files))
    assert around.config == ConfigFile("/etc/buildkit/buildkitd.toml", True, EFFECTIVE.encode())
    assert list(around.files) == sorted(path for path in files if path.startswith(CERTS))
    assert around.files[f"{CERTS}/client.key"].blocks[0].is_private_key
    given = given_of(around)
    assert given.config is not None
    assert given.config.entitlements == ("network.host",)
    assert given.not_read == ()


def test_no_byte_of_a_key_is_kept(files: dict[str, bytes]) -> None:
    around = gather(Surroundings("builder:web", command_line=COMMAND), Memory(files))
    lines = files[f"{CERTS}/client.key"].decode().splitlines()[1:-1]
    assert lines
    assert not [line for line in lines if line in repr(around)]


def test_a_missing_file_is_one_that_says_nothing() -> None:
    around = gather(Surroundings("builder:web", command_line=COMMAND), Memory({}))
    given = given_of(around)
    assert given.config is not None
    assert given.config.registries == {}
    assert given.not_read == ()


def test_what_may_not_be_read_is_told_and_not_guessed(files: dict[str, bytes]) -> None:
    hidden: dict[str, bytes | None] = {**files, "/etc/buildkit/buildkitd.toml": None}
    given = given_of(gather(Surroundings("builder:web", command_line=COMMAND), Memory(hidden)))
    assert given.config is None
    assert given.not_read == ("/etc/buildkit/buildkitd.toml: no",)

    hidden = {**files, f"{CERTS}/ca.pem": None}
    given = given_of(gather(Surroundings("builder:web", command_line=COMMAND), Memory(hidden)))
    assert given.config is not None
    assert given.files[f"{CERTS}/ca.pem"].exists is None
    assert given.not_read == (f"{CERTS}/ca.pem: no",)


def test_a_file_that_the_daemon_would_refuse_is_told(files: dict[str, bytes]) -> None:
    broken = {**files, "/etc/buildkit/buildkitd.toml": b"[registry\n"}
    given = given_of(gather(Surroundings("builder:web", command_line=COMMAND), Memory(broken)))
    assert given.config is None
    [told] = given.not_read
    assert told.startswith("/etc/buildkit/buildkitd.toml:1")


def test_a_file_changed_after_the_start_is_not_what_was_loaded(files: dict[str, bytes]) -> None:
    around = gather(Surroundings("builder:web", command_line=COMMAND), Memory(files))
    assert around.config is not None
    started = datetime(2026, 1, 5, 10, tzinfo=UTC)
    before, after = started.replace(hour=9), started.replace(hour=11)
    kept = replace(around, started=started, config=replace(around.config, modified=before))
    assert given_of(kept).config is not None
    changed = replace(around, started=started, config=replace(around.config, modified=after))
    given = given_of(changed)
    assert given.config is None
    assert "changed after the daemon started" in given.not_read[0]


def test_a_folder_named_for_tls_is_looked_through() -> None:
    config = "[registry.'m']\ntlsconfigdir = ['/trust']\n[registry.'n']\ntlsconfigdir = ['/missing']\n"
    memory = Memory(
        {"/etc/buildkit/buildkitd.toml": config.encode(), "/trust/a/ca.crt": b"x", "/trust/b.key": b"y"}
    )
    around = gather(Surroundings("builder:web", command_line=COMMAND), memory)
    assert list(around.files) == ["/missing", "/trust/a/ca.crt", "/trust/b.key"]
    assert around.files["/missing"].exists is False


def test_a_rootless_daemon_is_looked_at_where_it_looks() -> None:
    place = "/home/user/.config/buildkit/buildkitd.toml"
    around = Surroundings(
        "builder:web", command_line=("rootlesskit", "buildkitd"), environment={"HOME": "/home/user"}
    )
    assert gather(around, Memory({place: b"debug = true\n"})).config == ConfigFile(
        place, True, b"debug = true\n"
    )


# Handed over by a user


def test_a_folder_and_an_inspection_say_what_the_container_says(
    folder: Path, inspected: Path, files: dict[str, bytes]
) -> None:
    around = read_effective([str(folder), str(inspected)])
    assert around is not None
    assert around.command_line == COMMAND
    assert "hunter2" not in repr(around)
    looked = gather(Surroundings("builder:web", command_line=COMMAND), Memory(files))
    assert {path: file.blocks for path, file in around.files.items()} == {
        path: file.blocks for path, file in looked.files.items()
    }
    mine, theirs = given_of(around).config, given_of(looked).config
    assert mine is not None
    assert theirs is not None
    assert (mine.values, mine.flags, mine.name) == (theirs.values, theirs.flags, theirs.name)


def test_a_file_and_an_inspection_go_together(tmp_path: Path, inspected: Path) -> None:
    (tmp_path / "mine.toml").write_text(EFFECTIVE)
    around = read_effective([str(tmp_path / "mine.toml"), str(inspected)])
    given = given_of(around)
    assert given.config is not None
    assert given.config.entitlements == ("network.host",)
    assert given.config.name == "/etc/buildkit/buildkitd.toml"


def test_the_flags_that_a_log_shows_count_for_want_of_others(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(EFFECTIVE)
    around = read_effective([str(tmp_path / "mine.toml")])
    config = given_of(around, "/usr/bin/buildkitd --config x.toml --oci-worker-net=host").config
    assert config is not None
    assert config.workers["oci"].network == "host"


def test_a_whole_file_system_may_be_handed_over(tmp_path: Path) -> None:
    (tmp_path / "etc/buildkit").mkdir(parents=True)
    (tmp_path / "etc/ssl").mkdir()
    (tmp_path / "etc/ssl/ca.pem").write_text("none")
    (tmp_path / "etc/buildkit/buildkitd.toml").write_text(
        "[registry.'m']\nca = ['/etc/ssl/ca.pem', '/opt/ca.pem']\n"
    )
    around = read_effective([str(tmp_path)])
    assert around is not None
    assert around.files["/etc/ssl/ca.pem"].exists
    assert around.files["/opt/ca.pem"].exists is None


@pytest.mark.parametrize(
    "content", [b"[registry", b"\xff\xfe\x00", b"mirrors = 3\n[registry.m]\nmirrors = 'x'\n"]
)
def test_what_is_none_of_these_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_effective([str(tmp_path / "x.toml")])
    assert "x.toml" in str(caught.value.where)


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no buildkitd\.toml"):
        read_effective([str(tmp_path)])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_effective([str(tmp_path / "nothing")])


# Judged


def judged(source: Source, config: str | None) -> bk.Report:
    from analyzer.api import Log

    return bk.check(Log([source]), bk.parse_config(config) if config else None)


@pytest.fixture
def source(repository: Path, files: dict[str, bytes]) -> Source:
    [source] = open_sources([str(repository / "sample_logs/mirror-used")])
    around = gather(
        Surroundings("builder:web", command_line=COMMAND, driver="docker-container"), Memory(files)
    )
    return replace(source, surroundings=around)


def test_what_was_given_is_compared_with_what_was_meant(source: Source) -> None:
    report = judged(source, MEANT)
    for rule in ("configuration-loaded", "certificate-paths", "certificate-files", "mirror-served"):
        assert report.verdict(rule) == "pass", rule
    report = judged(source, MEANT.replace("mirror.example.com'", "other.example.com'"))
    assert report.verdict("configuration-loaded") == "fail"
    assert report.verdict("certificate-paths") == "fail"


def test_without_a_configuration_the_daemon_is_measured_by_its_own(source: Source) -> None:
    report = judged(source, None)
    assert report.verdict("mirror-served") == "pass"
    assert report.verdict("configuration-loaded") == "skipped"
    assert report.tables["context"].to_pylist()[0]["config_given"] is False


def test_what_was_not_read_is_part_of_the_coverage(source: Source) -> None:
    assert source.surroundings is not None
    around = replace(source.surroundings, config=None, not_read=("/etc/buildkit/buildkitd.toml: no",))
    report = judged(replace(source, surroundings=around), MEANT)
    assert report.verdict("configuration-loaded") == "skipped"
    assert report.sources[0].coverage["not_read"] == [
        "/etc/buildkit/buildkitd.toml: no",
        "builder:web: it does not say which configuration the daemon loaded",
    ]


def test_a_link_that_leads_out_of_a_copy_is_not_followed(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "mine.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    ca = folder / "certs/mirror.example.com/ca.pem"
    ca.unlink()
    ca.symlink_to(tmp_path / "mine.pem")
    around = read_effective([str(folder)])
    assert around is not None
    assert around.files[f"{CERTS}/ca.pem"].exists is None


def test_a_copy_of_a_rootless_folder_lies_where_the_daemon_looks(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    config = "[registry.'m']\nca = ['/home/user/.config/buildkit/certs/m/ca.pem']\n"
    (tmp_path / "copy/buildkitd.toml").write_text(config)
    container = {
        "Id": "1",
        "Path": "rootlesskit",
        "Args": ["buildkitd"],
        "Name": "/x",
        "Config": {"User": "1000"},
    }
    (tmp_path / "inspect.json").write_text(json.dumps([container]))
    around = read_effective([str(tmp_path / "copy"), str(tmp_path / "inspect.json")])
    assert around is not None
    assert around.config is not None
    assert around.config.path == "/home/user/.config/buildkit/buildkitd.toml"
    assert around.files["/home/user/.config/buildkit/certs/m/ca.pem"].exists is False
