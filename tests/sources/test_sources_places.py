from __future__ import annotations

import gc
import gzip
import io
import os
import tempfile
from pathlib import Path

import pytest

from analyzer.errors import SourceError
from analyzer.sources import Source, Unreadable, is_binary, name_builders, open_each, open_sources

LOG = b'time="2026-11-24T22:00:00Z" level=info msg=x\n' * 3


def read(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


def write(path: Path, data: bytes = LOG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt")

    (source,) = open_sources([str(path)])

    assert source.name == path.as_posix()
    assert (source.path, source.size, source.repeatable, source.compression) == (path, len(LOG), True, None)
    assert read(source) == read(source) == LOG
    assert source.damaged is None


def test_standard_input_can_be_read_twice() -> None:
    (source,) = open_sources(["-"], stdin=io.BytesIO(LOG))

    assert (source.name, source.path, source.size) == ("<stdin>", None, len(LOG))
    assert read(source) == read(source) == LOG


def test_standard_input_may_be_compressed() -> None:
    (source,) = open_sources(["-", "-"], stdin=io.BytesIO(gzip.compress(LOG)))

    assert (source.compression, read(source)) == ("gzip", LOG)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, LOG)
    os.close(writing)
    try:
        (source,) = open_sources([f"/dev/fd/{reading}"])
    finally:
        os.close(reading)

    assert read(source) == read(source) == LOG


def test_a_copy_goes_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sources = open_sources(["-"], stdin=io.BytesIO(LOG))
    assert len(list(tmp_path.iterdir())) == 1

    sources.clear()
    gc.collect()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="needs a device")
def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="device"):
        open_sources(["/dev/zero"])


def test_several_sources_keep_their_order_and_come_once(tmp_path: Path) -> None:
    one, two = write(tmp_path / "b.log"), write(tmp_path / "a.log")

    sources = open_sources([str(one), str(two), str(one), str(tmp_path)])

    assert [source.path for source in sources] == [one, two]


def test_a_folder_with_a_daemons_log_stands_for_it(tmp_path: Path) -> None:
    for name in ("buildkitd.log", "registry-access.log", "build.txt", "sub/other.log"):
        write(tmp_path / name)

    assert [source.name for source in open_sources([str(tmp_path)])] == [
        (tmp_path / "buildkitd.log").as_posix()
    ]


def test_a_rotated_log_is_read_as_one_oldest_part_first(tmp_path: Path) -> None:
    for name in ("buildkitd.log", "buildkitd.log.1", "buildkitd.log.10", "other.log"):
        write(tmp_path / name, f"{name}\n".encode())
    write(tmp_path / "buildkitd.log.2.gz", gzip.compress(b"two and a"))

    (source,) = open_sources([str(tmp_path)])

    assert Path(source.name).name == "buildkitd.log"
    assert read(source) == b"buildkitd.log.10\ntwo and abuildkitd.log.1\nbuildkitd.log\n"
    assert read(source) == read(source)
    assert source.damaged is None


def test_a_damaged_part_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path / "buildkitd.log", b"now\n")
    write(tmp_path / "buildkitd.log.1.gz", gzip.compress(b"then\n" * 1000)[:-9])

    (source,) = open_sources([str(tmp_path)])

    assert read(source).endswith(b"then\nnow\n")
    assert source.damaged is not None
    assert "buildkitd.log.1.gz" in source.damaged


def test_other_folders_stand_for_all_their_logs(tmp_path: Path) -> None:
    for name in ("b.log", "a.log-20261123", "a.log-20261124.gz", "a.log", "catalog.txt", "a.logo"):
        write(tmp_path / name, f"{name}\n".encode())

    sources = open_sources([str(tmp_path)])

    assert [Path(source.name).name for source in sources] == ["a.log", "b.log"]
    assert read(sources[0]) == b"a.log-20261123\na.log-20261124.gz\na.log\n"


def test_utf16_is_read_as_utf8(tmp_path: Path) -> None:
    text = 'level=info msg="grün"\r\n'
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        (source,) = open_sources([str(write(tmp_path / encoding, mark + text.encode(encoding)))])
        assert read(source) == text.encode()


def test_a_missing_file_is_told_with_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path / "buildkitd.log")

    with pytest.raises(SourceError, match="no such file") as caught:
        open_sources([str(tmp_path / "buildkit.log")])

    assert caught.value.where == str(tmp_path / "buildkit.log")
    assert caught.value.hint is not None
    assert "buildkitd.log?" in caught.value.hint


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no log"):
        open_sources([str(tmp_path)])


def test_no_source_at_all() -> None:
    with pytest.raises(SourceError, match="no log is named"):
        open_sources([])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log")
    path.chmod(0)

    with pytest.raises(SourceError, match="permission denied"):
        open_sources([str(path)])


def test_an_error_of_the_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.log")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match="permission denied") as caught:
        open_sources([str(path)])

    assert caught.value.hint == "ask for the right to read it"


@pytest.mark.parametrize("spec", ["builder:mybuilder", "container:x"])
def test_a_daemon_without_its_engine_is_told(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(SourceError, match="there is no Docker Engine") as caught:
        open_sources([spec])

    assert caught.value.where == f"unix://{tmp_path}/none.sock"
    assert "is dockerd running" in (caught.value.hint or "")


def test_a_daemon_that_cannot_be_asked_does_not_cost_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    log = write(tmp_path / "x.log", b"one")
    found = open_each(["builder:mybuilder", str(log)])
    assert [one.name for one in found] == ["builder:mybuilder", str(log)]
    assert [isinstance(one, Source) for one in found] == [False, True]


@pytest.mark.parametrize("name", ["builder:mybuilder", "container:x"])
def test_a_file_of_that_name_is_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, b"one")
    [source] = open_sources([name])
    assert source.open().read() == b"one"


@pytest.mark.parametrize("head", [b"PK\x03\x04" + b"x" * 300, b"\0" * 257 + b"ustar" + b"\0" * 100])
def test_archives_are_refused(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(SourceError, match="archive"):
        open_sources([str(write(tmp_path / "x", head))])


def test_a_name_with_a_nul_is_no_traceback() -> None:
    with pytest.raises(SourceError):
        open_sources(["a\0b"])


def test_binary() -> None:
    assert is_binary(b"\0\1\2\3" * 100)
    assert not is_binary(LOG)
    assert not is_binary(b"")


def test_a_pattern_is_expanded_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "b/buildkitd.log",
        "a/buildkitd.log",
        "a/buildkitd.log.1",
        "c/other.log",
        "d/e/buildkitd.log",
    ):
        write(tmp_path / name, f"{name}\n".encode())
    monkeypatch.chdir(tmp_path)

    def names(spec: str) -> list[str]:
        return [source.name for source in open_sources([spec])]

    assert names("*/buildkitd.log") == ["a/buildkitd.log", "b/buildkitd.log"]
    assert names("?") == ["a/buildkitd.log", "b/buildkitd.log", "c/other.log"]
    assert names("**/buildkitd.log") == ["a/buildkitd.log", "b/buildkitd.log", "d/e/buildkitd.log"]
    (joined,) = open_sources(["[a]/buildkitd.log*"])
    assert (joined.builder, read(joined)) == ("a", b"a/buildkitd.log.1\na/buildkitd.log\n")


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    path = write(tmp_path / "[x]*.log")

    assert open_sources([str(path)])[0].path == path


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a" / "readme")

    for pattern in ("*.log", "a*"):
        with pytest.raises(SourceError, match="nothing matches"):
            open_sources([str(tmp_path / pattern)])


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a b" / "buildkitd.log")

    for spec in (
        path.as_uri(),
        f"file://{path}",
        f"file://localhost{path.parent}",
        f"{tmp_path.as_uri()}/*/*.log",
    ):
        (source,) = open_sources([spec])
        assert (source.path, source.plain_path, source.builder) == (path, path, "a b")


def test_only_a_plain_file_has_a_plain_path(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.log")
    write(tmp_path / "packed.log", gzip.compress(LOG))
    write(tmp_path / "wide.log", b"\xff\xfex\0")
    write(tmp_path / "rotated.log")
    write(tmp_path / "rotated.log.1")

    found = {source.builder: source.plain_path for source in open_sources([str(tmp_path)])}

    assert found == {"plain": plain, "packed": None, "wide": None, "rotated": None}
    (spooled,) = open_sources(["-"], stdin=io.BytesIO(LOG))
    assert spooled.spooled
    assert spooled.plain_path is not None
    assert spooled.plain_path.read_bytes() == LOG


def test_what_cannot_be_read_comes_as_a_value_in_its_place(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.log")
    write(tmp_path / "x" / "b.log", b"PK\x03\x04")
    missing = str(tmp_path / "missing.log")

    found = open_each([missing, str(tmp_path / "x")])

    assert [(type(one), one.builder) for one in found] == [
        (Unreadable, "missing"),
        (Source, "a"),
        (Unreadable, "b"),
    ]
    assert [one.error.where for one in found if isinstance(one, Unreadable)] == [
        missing,
        (tmp_path / "x" / "b.log").as_posix(),
    ]
    with pytest.raises(SourceError, match="no such file"):
        open_sources([str(tmp_path / "x" / "a.log"), missing])


def test_sources_of_several_calls_get_builders_of_their_own(tmp_path: Path) -> None:
    one, two = (open_sources([str(write(tmp_path / name / "x.log"))])[0] for name in "ab")

    assert (one.builder, two.builder) == ("x", "x")
    assert [source.builder for source in name_builders([one, two])] == ["x", "x-2"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("pattern", ["*", "*/buildkitd.log"])
@pytest.mark.parametrize("mode", [0, 0o111, 0o444])
def test_a_folder_that_may_not_be_entered_is_not_passed_over(tmp_path: Path, pattern: str, mode: int) -> None:
    for name in "ab":
        write(tmp_path / name / "buildkitd.log").chmod(0)
    (tmp_path / "a").chmod(mode)
    try:
        found = open_each([str(tmp_path / pattern)])
    finally:
        (tmp_path / "a").chmod(0o755)

    assert [(type(one), one.builder) for one in found] == [(Unreadable, "a"), (Unreadable, "b")]


def test_a_folder_that_cannot_be_listed_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        write(tmp_path / name / "buildkitd.log")
    (tmp_path / "a" / "buildkitd.log").unlink()
    listed = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == tmp_path / "a":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr("analyzer.sources.local.os.scandir", scandir)
    found = open_each([str(tmp_path / "[ab]")])

    assert [(type(one), one.builder) for one in found] == [(Unreadable, "a"), (Source, "b")]
