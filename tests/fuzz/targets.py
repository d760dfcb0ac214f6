"""What is fuzzed: each parser with the promises that it makes for any bytes.

A target takes bytes, and raises only where a promise is broken: an error of the `AnalyzerError` family is an answer.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from analyzer.checks.baselines import Baseline, Known, parse_baseline, write_baseline
from analyzer.checks.loading import builtin_rules, parse_rule
from analyzer.errors import AnalyzerError
from analyzer.intent import parse_config
from analyzer.intent.config import rewrite_for_buildx
from analyzer.intent.flags import BUILDKITD_FLAGS, changes_of, split_flags
from analyzer.intent.lint import lint_config
from analyzer.intent.references import parse_reference
from analyzer.project import parse_project
from analyzer.records.exportedtraces import SpanReader
from analyzer.records.goquote import quote, unquote
from analyzer.records.jsonform import parse_json
from analyzer.records.logfmt import parse_logfmt
from analyzer.records.terminal import parse_terminal
from analyzer.redaction import Redactor
from analyzer.sources.bundles import open_bundle
from analyzer.sources.compression import compression_of, decompress
from analyzer.sources.containerfiles import ContainerFiles
from analyzer.sources.frames import FrameError, Lines
from analyzer.sources.inspection import read_docker_inspect, read_inspection
from analyzer.sources.manifests import FORMAT, MANIFEST
from analyzer.sources.pem import public_pem, read_pem
from analyzer.sources.tracefiles import open_traces
from analyzer.tables.references import split_reference
from analyzer.tables.urls import find_url, parse_url
from tests.certificates import key_of, make, private_pem, public_der
from tests.records import reference
from tests.records.helpers_records import assert_conserved, read_table, to_rows

SAMPLES = Path(__file__).parent.parent.parent / "sample_logs"
SEED_BYTES = 6_000
"""What is taken of a log at one place: fuzzers do best with small inputs."""


@dataclass(frozen=True)
class Target:
    """A parser under attack.

    Attributes:
        run: Parses bytes, and raises where a promise is broken.
        seeds: What it starts from, out of folders of captured logs.
    """

    run: Callable[[bytes], object]
    seeds: Callable[[list[Path]], Iterator[bytes]]


def run_records(data: bytes) -> None:
    """A log: every byte in one record, whatever the pieces it comes in, and the fast lane says what the exact one says."""
    size = (16, 61, 256, 4096)[data[0] % 4] if data else 16
    whole = read_table(data)
    assert_conserved(whole, data)
    rows = to_rows(whole)
    assert to_rows(read_table(data, chunk_bytes=size, cuts=range(size, len(data), size))) == rows
    assert to_rows(read_table(data, fast=False)) == rows


def run_lines(data: bytes) -> None:
    """A line: the three forms, as the plain reference reads them."""
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    assert parse_logfmt(line) == reference.read_logfmt(line)
    if (told := reference.read_terminal(line)) is not None:
        assert parse_terminal(line) == told
    told = reference.read_json(line)
    # a line that is broken or too deep is none for one of the two
    if told is not None and told[1]:
        assert parse_json(line) == told


def run_goquote(data: bytes) -> None:
    """What ``%q`` writes: read as the reference reads it, and what we write is read back."""
    assert unquote(data) == reference.unquote(data)
    text = data.decode("utf-8", "replace")
    written = quote(text)
    assert (unquote(written[1:-1].encode()) if written.startswith('"') else written) == text


def run_redaction(data: bytes) -> None:
    """Redaction of a batch says what redaction value by value says, and finds nothing in what it made."""
    table = read_table(data)
    for batch in table.to_batches():
        clean = Redactor().batch(batch)
        one = Redactor()
        for before, after in zip(batch.to_pylist(), clean.to_pylist(), strict=True):
            for name in ("text", "message", "span", "error"):
                assert (one.text(before[name]) if before[name] else before[name]) == after[name], name
            assert [(key, one.field(key, value)) for key, value in before["fields"]] == after["fields"]


def run_traces(data: bytes) -> None:
    """An exported trace, a file or a stream: what is no span is counted, never raised."""
    for size in (64, 1 << 20):
        list(SpanReader(io.BytesIO(data), size=size))
    for file in open_traces(["-"], stdin=io.BytesIO(data)):
        for stream in file.open([]):
            list(SpanReader(stream))


def run_config(data: bytes) -> None:
    """A buildkitd.toml or daemon.json."""
    for kind in ("buildkitd", "dockerd"):
        with contextlib.suppress(AnalyzerError):
            config = parse_config(data, kind=kind)
            lint_config(config)
            rewrite_for_buildx(config)


def run_flags(data: bytes) -> None:
    """A command line."""
    text = data.decode("utf-8", "replace")
    changes_of(split_flags(text, BUILDKITD_FLAGS), BUILDKITD_FLAGS)


def run_rule(data: bytes) -> None:
    """A rule file."""
    parse_rule(data.decode("utf-8", "replace"), Path("rule.toml"))


def run_project(data: bytes) -> None:
    """A project file."""
    parse_project(data.decode("utf-8", "replace"), "buildkit-analyzer.toml")


def run_baseline(data: bytes) -> None:
    """A baseline."""
    parse_baseline(data, "baseline.json")


def run_pem(data: bytes) -> None:
    """A certificate file: nothing is raised, and no byte of a private key is kept."""
    file = read_pem("/ca.pem", data)
    assert "PRIVATE" not in public_pem(file)


def run_bundle(data: bytes) -> None:
    """A bundle, gzip around it or not: it is unpacked in its own folder alone."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "bundle.tar.gz"
        path.write_bytes(data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1))
        try:
            found = open_bundle(str(path))
            for source in found:
                getattr(source, "surroundings", None)
        finally:
            assert [one.name for one in Path(place).iterdir()] == [path.name]


def run_compression(data: bytes) -> None:
    """A compressed file: what is damaged is told, and what was read before is kept."""
    compression = compression_of(data[:6])
    if compression is not None:
        stream = decompress(io.BytesIO(data), compression, [])
        while len(stream.read(1 << 20)) == 1 << 20 and stream.tell() < 64 << 20:
            pass


def run_frames(data: bytes) -> None:
    """What an engine sends of a container's log: the same lines, whatever the pieces."""
    told = []
    for size in (len(data) or 1, 7):
        for tty in (False, True):
            lines, found = Lines(tty=tty), []
            with contextlib.suppress(FrameError):
                for at in range(0, len(data), size):
                    found += lines.feed(data[at : at + size])
            told.append(found)
    # lines that stand before what is no frame are given with it, or lost with it, as pieces have it
    assert told[1] == told[3]
    shorter, longer = sorted((told[0], told[2]), key=len)
    assert longer[: len(shorter)] == shorter


def run_inspection(data: bytes) -> None:
    """The text of an inspection."""
    text = data.decode("utf-8", "replace")
    read_inspection(text)
    read_docker_inspect(text)


def run_references(data: bytes) -> None:
    """An image's name, and an address of a registry."""
    text = data.decode("utf-8", "replace")
    split_reference(text)
    parse_url(text)
    find_url(text)
    parse_reference(text)


class _Engine:
    """An engine whose container holds one archive, in pieces."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @contextlib.contextmanager
    def archive(self, container: str, path: str) -> Iterator[Any]:
        mode = 1 << 31 if path.endswith("certs") else 0
        yield {"mode": mode}, iter([self._data[at : at + 512] for at in range(0, len(self._data), 512)])


def run_archive(data: bytes) -> None:
    """Files that an engine sends out of a container."""
    files: Any = ContainerFiles(_Engine(data), "container")  # type: ignore[arg-type]
    files.read("/etc/buildkit/buildkitd.toml")
    for one in files.walk("/etc/buildkit/certs"):
        assert one.path.startswith("/etc/buildkit/certs")


def _pieces(folders: list[Path]) -> Iterator[bytes]:
    """Pieces of logs, from the start of a line on."""
    for folder in folders:
        data = (folder / "buildkitd.log").read_bytes()
        for at in (0, len(data) // 2):
            start = data.rfind(b"\n", 0, at) + 1
            yield data[start : start + SEED_BYTES]


def _single(folders: list[Path]) -> Iterator[bytes]:
    """Lines that differ in kind: the first of each length by tens."""
    seen = set()
    for folder in folders:
        for line in (folder / "buildkitd.log").read_bytes().splitlines()[:400]:
            if len(line) // 10 not in seen and len(line) < SEED_BYTES:
                seen.add(len(line) // 10)
                yield line


def _values(folders: list[Path]) -> Iterator[bytes]:
    """What stands between quotes."""
    for line in _single(folders):
        yield from line.split(b'"')[1::2]


def _files(*names: str) -> Callable[[list[Path]], Iterator[bytes]]:
    """Files of these names, each once, where they are small."""

    def files(folders: list[Path]) -> Iterator[bytes]:
        seen = set()
        for folder in folders:
            for path in (path for name in names for path in folder.glob(name)):
                data = path.read_bytes()[: 4 * SEED_BYTES]
                if data not in seen:
                    seen.add(data)
                    yield data

    return files


_INSPECTION = b"""Name:          builder
Driver:        docker-container

Nodes:
Name:                  builder0
Endpoint:              unix:///var/run/docker.sock
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
BuildKit version:      v0.17.3
Platforms:             linux/amd64
File#buildkitd.toml:
 > debug = true
 > [registry."docker.io"]
 > mirrors = ["mirror.example.com"]
"""
_CONTAINER = b"""[{"Id": "c1", "Name": "/buildx_buildkit_builder0", "Path": "buildkitd", "Args": ["--debug", "--config", "/x.toml"],
"Config": {"Image": "moby/buildkit:v0.17.3-rootless", "Cmd": null, "Entrypoint": ["buildkitd"], "Env": ["A=b"]},
"HostConfig": {"NetworkMode": "host", "Privileged": true}, "State": {"StartedAt": "2026-01-05T10:00:00Z"}}]"""


def _inspections(folders: list[Path]) -> Iterator[bytes]:
    yield from (_INSPECTION, _CONTAINER)
    yield from _files("*-inspect.*")(folders)


def _certificates(folders: list[Path]) -> Iterator[bytes]:
    authority, key = make().pem, key_of()
    yield from (authority, private_pem(key), authority * 2 + private_pem(key, password=b"x"), public_der(key), b"")
    for label in ("X509 CRL", "RSA PRIVATE KEY", "TRUSTED CERTIFICATE", "PARAMETERS"):
        yield f"words\n-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END {label}-----\n".encode()


def _rules(folders: list[Path]) -> Iterator[bytes]:
    for rule in builtin_rules():
        yield rule.path.read_bytes().split(b"[[example]]")[0]


def _commands(folders: list[Path]) -> Iterator[bytes]:
    yield from _files("cmdline.txt")(folders)
    yield b"buildkitd --config=/etc/x.toml --oci-worker-net host --debug 'a b' --allow-insecure-entitlement network.host"


def _projects(folders: list[Path]) -> Iterator[bytes]:
    yield b'config = "a.toml"\nrequire-proof = true\nselect = ["mirror-served"]\nbuildkit-version = ">=0.16, <0.33"\n'
    yield b'[severity]\nmirror-healthy = "warning"\n[[waivers]]\nrule = "x"\nreason = "y"\nexpires = 2027-01-31\n'


def _baselines(folders: list[Path]) -> Iterator[bytes]:
    known = Known("mirror-served", "docker.io", "fail", "the message")
    text = io.StringIO()
    write_baseline(Baseline("b", (known,)), text)
    yield text.getvalue().encode()


def _packed(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _tars(folders: list[Path]) -> Iterator[bytes]:
    for data in _files("buildkitd.toml")(folders[:6]):
        yield _packed({"buildkitd.toml": data, "certs/ca.pem": b"-----BEGIN CERTIFICATE-----\n"})


def _bundles(folders: list[Path]) -> Iterator[bytes]:
    for folder in folders[:3]:
        log, config = (folder / "buildkitd.log").read_bytes()[:1000], (folder / "buildkitd.toml").read_bytes()
        members = {"0/log-0": log, "0/buildkitd.toml": config}
        manifest = {
            "format": FORMAT,
            "members": {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in members.items()},
            "daemons": [{"name": "b", "logs": ["0/log-0"], "config": {"path": "/etc/x", "member": "0/buildkitd.toml"}}],
        }
        whole = _packed({MANIFEST: json.dumps(manifest).encode(), **members})
        yield from (whole, gzip.compress(whole, mtime=0))


def _compressed(folders: list[Path]) -> Iterator[bytes]:
    import bz2
    import lzma

    import zstandard

    for data in list(_pieces(folders))[:6]:
        yield gzip.compress(data, mtime=0)
        yield bz2.compress(data)
        yield lzma.compress(data)
        yield zstandard.ZstdCompressor().compress(data)


def _framed(folders: list[Path]) -> Iterator[bytes]:
    for piece in list(_pieces(folders))[:6]:
        yield b"".join(
            bytes([1 + number % 2, 0, 0, 0]) + (len(line) + 32).to_bytes(4, "big")
            + b"2026-11-24T22:07:10.000000001Z " + line + b"\n"
            for number, line in enumerate(piece.splitlines()[:8])
        )  # fmt: skip


def _names(folders: list[Path]) -> Iterator[bytes]:
    yield from (b"docker.io/library/alpine:3.20", b"localhost:5000/a@sha256:" + b"0" * 64, b"a:b@c", b"[::1]:5000/x")
    for value in _values(folders):
        if b"://" in value or b"/" in value:
            yield value[:500]


TARGETS: dict[str, Target] = {
    "records": Target(run_records, _pieces),
    "lines": Target(run_lines, _single),
    "goquote": Target(run_goquote, _values),
    "redaction": Target(run_redaction, _pieces),
    "traces": Target(run_traces, _files("*.jsonl", "*.dockerbuild")),
    "config": Target(run_config, _files("*.toml", "daemon.json")),
    "flags": Target(run_flags, _commands),
    "rule": Target(run_rule, _rules),
    "project": Target(run_project, _projects),
    "baseline": Target(run_baseline, _baselines),
    "pem": Target(run_pem, _certificates),
    "bundle": Target(run_bundle, _bundles),
    "compression": Target(run_compression, _compressed),
    "frames": Target(run_frames, _framed),
    "inspection": Target(run_inspection, _inspections),
    "references": Target(run_references, _names),
    "archive": Target(run_archive, _tars),
}


def attack(name: str, data: bytes) -> None:
    """Run a target; an error of the family is an answer.

    Raises:
        Exception: A promise is broken.
    """
    with contextlib.suppress(AnalyzerError):
        TARGETS[name].run(data)
