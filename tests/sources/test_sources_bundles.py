"""Bundles that come from elsewhere: damaged, changed, hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyzer.errors import SourceError
from analyzer.sources import Source, is_bundle
from analyzer.sources.bundles import SURROUNDINGS, open_bundle
from analyzer.sources.manifests import FORMAT, MANIFEST
from analyzer.sources.recorded import is_member_name, print_surroundings, read_surroundings, stored_name
from analyzer.sources.surroundings import CertificateFile, ConfigFile, Surroundings
from tests.bundles import packed

LOG = b'time="2026-01-05T10:00:00Z" level=info msg="running server on /run/buildkit/buildkitd.sock"\n'
CONFIG = b"debug = true\n"
AROUND = Surroundings(
    "builder:web",
    command_line=("buildkitd", "--config", "/etc/buildkit/buildkitd.toml"),
    environment={"HOME": "/root"},
    image="moby/buildkit:buildx-stable-1",
    driver="docker-container",
    config=ConfigFile("/etc/buildkit/buildkitd.toml", True, CONFIG),
    files={"/etc/buildkit/certs/m/ca.pem": CertificateFile("/etc/buildkit/certs/m/ca.pem", False)},
)


def members_of(**changes: Any) -> dict[str, bytes]:
    """The members of a bundle, the manifest first."""
    inner = {
        "buildkitd.log": LOG,
        stored_name("/etc/buildkit/buildkitd.toml"): CONFIG,
        SURROUNDINGS: json.dumps(print_surroundings(AROUND, lost=None, redactions={"jwt": 2})).encode(),
    }
    named = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in inner.items()
    }
    manifest = {
        "format": FORMAT,
        "daemons": [{"name": "builder:web", "folder": "", "log": "buildkitd.log"}],
        "members": named,
        **changes,
    }
    return {MANIFEST: json.dumps(manifest).encode(), **inner}


def pack(path: Path, members: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    def add(archive: tarfile.TarFile) -> None:
        for told in more:
            archive.addfile(told, io.BytesIO(bytes(told.size)) if told.size else None)

    path.write_bytes(packed(members, "w:gz", odd=add))
    return path


def lay_out(path: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


Made = Callable[[dict[str, bytes]], str]


@pytest.fixture(params=["folder", "archive"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    if request.param == "folder":
        return lambda members: str(lay_out(tmp_path / "bundle", members))
    return lambda members: str(pack(tmp_path / "bundle.tar.gz", members))


def only(spec: str) -> Source:
    [source] = open_bundle(spec)
    assert isinstance(source, Source), source
    return source


def test_a_bundle_gives_its_log_and_what_stood_around_it(make: Made) -> None:
    spec = make(members_of())
    assert is_bundle(spec)
    source = only(spec)
    assert source.name == spec
    assert source.open().read() == LOG
    assert source.damaged is None
    assert source.redactions == {"jwt": 2}
    around = source.surroundings
    assert around is not None
    assert around.command_line == AROUND.command_line
    assert around.config == AROUND.config
    assert around.files == AROUND.files
    assert around.not_read == ()


def test_surroundings_are_the_same_when_read_again() -> None:
    told = json.loads(
        json.dumps(print_surroundings(AROUND, lost="the end", redactions={"jwt": 2, "bearer": 1}))
    )
    around, redactions, lost = read_surroundings(
        "builder:web", told, {stored_name("/etc/buildkit/buildkitd.toml"): CONFIG}.get
    )
    assert (around, redactions, lost) == (AROUND, {"bearer": 1, "jwt": 2}, "the end")


def test_a_log_that_was_changed_is_no_whole_log(make: Made) -> None:
    members = members_of()
    members["buildkitd.log"] = LOG.replace(b"info", b"warn")
    assert "not the file that was collected" in (only(make(members)).damaged or "")


def test_a_configuration_that_was_changed_is_not_believed(make: Made) -> None:
    members = members_of()
    members[stored_name("/etc/buildkit/buildkitd.toml")] = CONFIG.replace(b"true", b"1234")
    around = only(make(members)).surroundings
    assert around is not None
    assert around.config is not None
    assert around.config.text is None
    assert around.config.exists is None
    assert around.not_read == ("/etc/buildkit/buildkitd.toml: it is not the file that was collected",)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other/1"},
        {"members": []},
        {"daemons": []},
        {"daemons": {}},
        {"members": {}, "daemons": [3]},
    ],
)
def test_a_manifest_that_is_none_is_told(make: Made, changes: dict[str, Any]) -> None:
    if changes.get("members") == {}:
        assert all(not isinstance(one, Source) for one in open_bundle(make(members_of(**changes))))
        return
    spec = make(members_of(**changes))
    with pytest.raises(SourceError) as caught:
        open_bundle(spec)
    assert caught.value.where == spec


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "a/../../evil",
        "a//b",
        ".hidden",
        "a/.ssh/x",
        "a\\b",
        "x\0y",
        "",
        "a\nb",
        "x" * 2000,
    ],
)
def test_names_that_lead_elsewhere_are_no_members(name: str) -> None:
    assert not is_member_name(name)
    assert is_member_name(stored_name("/" + name)) or stored_name("/" + name).count("..") == 0


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_unpacked(tmp_path: Path, kind: bytes) -> None:
    members = members_of()
    del members["buildkitd.log"]
    link = tarfile.TarInfo("buildkitd.log")
    link.type, link.linkname = kind, "/etc/passwd"
    [found] = open_bundle(str(pack(tmp_path / "b.tar.gz", members, link)))
    assert not isinstance(found, Source)
    assert "is missing" in found.error.what


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "bundle", members_of())
    (folder / "buildkitd.log").unlink()
    (tmp_path / "other").write_bytes(LOG)
    (folder / "buildkitd.log").symlink_to(tmp_path / "other")
    [found] = open_bundle(str(folder))
    assert not isinstance(found, Source)


def test_what_the_manifest_does_not_name_is_not_unpacked(tmp_path: Path) -> None:
    more = tarfile.TarInfo("other.log")
    more.size = 10
    source = only(str(pack(tmp_path / "b.tar.gz", members_of(), more)))
    assert source.plain_path is not None
    assert not (source.plain_path.parent / "other.log").exists()


def test_a_member_larger_than_said_is_refused(tmp_path: Path) -> None:
    members = members_of()
    members["buildkitd.log"] = LOG * 2
    with pytest.raises(SourceError, match="larger than it may be"):
        open_bundle(str(pack(tmp_path / "b.tar.gz", members)))


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    size = 3 << 30
    manifest = json.loads(members_of()[MANIFEST])
    manifest["members"]["buildkitd.log"]["bytes"] = size
    path = tmp_path / "b.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        content = json.dumps(manifest).encode()
        told = tarfile.TarInfo(MANIFEST)
        told.size = len(content)
        packed.write(told.tobuf() + content + bytes(-len(content) % 512))
        told = tarfile.TarInfo("buildkitd.log")
        told.size = size
        packed.write(told.tobuf() + bytes(1 << 20))  # the rest need not come for it to be refused
    with pytest.raises(SourceError, match="larger than it may be"):
        open_bundle(str(path))


def test_an_archive_that_breaks_off_gives_what_is_whole(tmp_path: Path) -> None:
    path = pack(tmp_path / "b.tar.gz", members_of())
    whole = path.read_bytes()
    for cut in range(0, len(whole), 40):
        path.write_bytes(whole[:cut])
        if not is_bundle(str(path)):
            continue
        try:
            opened = open_bundle(str(path))
        except SourceError:
            continue
        logs = [found.open().read() for found in opened if isinstance(found, Source)]
        assert logs in ([], [LOG])


@pytest.mark.parametrize("name", ["buildkitd.log", "other.tar.gz"])
def test_other_files_are_no_bundles(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(LOG) if name.endswith("gz") else LOG)
    assert not is_bundle(str(tmp_path / name))
    assert not is_bundle(str(tmp_path))


def test_a_member_that_stands_in_it_twice_is_told(tmp_path: Path) -> None:
    again = tarfile.TarInfo("buildkitd.log")
    again.size = len(LOG)
    path = pack(tmp_path / "bundle.tar.gz", members_of(), again)
    with pytest.raises(SourceError, match=r"its member buildkitd\.log stands in it twice"):
        open_bundle(str(path))
