"""`collect`: a builder's log and all that stands around it, in one folder or archive, to be judged elsewhere.

Nothing of a bundle is secret: of keys it holds the public halves, and secrets in the log are replaced by marks. Two
bundles of the same builder have the same bytes, as long as nothing was logged in between.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import __version__
from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.looking import look_around, missing_builds
from analyzer.records.arrays import to_arrow
from analyzer.records.reader import RecordReader
from analyzer.records.writing import rewrite_record
from analyzer.redaction import Redactor
from analyzer.reports.files import replace_whole, translate_errors
from analyzer.reports.otlp import write_otlp
from analyzer.sources import Source, Unreadable, open_each
from analyzer.sources.builds import MEMBER
from analyzer.sources.bundles import SURROUNDINGS
from analyzer.sources.manifests import FORMAT, MANIFEST
from analyzer.sources.pem import public_pem
from analyzer.sources.recorded import is_member_name, print_surroundings, stored_name
from analyzer.sources.surroundings import ConfigFile, Surroundings
from analyzer.tracing import traces_beside

ARCHIVES: Final = (".tar.gz", ".tgz")
PRIVATE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
_BLOCK: Final = 1 << 20
_TEXTS: Final = ("message", "span", "error", "text")
"""Columns in which a secret may be replaced, beside the values of the fields."""


@dataclass(frozen=True)
class Collected:
    """What a bundle holds.

    Attributes:
        members: Names and bytes of its files.
        names: The daemons in it.
        missing: Nodes that could not be read, and what of the others could not: each with its reason.
        redactions: Secrets that were replaced.
    """

    members: dict[str, int]
    names: list[str]
    missing: list[str]
    redactions: int


def collect(
    builder: str,
    target: str | os.PathLike[str],
    *,
    redact: bool = True,
    builds: int = LIMITS.recent_builds,
) -> Collected:
    """Write a bundle.

    Args:
        builder: The name of a builder; or ``builder:NAME``, ``container:NAME``, ``dockerd:``.
        target: A folder to make, or an archive where the name ends in ``.tar.gz``. An earlier bundle there is
            replaced once the new one is whole.
        redact: Replace secrets in the log by marks.
        builds: Recent builds of a Buildx builder whose traces are taken along; 0 for none.

    Raises:
        SourceError: There is no such builder, or its log cannot be read.
        OutputError: The bundle cannot be written.
    """
    found = open_each([builder if ":" in builder else f"builder:{builder}"])
    if not any(isinstance(one, Source) for one in found):
        raise next(one.error for one in found if isinstance(one, Unreadable))
    return write_bundle(look_around(found, builds=builds), target, redact=redact)


def write_bundle(
    found: Sequence[Source | Unreadable], target: str | os.PathLike[str], *, redact: bool = True
) -> Collected:
    """Write a bundle of sources whose surroundings are known.

    Args:
        found: The sources, one at least; those that cannot be read are told.
        target: As for `collect`.
        redact: As for `collect`.

    Raises:
        SourceError: Something else is at the target already.
        OutputError: The bundle cannot be written.
    """
    path = Path(os.path.realpath(target))
    with translate_errors(target):
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_others(path, target)
        with replace_whole(path) as new:
            archived = path.name.endswith(ARCHIVES)
            folder = new.with_name("members") if archived else new
            folder.mkdir(mode=PRIVATE_FOLDER)
            bundle = _Writer(folder, redact)
            for one in found:
                if isinstance(one, Source):
                    bundle.add(one, "" if len(found) == 1 else _folder_of(one.name))
            bundle.finish()
            if archived:
                _write_archive(folder, list(bundle.members), new)
    missing = [f"{one.name}: {one.error.what}" for one in found if isinstance(one, Unreadable)]
    missing += [*bundle.missing, *missing_builds(found)]
    return Collected(bundle.members, bundle.names, missing, bundle.redactions)


@dataclass
class _Writer:
    """Writes the members of a bundle into a folder."""

    folder: Path
    redact: bool
    members: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    redactions: int = 0
    _hashes: dict[str, str] = field(default_factory=dict)
    _daemons: list[dict[str, Any]] = field(default_factory=list)

    def add(self, source: Source, inner: str) -> None:
        """Write the log of a daemon, and what stands around it."""
        assert source.surroundings is not None
        prefix = f"{inner}/" if inner else ""
        redactor = Redactor(enabled=self.redact)
        around = _without_secrets(source.surroundings, redactor)
        for config in (around.config, around.intended):
            if config is not None and config.text is not None:
                self._write(prefix + stored_name(config.path), [config.text])
        for file in around.files.values():
            if file.blocks:
                self._write(prefix + stored_name(file.path), [public_pem(file).encode()])
        log = "dockerd.log" if around.program == "dockerd" else "buildkitd.log"
        told = Redactor(enabled=self.redact)
        self._write(prefix + log, _clean_log(source, told))
        counts = told.counts + Counter(source.redactions)
        built = self._add_builds(source, prefix + MEMBER)
        values = print_surroundings(around, lost=source.damaged, redactions=counts, built=built)
        self._write(prefix + SURROUNDINGS, [_print(values)])
        self._daemons.append({"name": source.name, "folder": inner, "log": log})
        self.names.append(source.name)
        self.missing += [f"{source.name}: {one}" for one in around.not_read]
        if source.damaged:
            self.missing.append(f"{source.name}: {source.damaged}")
        self.redactions += counts.total() + redactor.counts.total() + (built[1] if built else 0)

    def _add_builds(self, source: Source, member: str) -> tuple[list[str], int] | None:
        """Write the spans of a source's builds: what was lost of them, and secrets replaced; None without any."""
        traces = traces_beside([source], None, redact=self.redact)
        if traces is None or source.builds is None:
            return None
        spans = traces.spans
        self._write(member, write_otlp(spans.rows))
        damaged = [text.removeprefix(f"{source.builds.name}: ") for text in spans.damaged]
        self.missing += spans.damaged
        return damaged, spans.redactions

    def finish(self) -> None:
        """Write the manifest, which names every other member with its hash."""
        members = {
            name: {"bytes": self.members[name], "sha256": self._hashes[name]} for name in sorted(self.members)
        }
        told = {
            "format": FORMAT,
            "made_by": f"buildkit-analyzer {__version__}",
            "redacted": self.redact,
            "daemons": self._daemons,
            "members": members,
        }
        self._write(MANIFEST, [_print(told)])

    def _write(self, name: str, content: Iterator[bytes] | Sequence[bytes]) -> None:
        if name in self.members:  # one file that two settings name
            return
        path = self.folder / name
        for parent in reversed(Path(name).parents[:-1]):  # mkdir's own `parents` has no mode
            (self.folder / parent).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE), "wb") as stream:
            for piece in content:
                stream.write(piece)
                digest.update(piece)
                size += len(piece)
        self.members[name], self._hashes[name] = size, digest.hexdigest()


def _print(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=True) + "\n").encode()


def _folder_of(name: str) -> str:
    """The folder in a bundle of several nodes that is a node's."""
    inner = name.rpartition(":")[2]
    return inner if is_member_name(inner) else hashlib.sha256(name.encode()).hexdigest()[:16]


# Without secrets


def _clean_log(source: Source, redactor: Redactor) -> Iterator[bytes]:
    """The bytes of a log, records that hold secrets written anew."""
    with source.open() as stream:
        waiting = bytearray()
        begin = 0
        reader = RecordReader(source.name)
        while True:
            piece = stream.read(_BLOCK)
            waiting += piece
            for batch in reader.feed(piece) if piece else reader.finish():
                clean = redactor.batch(batch)
                end = int(batch.column("offset")[-1].as_py() + batch.column("length")[-1].as_py())
                yield _rewritten(bytes(waiting[: end - begin]), begin, batch, clean)
                del waiting[: end - begin]
                begin = end
            if not piece:
                break
        yield bytes(waiting)


def _rewritten(raw: bytes, begin: int, before: pa.RecordBatch, after: pa.RecordBatch) -> bytes:
    """The lines of a batch, those of changed records written anew."""
    if before is after:
        return raw
    changed = _changed_rows(before, after)
    parts, at = [], 0
    for values in _countable(after.take(to_arrow(changed))).to_pylist():
        start = values["offset"] - begin
        stop = start + values["length"]
        parts += [raw[at:start], rewrite_record(raw[start:stop], values)]
        at = stop
    return b"".join([*parts, raw[at:]])


def _countable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with its times as nanoseconds since 1970: Python's own times have none."""
    place = batch.schema.get_field_index("time")
    return batch.set_column(place, "time", batch.column(place).cast(pa.int64()))


def _changed_rows(before: pa.RecordBatch, after: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The rows of a batch in which a value was replaced."""
    changed = [np.flatnonzero(_differ(before.column(name), after.column(name))) for name in _TEXTS]
    fields = before.column("fields")
    places = np.flatnonzero(_differ(fields.items, after.column("fields").items))
    offsets = fields.offsets.to_numpy()
    changed.append(np.searchsorted(offsets, places + offsets[0], side="right") - 1)
    return np.unique(np.concatenate(changed)).astype(np.int64)


def _differ(before: pa.Array, after: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    unequal = pc.fill_null(pc.not_equal(before, after), False)
    return np.asarray(unequal.to_numpy(zero_copy_only=False), np.bool_)


def _without_secrets(around: Surroundings, redactor: Redactor) -> Surroundings:
    command = around.command_line
    return replace(
        around,
        command_line=None if command is None else tuple(redactor.text(word) for word in command),
        environment={name: redactor.field(name, value) for name, value in around.environment.items()},
        config=_without_secrets_in(around.config, redactor),
        intended=_without_secrets_in(around.intended, redactor),
    )


def _without_secrets_in(config: ConfigFile | None, redactor: Redactor) -> ConfigFile | None:
    if config is None or config.text is None:
        return config
    text = config.text.decode("utf-8", "replace")
    clean = redactor.text(text)
    if clean == text:
        return config
    if _reads(text) and not _reads(clean):
        return replace(config, text=None, error="it holds secrets that cannot be replaced")
    return replace(config, text=clean.encode())


def _reads(text: str) -> bool:
    """Whether a text is TOML or JSON."""
    with suppress(ValueError, RecursionError):
        tomllib.loads(text)
        return True
    with suppress(ValueError, RecursionError):
        json.loads(text)
        return True
    return False


# To its place


def _refuse_others(path: Path, target: str | os.PathLike[str]) -> None:
    """Replace nothing but an earlier bundle."""
    from analyzer.sources import is_bundle

    if path.exists() and not is_bundle(str(path)) and not (path.is_dir() and not any(path.iterdir())):
        raise SourceError(
            "something else is there already", where=os.fspath(target), hint="name a place that is free"
        )


def _write_archive(folder: Path, members: Sequence[str], path: Path) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
    with os.fdopen(descriptor, "wb") as stream:
        _pack(folder, members, stream)
        stream.flush()
        os.fsync(stream.fileno())


def _pack(folder: Path, members: Sequence[str], stream: IO[bytes]) -> None:
    """An archive whose bytes hang on its members alone: no times, no owners, the manifest first."""
    order = [MANIFEST, *sorted(set(members) - {MANIFEST})]
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in order:
            told = tarfile.TarInfo(name)
            told.size = (folder / name).stat().st_size
            told.mode = PRIVATE
            with (folder / name).open("rb") as content:
                archive.addfile(told, content)
