"""What is fuzzed: each parser with the promises that it makes for any bytes.

A target takes bytes, and raises only where a promise is broken: an error of the `AnalyzerError` family is an answer.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.checks.baselines import parse_baseline
from analyzer.checks.loading import parse_rule
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
from analyzer.secretforms import INERT, SUSPICIOUS
from analyzer.sources.bundles import open_bundle
from analyzer.sources.compression import compression_of, decompress
from analyzer.sources.containerfiles import ContainerFiles
from analyzer.sources.frames import FrameError, Lines
from analyzer.sources.inspection import read_docker_inspect, read_inspection
from analyzer.sources.pem import public_pem, read_pem
from analyzer.sources.tracefiles import open_traces
from analyzer.tables.references import split_reference
from analyzer.tables.urls import find_url, parse_url
from tests.fuzz import seeds
from tests.records import reference
from tests.records.helpers_records import assert_conserved, read_table, to_rows

SAMPLES = Path(__file__).parent.parent.parent / "sample_logs"


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
    """A log: every byte in one record, the same for any pieces, and the fast lane says what the exact one says."""
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
    """Redaction of a batch says what redaction value by value says."""
    table = read_table(data)
    for batch in table.to_batches():
        clean = Redactor().batch(batch)
        one = Redactor()
        for before, after in zip(batch.to_pylist(), clean.to_pylist(), strict=True):
            for name in ("text", "message", "span", "error"):
                assert (one.text(before[name]) if before[name] else before[name]) == after[name], name
            for (key, value), (_, found) in zip(before["fields"], after["fields"], strict=True):
                assert found == (value if key in INERT else one.field(key, value)), key


def run_secrets(data: bytes) -> None:
    """A text: what redaction would change, the quick look sees."""
    text = data.decode("utf-8", "replace")
    if Redactor().text(text) != text:
        assert pc.match_substring_regex(pa.array([text]), SUSPICIOUS)[0].as_py()


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
    assert "PRIVATE KEY-----" not in public_pem(file)


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


TARGETS: dict[str, Target] = {
    "records": Target(run_records, seeds.pieces),
    "lines": Target(run_lines, seeds.single),
    "goquote": Target(run_goquote, seeds.values),
    "redaction": Target(run_redaction, seeds.pieces),
    "secrets": Target(run_secrets, seeds.secrets),
    "traces": Target(run_traces, seeds.files_of("*.jsonl", "*.dockerbuild")),
    "config": Target(run_config, seeds.files_of("*.toml", "daemon.json")),
    "flags": Target(run_flags, seeds.commands),
    "rule": Target(run_rule, seeds.rules),
    "project": Target(run_project, seeds.projects),
    "baseline": Target(run_baseline, seeds.baselines),
    "pem": Target(run_pem, seeds.certificates),
    "bundle": Target(run_bundle, seeds.bundles),
    "compression": Target(run_compression, seeds.compressed),
    "frames": Target(run_frames, seeds.framed),
    "inspection": Target(run_inspection, seeds.inspections),
    "references": Target(run_references, seeds.names),
    "archive": Target(run_archive, seeds.tars),
}


def attack(name: str, data: bytes) -> None:
    """Run a target; an error of the family is an answer.

    Raises:
        Exception: A promise is broken.
    """
    with contextlib.suppress(AnalyzerError):
        TARGETS[name].run(data)
