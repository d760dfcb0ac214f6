"""The files in a container, through the engine's archive call: nothing runs in the container, nothing is changed."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final, cast

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.sources.moments import read_moment
from analyzer.sources.surroundings import Found

if TYPE_CHECKING:
    from analyzer.sources.engine import Engine

_HOPS: Final = 10
_FOLDER: Final = 1 << 31
"""``fs.ModeDir``, as the engine tells a file's mode."""


class ContainerFiles:
    """The files in a container.

    Args:
        engine: The engine.
        container: The container's ID.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container

    def read(self, path: str) -> Found:
        """What lies at a path; links are followed, within the container."""
        place = path
        for _ in range(_HOPS):
            try:
                found, link = self._read(path, place)
            except (SourceError, _BrokenError) as error:
                return Found(path, None, error=getattr(error, "what", None) or str(error))
            if link is None:
                return found
            place = posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
        return Found(path, None, error="too many links")

    def walk(self, folder: str) -> list[Found]:
        """The files in a folder and in those below it."""
        folder = posixpath.normpath(folder)
        whole = self.read(folder)
        if not whole.is_folder:
            return [] if whole.exists is False else [whole]
        found: dict[str, Found] = {}
        links: list[str] = []
        try:
            with self._engine.archive(self._container, f"{folder.rstrip('/')}/.") as answer:
                for member, content in _members(answer[1]) if answer else ():
                    path = posixpath.normpath(posixpath.join(folder, member.name))
                    if member.issym():
                        links.append(path)
                    elif member.isfile() and _is_below(path, folder):
                        found[path] = _found(path, member, content)
        except (SourceError, _BrokenError) as error:
            why = getattr(error, "what", None) or str(error)
            return [*_sorted(found), Found(folder, None, error=why, is_folder=True)]
        for path in links:
            target = self.read(path)
            if not target.is_folder:
                found[path] = target
        return _sorted(found)

    def _read(self, path: str, place: str) -> tuple[Found, str | None]:
        """What lies at a place, or where a link there leads."""
        with self._engine.archive(self._container, place) as answer:
            if answer is None:
                return Found(path, False), None
            stat, stream = answer
            if isinstance(link := stat.get("linkTarget"), str) and link:
                return Found(path, None), link
            if int(stat.get("mode", 0)) & _FOLDER:
                return Found(path, True, is_folder=True, modified=read_moment(stat.get("mtime"))), None
            for member, content in _members(stream):
                if member.isfile():
                    return _found(path, member, content), None
        return Found(path, None, error="it is no file"), None


class _BrokenError(Exception):
    """An archive ended too soon."""


def _members(stream: Iterator[bytes]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The members of a tar stream, the content of files cut at the limits."""
    total = count = 0
    reader = io.BufferedReader(cast(io.RawIOBase, _Stream(stream)), 1 << 16)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|", errorlevel=0) as archive:
            for member in archive:
                count += 1
                if count > LIMITS.given_files or total > LIMITS.given_bytes:
                    raise _BrokenError("it holds more than is looked at")
                content = b""
                if member.isfile() and (file := archive.extractfile(member)) is not None:
                    content = file.read(LIMITS.given_file_bytes)
                    total += len(content)
                yield member, content
    except (tarfile.TarError, EOFError) as error:
        raise _BrokenError(f"the engine broke off: {str(error) or 'its archive has no end'}") from None


class _Stream(io.RawIOBase):
    """Pieces as a file that can be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        import requests.exceptions
        import urllib3.exceptions

        try:
            while not self._rest:
                self._rest = next(self._pieces)
        except StopIteration:
            return 0
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _BrokenError(f"the engine broke off: {type(error).__name__}") from None
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def _found(path: str, member: tarfile.TarInfo, content: bytes) -> Found:
    modified = datetime.fromtimestamp(int(member.mtime), UTC) if 0 < member.mtime < 1 << 33 else None
    return Found(path, True, content, size=member.size, modified=modified)


def _is_below(path: str, folder: str) -> bool:
    return folder == "/" or path.startswith(folder.rstrip("/") + "/")


def _sorted(found: dict[str, Found]) -> list[Found]:
    return [found[path] for path in sorted(found)]
