from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import SourceError
from analyzer.sources.tracefiles import STDIN, open_traces
from tests.tracefiles import (
    LAYER,
    descriptor,
    digest_of,
    jsonl,
    layout,
    otlp_span,
    printed,
    record,
    request,
    stub,
    write,
)

LINES = jsonl(request([otlp_span(1)]))
FIRST, SECOND = printed(stub(1)), printed(stub(2))


def read(path: Path) -> tuple[list[bytes], list[str]]:
    damage: list[str] = []
    [file] = open_traces([str(path)])
    return [stream.read() for stream in file.open(damage)], damage


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, zstandard.compress, bz2.compress, lzma.compress],
    ids=lambda pack: pack.__name__,
)
def test_compression_is_seen_by_content(tmp_path: Path, pack: type[bytes]) -> None:
    assert read(write(tmp_path, "no-name", pack(LINES))) == ([LINES], [])


def test_text_of_two_bytes_is_read(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.json", LINES.decode().encode("utf-16"))) == ([LINES], [])


def test_a_cut_file_gives_what_came_before(tmp_path: Path) -> None:
    many = jsonl(*(request([otlp_span(number)]) for number in range(1, 3_000)))
    packed = gzip.compress(many)
    [text], damage = read(write(tmp_path, "a.gz", packed[: len(packed) // 2]))
    assert many.startswith(text)
    assert text
    assert damage == ["the gzip file ends before its end"]


def test_the_traces_of_all_builds_are_read(tmp_path: Path) -> None:
    assert sorted(read(write(tmp_path, "a.dockerbuild", record(layout(FIRST, SECOND))))[0]) == [FIRST, SECOND]


def test_an_index_may_hold_an_index(tmp_path: Path) -> None:
    members = layout(FIRST, SECOND)
    inner = members.pop("index.json")
    members[f"blobs/sha256/{digest_of(inner).removeprefix('sha256:')}"] = inner
    outer = {"manifests": [descriptor(inner, "application/vnd.oci.image.index.v1+json")]}
    members["index.json"] = json.dumps(outer).encode()
    assert sorted(read(write(tmp_path, "a", record(members)))[0]) == [FIRST, SECOND]


def test_an_index_that_names_itself_comes_to_an_end(tmp_path: Path) -> None:
    text = json.dumps({"manifests": [{"digest": "sha256:" + "0" * 64, "size": 1}]}).encode()
    with pytest.raises(SourceError, match="holds no trace"):
        read(write(tmp_path, "a", record({"index.json": text})))


def test_a_trace_of_a_wrong_digest_is_not_read(tmp_path: Path) -> None:
    members = layout(FIRST, SECOND)
    [name] = [name for name, data in members.items() if data == FIRST]
    members[name] = FIRST.replace(b"HTTP GET", b"HTTP PUT")
    streams, damage = read(write(tmp_path, "a", record(members)))
    assert streams == [SECOND]
    [told] = damage
    assert "another digest" in told
    members[name] = FIRST + b" "
    assert "another size" in read(write(tmp_path, "b", record(members)))[1][0]
    del members[name]
    assert "is missing" in read(write(tmp_path, "c", record(members)))[1][0]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret", FIRST)
    members = layout(FIRST)
    [name] = [name for name, data in members.items() if data == FIRST]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            if member == name:
                info.type, info.linkname = tarfile.SYMTYPE, str(secret)
                archive.addfile(info)
                continue
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    streams, damage = read(write(tmp_path, "a", buffer.getvalue()))
    assert streams == []
    assert "is missing" in damage[0]


def test_a_member_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    huge = {"layers": [{"mediaType": LAYER, "digest": digest_of(FIRST), "size": 1 << 50}]}
    manifest = json.dumps(huge).encode()
    members = layout(FIRST)
    members[f"blobs/sha256/{digest_of(manifest).removeprefix('sha256:')}"] = manifest
    members["index.json"] = json.dumps({"manifests": [descriptor(manifest, "")]}).encode()
    streams, damage = read(write(tmp_path, "a", record(members)))
    assert streams == []
    assert "another size" in damage[0]


def test_a_cut_record_is_told(tmp_path: Path) -> None:
    noise = os.urandom(1 << 16).hex().encode()
    members = layout(FIRST)
    last = {name: data for name, data in members.items() if data != FIRST}
    whole = record({**last, "blobs/sha256/noise": noise, **members})
    streams, damage = read(write(tmp_path, "a", whole[: len(whole) // 2]))
    assert streams == []
    assert "gzip" in damage[0]
    with pytest.raises(SourceError, match="damaged"):
        read(write(tmp_path, "b", record({"x": noise, **members})[:40_000]))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty", b"", "it is empty"),
        ("log", b'time="2026-11-24T22:07:37Z" level=info msg=x\n', "no exported trace"),
        ("progress", b'{"vertexes":[{"digest":"sha256:00"}]}\n', "progress of a build"),
        ("archive", record({"x": b"1"}), "no build record"),
        ("without", record({"index.json": b'{"manifests": []}'}), "holds no trace"),
        ("odd", record({"index.json": b"[1]"}), "no build record"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words) as raised:
        read(write(tmp_path, name, data))
    assert raised.value.hint


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    for spec in (str(tmp_path / "nothing"), "a\0b", "/dev/null"):
        with pytest.raises(SourceError):
            open_traces([spec])
    with pytest.raises(SourceError, match="no exported trace"):
        open_traces([str(tmp_path)])


def test_a_folder_stands_for_its_traces(tmp_path: Path) -> None:
    write(tmp_path, "b.jsonl", LINES)
    write(tmp_path, "a.dockerbuild", record(layout(FIRST)))
    write(tmp_path, "buildkitd.log", b"level=info\n")
    found = open_traces([str(tmp_path), str(tmp_path / "b.jsonl")])
    assert [(Path(file.name).name, file.record) for file in found] == [
        ("a.dockerbuild", True),
        ("b.jsonl", False),
    ]


def test_standard_input_is_read_once_and_may_be_read_again() -> None:
    [file] = open_traces(["-", "-"], stdin=io.BytesIO(record(layout(FIRST))))
    assert file.name == STDIN
    for _ in range(2):
        assert [stream.read() for stream in file.open([])] == [FIRST]
    assert pickle.loads(pickle.dumps(file)) == file


@given(st.data())
def test_a_damaged_record_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    plain = gzip.decompress(record(layout(FIRST)))
    place = data.draw(st.integers(0, len(plain) - 1))
    damaged = (
        plain[:place] + data.draw(st.binary(max_size=8)) + plain[place + data.draw(st.integers(0, 600)) :]
    )
    path = write(tmp_path_factory.mktemp("record"), "a", damaged)
    try:
        streams, damage = read(path)
    except SourceError:
        return
    assert streams in ([], [FIRST]) or damaged == plain
    assert streams or damage
