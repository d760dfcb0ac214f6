"""Every kind of output of the program for a log that lies in a file: what a promise about outputs is held against."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

from analyzer.cli import entry
from analyzer.collecting import write_bundle
from analyzer.reports import FORMATS
from tests.bundles import as_builder
from tests.trust.planted import unpacked

TABLES = ("records", "requests", "problems", "pulls", "spans", "coverage", "daemons", "trace_spans")
BUNDLES = ("bundle", "bundle.tar.gz")
FILES = ("parquet", "csv", "json", "duckdb", "otlp", "perfetto")


def run(*words: str) -> tuple[int, bytes, bytes]:
    """Run the program in this process: exit code, standard output, standard error."""
    printed, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with patch.object(sys, "stdout", printed), patch.object(sys, "stderr", told):
        code = entry.main(list(words))
    return code, _bytes(printed), _bytes(told)


def _bytes(stream: io.TextIOWrapper) -> bytes:
    stream.seek(0)
    return bytes(stream.buffer.read())


def commands(source: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """A name for each kind of output, and the words of the command that makes it; ``FILE`` is where it goes.

    Args:
        source: The words that name the log, its configuration and its traces; the log comes first.
    """
    log, *beside = source
    for format_ in FORMATS:
        yield f"check, {format_}", ["check", *source, "--format", format_]
    yield "report", ["report", *source, "--output", "FILE.html"]
    yield "baseline", ["check", *source, "--write-baseline", "FILE.json"]
    for table in TABLES:
        for format_ in ("terminal", "csv", "json"):
            yield f"show {table}, {format_}", ["show", log, table, *beside, "--format", format_]
    for format_ in ("terminal", "json"):
        yield f"spans, {format_}", ["spans", *source, "--format", format_]
        yield f"compare, {format_}", ["compare", log, log, *_configured(beside), "--format", format_]
    for format_ in ("terminal", "csv", "json"):
        sql = "SELECT message, error, span, text, fields FROM records"
        yield f"query, {format_}", ["query", log, sql, "--format", format_]
    for format_ in FILES:
        yield f"export, {format_}", ["export", log, "FILE", *beside, "--format", format_]
    for format_ in ("terminal", "json"):
        words = ["watch", log, *_configured(beside), "--until-idle", "0.2", "--format", format_]
        yield f"watch, {format_}", words
    yield "export, otlp, compressed", ["export", log, "FILE.gz", *beside, "--format", "otlp"]


def _configured(words: Sequence[str]) -> Sequence[str]:
    at = words.index("--config")
    return words[at : at + 2]


def outputs(source: Sequence[str], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that the program writes of a log, by the kind of output.

    Args:
        source: As for `commands`.
        folder: Where files may be made.
    """
    for number, (name, words) in enumerate(commands(source)):
        place = str(folder / f"made-{number}")
        if name == "export, duckdb":
            place += ".duckdb"
        code, printed, told = run(*(word.replace("FILE", place) for word in words))
        if code not in (0, 1, 3):
            raise AssertionError(f"{name}: exit code {code}: {told.decode(errors='replace')}")
        made = [unpacked(path) for path in sorted(folder.glob(f"made-{number}*"))]
        yield name, b"\n".join((printed, told, *made))
    for name in BUNDLES:
        write_bundle(as_builder(Path(source[0]), Path(_configured(source)[1])), folder / name)
        yield f"bundle, {name}", unpacked(folder / name)
