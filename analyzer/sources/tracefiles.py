"""Traces that BuildKit exported: OTLP as JSON, or the build records of ``docker buildx history export``.

What a file is tells its content, never its name. A build record (``.dockerbuild``) is an OCI layout in a gzip tar:
``index.json`` names manifests, and these name the layers, of which one holds the trace (docker/buildx
``util/desktop/bundle/export.go``, where several builds are an index within the index; the media type is
moby/buildkit's, ``solver/llbsolver``, recordBuildHistory). Nothing is unpacked: members are read as streams, and only
those that a manifest names.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import stat
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.sources.compression import compression_of, decompress, encoding_of, recode
from analyzer.sources.local import Copy, local_path
from analyzer.sources.model import is_binary
from analyzer.sources.stored import reason, unreadable

TRACE_LAYER: Final = "application/vnd.buildkit.otlp.json.v0"
STDIN: Final = "<stdin>"
NO_TRACE: Final = "the build record holds no trace"
HOW: Final = (
    "docker buildx history export --finalize -o build.dockerbuild, or what an OpenTelemetry Collector wrote"
)

_HEAD = 1 << 18
_BLOCK = 1 << 20
_TAR = slice(257, 262)
_SPANS = re.compile(rb'"(?:resource_?[sS]pans|scope_?[sS]pans|SpanContext|resource(?:Metrics|Logs))"')
_PROGRESS = re.compile(rb'"(?:[vV]ertexes|[sS]tatuses)"\s*:')
_BLOB = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NESTED = 4
_IN_MEMORY = 4 << 20


@dataclass(frozen=True)
class TraceFile:
    """A file with exported traces.

    Attributes:
        name: What reports call it.
        path: Where its bytes are.
        record: It is a build record; else it is JSON.
        keep: What must live as long as this does.
    """

    name: str
    path: Path
    record: bool
    keep: object = field(default=None, repr=False, compare=False)

    def open(self, damage: list[str]) -> Iterator[BinaryIO]:
        """The JSON of its traces, one stream after the other; each is read before the next is asked for.

        Args:
            damage: Receives what could not be read, once that is met.

        Raises:
            SourceError: It cannot be read, or is a build record without a trace.
        """
        if self.record:
            yield from _Record(self, damage).traces()
            return
        with _content(self.path, self.name, damage) as stream:
            yield stream


def open_traces(specs: Sequence[str], *, stdin: BinaryIO | None = None) -> list[TraceFile]:
    """The trace files that a user names, in the order given, each once.

    Args:
        specs: Paths of files, or of folders of them; ``-`` for standard input.
        stdin: Standard input; the process's own if not given.

    Raises:
        SourceError: One is not there, or is no exported trace.
    """
    found: dict[str, TraceFile] = {}
    for spec in specs:
        if spec == "-":
            if STDIN not in found:
                found[STDIN] = _spooled(stdin or sys.stdin.buffer)
            continue
        path = Path(local_path(spec) or spec)
        for file in _in_folder(spec, path) if _mode(spec, path, stat.S_ISDIR) else [_file(spec, path)]:
            found.setdefault(_key(file), file)
    return list(found.values())


def _key(file: TraceFile) -> str:
    try:
        return str(file.path.resolve())
    except (OSError, RuntimeError):
        return file.name


def _mode(spec: str, path: Path, test: Any) -> bool:
    try:
        return bool(test(path.stat().st_mode))
    except FileNotFoundError:
        raise SourceError("there is no such trace", where=spec, hint=HOW) from None
    except (OSError, ValueError) as error:
        raise unreadable(spec, error) from None


def _file(spec: str, path: Path) -> TraceFile:
    if not _mode(spec, path, stat.S_ISREG):
        if _mode(spec, path, lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
            raise SourceError("this is a device, not a trace", where=spec, hint=HOW)
        try:
            with path.open("rb") as stream:
                return _spooled(stream, path.as_posix())
        except OSError as error:
            raise unreadable(spec, error) from None
    return _known(TraceFile(path.as_posix(), path, record=False))


def _spooled(stream: BinaryIO, name: str = STDIN) -> TraceFile:
    """A copy of a stream, so that it can be read more than once."""
    copy = Copy()
    try:
        with copy.path.open("wb") as target:
            shutil.copyfileobj(stream, target, _BLOCK)
    except OSError as error:
        raise SourceError(f"it cannot be copied: {reason(error)}", where=name) from None
    return _known(TraceFile(name, copy.path, record=False, keep=copy))


def _in_folder(spec: str, folder: Path) -> list[TraceFile]:
    """The traces in a folder; other files there are passed over."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except OSError as error:
        raise unreadable(spec, error) from None
    found = []
    for name in names[: LIMITS.trace_files]:
        with contextlib.suppress(SourceError):
            found.append(_file((folder / name).as_posix(), folder / name))
    if not found:
        raise SourceError("the folder holds no exported trace", where=spec, hint=HOW)
    return found


def _known(file: TraceFile) -> TraceFile:
    """The file, once its content has told what it is."""
    with _content(file.path, file.name, []) as stream:
        head = _read(stream, _HEAD, file.name)
    if head[_TAR] == b"ustar":
        return TraceFile(file.name, file.path, True, file.keep)
    if _SPANS.search(head) and not is_binary(head):
        return file
    if not head.strip():
        raise SourceError("it is empty", where=file.name, hint=HOW)
    if head.lstrip()[:1] == b"{" and _PROGRESS.search(head):
        raise SourceError(
            "this is the progress of a build, as `buildctl build --trace` writes it: it names no host",
            where=file.name,
            hint=HOW,
        )
    raise SourceError("this is no exported trace", where=file.name, hint=HOW)


def _content(path: Path, name: str, damage: list[str]) -> BinaryIO:
    """The bytes of a file, uncompressed."""
    try:
        raw = path.open("rb")
        head = raw.peek(16)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None
    compression, encoding = compression_of(head), encoding_of(head)
    if compression:
        return decompress(raw, compression, damage)
    return recode(raw, encoding) if encoding else cast(BinaryIO, raw)


def _read(stream: IO[bytes], size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise unreadable(name, error) from None


@dataclass(frozen=True)
class _Layer:
    """What a manifest says of a member.

    Attributes:
        digest: Its digest, as ``sha256:...``.
        size: Its bytes.
    """

    digest: str
    size: int

    @property
    def member(self) -> str:
        """Its place in the layout (OCI image-spec v1.1 ``image-layout.md``)."""
        return f"blobs/sha256/{self.digest.removeprefix('sha256:')}"


class _Record:
    """A build record, or several in one layout.

    Args:
        file: The file.
        damage: Receives what could not be read.
    """

    def __init__(self, file: TraceFile, damage: list[str]) -> None:
        self._file = file
        self._damage = damage
        self._broken: str | None = None

    def traces(self) -> Iterator[BinaryIO]:
        """The trace of each build."""
        layers = self._layers()
        if not layers:
            raise SourceError(NO_TRACE, where=self._file.name, hint=f"export it anew: {HOW}")
        wanted = {layer.member: layer for layer in layers}
        for name, member, content in self._members(set(wanted)):
            layer = wanted.pop(name, None)
            if layer is None:
                continue
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
                if self._is_sound(layer, member, content, copy):
                    copy.seek(0)
                    yield cast(BinaryIO, copy)
        for layer in wanted.values():
            self._tell(f"the trace {_short(layer.digest)} is missing")

    def _layers(self) -> list[_Layer]:
        """The layers that are traces, by way of the manifests."""
        index = self._json({"index.json": None}).get("index.json")
        if index is None:
            raise SourceError(
                "this archive is no build record" if not self._broken else f"it is damaged: {self._broken}",
                where=self._file.name,
                hint=HOW,
            )
        manifests = [index]
        for _ in range(_NESTED):
            named = [one for manifest in manifests for one in _descriptors(manifest, "manifests")]
            if not named:
                break
            documents = self._json({layer.member: layer for layer, _ in named})
            for layer, _ in named:
                if layer.member not in documents:
                    self._tell(f"the manifest {_short(layer.digest)} is missing or was changed")
            manifests = [*(one for one in manifests if "layers" in one), *documents.values()]
        layers = [
            layer
            for manifest in manifests
            for layer, kind in _descriptors(manifest, "layers")
            if kind == TRACE_LAYER
        ]
        return list(dict.fromkeys(layers))[: LIMITS.trace_files]

    def _json(self, wanted: dict[str, _Layer | None]) -> dict[str, dict[str, Any]]:
        """Small members that are JSON objects and have the digests that they should have."""
        found: dict[str, dict[str, Any]] = {}
        for name, member, content in self._members(set(wanted)):
            layer = wanted[name]
            if member.size > LIMITS.config_bytes or (layer is not None and layer.size != member.size):
                continue
            text = content.read(LIMITS.config_bytes)
            if layer is not None and hashlib.sha256(text).hexdigest() != layer.digest.removeprefix("sha256:"):
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                found[name] = value
        return found

    def _is_sound(self, layer: _Layer, member: tarfile.TarInfo, content: IO[bytes], copy: IO[bytes]) -> bool:
        """Copy a trace; false, and told, where it is not what its manifest says."""
        digest, told = hashlib.sha256(), _short(layer.digest)
        if member.size != layer.size or member.size > LIMITS.unpacked_bytes:
            self._tell(f"the trace {told} has another size than its manifest says")
            return False
        while block := content.read(_BLOCK):
            digest.update(block)
            copy.write(block)
        if digest.hexdigest() != layer.digest.removeprefix("sha256:"):
            self._tell(
                f"the trace {told} has another digest than its manifest says: it was changed, or is cut"
            )
            return False
        return True

    def _members(self, wanted: set[str]) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes]]]:
        """Regular members by name, each once; links and all other members are passed over."""
        wanted = set(wanted)
        damage: list[str] = []
        try:
            with (
                _content(self._file.path, self._file.name, damage) as stream,
                tarfile.open(
                    fileobj=cast(IO[bytes], io.BufferedReader(cast(Any, stream), _BLOCK)), mode="r|"
                ) as archive,
            ):
                for member in archive:
                    archive.members = []  # type: ignore[attr-defined]
                    name = member.name.removeprefix("./")
                    if name not in wanted or not member.isreg():
                        continue
                    content = archive.extractfile(member)
                    if content is not None:
                        wanted.discard(name)
                        yield name, member, content
                    if not wanted:
                        break
        except (tarfile.TarError, EOFError, ValueError) as error:
            self._broken = damage[0] if damage else reason(error)
        except OSError as error:
            raise unreadable(self._file.name, error) from None
        if damage or self._broken:
            self._tell(damage[0] if damage else f"the build record is damaged: {self._broken}")

    def _tell(self, text: str) -> None:
        if text not in self._damage:
            self._damage.append(text)


def _descriptors(manifest: dict[str, Any], name: str) -> Iterator[tuple[_Layer, str]]:
    """The descriptors of a manifest (OCI image-spec v1.1 ``descriptor.md``), each with its media type."""
    listed = manifest.get(name)
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        digest, size = one.get("digest"), one.get("size")
        if isinstance(digest, str) and _BLOB.match(digest) and isinstance(size, int):
            yield _Layer(digest, size), str(one.get("mediaType"))


def _short(digest: str) -> str:
    return digest[:19]
