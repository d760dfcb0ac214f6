"""Bundles: what `collect` takes along from a builder, in a folder or a ``.tar.gz``.

A bundle comes from elsewhere and may be hostile: only members that its manifest names are unpacked, plain files under
plain names, no more bytes than the manifest says and not many more than the archive has.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.sources.builds import MEMBER, Builds, name_builds
from analyzer.sources.local import Copy, LocalFile
from analyzer.sources.manifests import FORMAT, MANIFEST
from analyzer.sources.model import Source, Unreadable
from analyzer.sources.recorded import CHANGED, is_member_name, read_built, read_surroundings
from analyzer.sources.stored import reason, unreadable
from analyzer.sources.tracefiles import TraceFile

SURROUNDINGS: Final = "surroundings.json"

_BLOCK = 1 << 20


def open_bundle(spec: str) -> list[Source | Unreadable]:
    """The logs of a bundle, each with the surroundings that were collected with it.

    Raises:
        SourceError: It cannot be read, or is no bundle.
    """
    path = Path(spec)
    if path.is_dir():
        bundle = _Bundle(spec, path, _manifest(spec, _small(path / MANIFEST, spec)), None)
    else:
        copy = Copy()
        bundle = _Bundle(spec, copy.folder, _unpack(spec, path, copy.folder), copy)
    return list(bundle.sources())


@dataclass(frozen=True)
class _Bundle:
    """A bundle whose members lie in a folder.

    Attributes:
        name: What reports call it.
        folder: The folder.
        manifest: Its manifest.
        keep: What must live as long as its sources.
    """

    name: str
    folder: Path
    manifest: Mapping[str, Any]
    keep: object

    def sources(self) -> Iterator[Source | Unreadable]:
        daemons = [one for one in self.manifest["daemons"] if isinstance(one, dict)]
        for one in daemons:
            inner = str(one.get("folder") or "")
            called = self.name if len(daemons) == 1 else f"{self.name}:{inner or one.get('name')}"
            try:
                yield self._source(called, f"{inner}/" if inner else "", str(one.get("log")))
            except SourceError as error:
                yield Unreadable(called, error)

    def _source(self, called: str, prefix: str, log: str) -> Source:
        told = self._json(prefix + SURROUNDINGS)
        if told is None:
            raise SourceError(f"its {SURROUNDINGS} is missing or was changed", where=called)
        around, redactions, lost = read_surroundings(
            called, told, lambda name: self._text(prefix + name) if name else None
        )
        member = prefix + log
        path = self._path(member)
        if path is None:
            raise SourceError(f"its log {member} is missing", where=called, hint="collect it anew")
        source = LocalFile(path, called, self.keep).source()
        changed = None if self._is_sound(member) else CHANGED
        builds = self._builds(called, prefix + MEMBER, told)
        if builds is None and prefix + MEMBER in self.manifest["members"]:
            around = replace(around, not_read=(*around.not_read, f"{MEMBER}: {CHANGED}"))
        return replace(
            source, lost=changed or lost, redactions=redactions, surroundings=around, builds=builds
        )

    def _builds(self, called: str, member: str, told: Mapping[str, Any]) -> Builds | None:
        """The traces of builds that were collected; None without any, or where they were changed."""
        path = self._path(member)
        if path is None or not self._is_sound(member):
            return None
        damaged, redactions = read_built(told)
        name = name_builds(called)
        file = TraceFile(name, path, record=False, keep=self.keep)
        return Builds(name, (file,), damaged=damaged, redactions=redactions)

    def _path(self, member: str) -> Path | None:
        """The file of a member; None of one that the manifest does not name, or that is a link."""
        if not is_member_name(member) or member not in self.manifest["members"]:
            return None
        path = self.folder / member
        within = path.is_file() and path.resolve() == self.folder.resolve() / member
        return path if within else None

    def _is_sound(self, member: str) -> bool:
        path = self._path(member)
        if path is None:
            return False
        digest = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
        except OSError:
            return False
        expected = self.manifest["members"][member]
        return isinstance(expected, dict) and digest.hexdigest() == expected.get("sha256")

    def _text(self, member: str) -> bytes | None:
        """A small member; None where it is missing or was changed."""
        path = self._path(member)
        if path is None or not self._is_sound(member):
            return None
        return _small(path, self.name)

    def _json(self, member: str) -> dict[str, Any] | None:
        content = self._text(member)
        try:
            told = json.loads(content) if content is not None else None
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None


def _manifest(spec: str, content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if (
        not isinstance(told, dict)
        or told.get("format") != FORMAT
        or not isinstance(told.get("members"), dict)
        or not isinstance(told.get("daemons"), list)
        or not told["daemons"]
    ):
        raise SourceError(f"its {MANIFEST} is none", where=spec, hint="collect makes bundles")
    return told


def _small(path: Path, spec: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(LIMITS.config_bytes)
    except OSError as error:
        raise unreadable(spec, error) from None


def _unpack(spec: str, path: Path, folder: Path) -> dict[str, Any]:
    """Unpack the members that the manifest, which comes first, names."""
    manifest: dict[str, Any] | None = None
    try:
        stored = path.stat().st_size
        room = max(LIMITS.unpacked_bytes, stored * LIMITS.unpacked_ratio)
        with tarfile.open(path, mode="r|*", errorlevel=0) as archive:
            for member in archive:
                if manifest is None:
                    manifest = _manifest(spec, _first(spec, archive, member))
                    continue
                said = manifest["members"].get(member.name)
                if not member.isfile() or not is_member_name(member.name) or not isinstance(said, dict):
                    continue
                if (folder / member.name).exists():
                    raise SourceError(
                        f"its member {member.name} stands in it twice",
                        where=spec,
                        hint="it was tampered with",
                    )
                room -= member.size
                if member.size != said.get("bytes") or room < 0:
                    raise SourceError(
                        f"its member {member.name} is larger than it may be",
                        where=spec,
                        hint="it was tampered with",
                    )
                file = archive.extractfile(member)
                if file is not None:
                    _write(folder / member.name, file)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, TypeError) as error:
        # TypeError: tarfile takes ord() of the byte that a gzip header lacks (CPython 3.11, tarfile._Stream)
        # what is whole so far can be used; what is missing is told member by member
        if manifest is None:
            raise SourceError(f"it is damaged: {reason(error)}", where=spec) from None
    except OSError as error:
        raise unreadable(spec, error) from None
    if manifest is None:
        raise SourceError("it is empty", where=spec)
    return manifest


def _first(spec: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isfile() and member.name == MANIFEST else None
    if file is None:
        raise SourceError(f"it does not begin with {MANIFEST}", where=spec, hint="collect makes bundles")
    return file.read(LIMITS.config_bytes)


def _write(target: Path, file: IO[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as stream:
        while block := file.read(_BLOCK):
            stream.write(block)
