"""Logs behind URLs, read through fsspec: object stores, web servers, whatever has a file system for it.

Nothing is copied. A log is read in order, in pieces; a connection that breaks is taken up again where it broke, and
one that stays broken ends the log with a note of it, as a damaged file does.
"""

from __future__ import annotations

import io
import posixpath
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from analyzer.errors import SourceError
from analyzer.sources.model import Source
from analyzer.sources.names import query_start, shown_name
from analyzer.sources.rotation import DAEMON_LOG, choose_logs
from analyzer.sources.stored import HEAD, reason, source_of

_BUFFER = 1 << 20
_REQUEST_BYTES = 8 << 20
"""What one request to an object store asks for: large enough that its latency does not count."""

_ATTEMPTS = 4
_PAUSE = 0.25
"""Seconds before the second attempt; each later pause is twice as long."""

_HTTP = ("http", "https")
_OBJECT_STORES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "cos"))
"""Here one listing gives a thousand keys of all depths, and one folder costs a listing of its own."""

_WITH_PREFIX = frozenset(("s3", "s3a", "gs", "gcs"))
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "sftp": "paramiko",
    "ssh": "paramiko",
}
_WILD = re.compile(r"[*?\[]")
_CREDENTIALS = "give the credentials to fsspec: the provider's environment variables, or ~/.config/fsspec"


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL.

    Attributes:
        name: What reports call it; hides what the URL may hide.
        spec: The URL as it was given; its file system is found with it, credentials included.
        target: The file in that file system.
        size: Its size in bytes, None if unknown.
    """

    name: str
    spec: str = field(repr=False)
    target: str = field(repr=False)
    size: int | None = None

    @property
    def key(self) -> str:
        """The same for two names of one file."""
        return f"{self.name} {self.target}"

    @property
    def folder(self) -> str:
        """The folder that it is in."""
        return posixpath.dirname(self.name)

    @property
    def file_name(self) -> str:
        """Its name in its folder."""
        return posixpath.basename(self.name)

    def source(self) -> Source:
        """The log in it; nothing of it is read yet."""
        return source_of(self, size=self.size)

    def open(self, damage: list[str]) -> io.BufferedReader:
        """Its bytes as they are stored."""
        return io.BufferedReader(_Stream(self, damage), _BUFFER)

    def connect(self, offset: int) -> Any:
        """The stream that fsspec gives of it, at an offset in bytes."""
        system, _ = _file_system(self.spec)
        scheme = _direct_scheme(self.spec)
        options: dict[str, Any] = {}
        if scheme in _HTTP:
            # one request for the whole file; its size is known already
            options = {"block_size": 0, "size": self.size}
        elif scheme in _OBJECT_STORES:
            options = {"block_size": _REQUEST_BYTES}
        stream = system.open(self.target, "rb", **options)
        if offset:
            try:
                stream.seek(offset)
            except (ValueError, OSError, NotImplementedError):
                _skip(stream, offset)
        return stream


def find_remote(spec: str) -> Sequence[RemoteFile]:
    """The files that a URL, of a file, a folder or a pattern, stands for.

    Raises:
        SourceError: There are none, they may not be looked at, or the means to do so are missing.
    """
    system, target = _file_system(spec)
    name = shown_name(spec)
    pattern = spec
    if _direct_scheme(spec) in _HTTP:
        # neither a query nor the brackets of an IPv6 address are a pattern
        pattern = f"http://{spec[: query_start(spec)].partition('://')[2].partition('/')[2]}"
    try:
        if _WILD.search(pattern.partition("://")[2]) and query_start(pattern) == len(pattern):
            found = sorted(_matching(system, target, _direct_scheme(spec)))
            missing = SourceError(
                "nothing matches", where=name, hint="* stays in one folder, ** goes through all"
            )
        else:
            found = list(_named(system, target, is_folder=pattern.endswith("/")))
            missing = SourceError(
                "the folder holds no log", where=name, hint="a log is called *.log, *.log.1 or *.log.gz"
            )
    except Exception as error:
        # Every protocol's library has errors of its own, and none of them can be named here.
        raise explain(error, spec) from None
    if not found:
        raise missing
    alone = len(found) == 1 and found[0][0] == target
    return [
        RemoteFile(name if alone else _name_of(system, spec, path), spec, path, size) for path, size in found
    ]


def _named(system: Any, target: str, *, is_folder: bool) -> Iterator[tuple[str, int | None]]:
    """The file of a name, or the logs of a folder."""
    system.invalidate_cache()
    info: dict[str, Any] = {"type": "directory"} if is_folder else system.info(target)
    if info["type"] != "directory":
        yield target, info.get("size")
        return
    yield from _logs_among(system.ls(target, detail=True))


def _logs_among(entries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, int | None]]:
    files = {posixpath.basename(entry["name"]): entry for entry in entries if entry["type"] == "file"}
    for name in choose_logs(files):
        yield files[name]["name"], files[name].get("size")


def _matching(system: Any, pattern: str, scheme: str) -> Iterator[tuple[str, int | None]]:
    """The files that a pattern matches, and the logs of the folders that it matches."""
    system.invalidate_cache()
    whole = pattern.rstrip("/")
    literal = _WILD.split(whole, maxsplit=1)[0]
    root, _, prefix = literal.rpartition("/")
    if scheme not in _OBJECT_STORES or not root:
        for path, info in system.glob(whole, detail=True).items():
            if info["type"] == "directory":
                yield from _folder_among_others(system, path)
            else:
                yield path, info.get("size")
        return
    yield from _match_keys(system.find(root, detail=True, **_listing(scheme, prefix)), whole)


def _folder_among_others(system: Any, path: str) -> list[tuple[str, int | None]]:
    try:
        return list(_logs_among(system.ls(path, detail=True)))
    except Exception:
        # one folder that may not be looked into must not cost the others: it is told when it is opened
        return [(f"{path.rstrip('/')}/{DAEMON_LOG}", None)]


def _listing(scheme: str, prefix: str) -> dict[str, Any]:
    return {"prefix": prefix} if prefix and scheme in _WITH_PREFIX else {}


def _match_keys(keys: dict[str, dict[str, Any]], pattern: str) -> Iterator[tuple[str, int | None]]:
    """The same out of a listing of all keys below the part of the pattern that has no wildcard."""
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(pattern)).match
    folders: dict[str, list[dict[str, Any]]] = {}
    for key, info in keys.items():
        if matches(key):
            yield key, info.get("size")
        else:
            folders.setdefault(posixpath.dirname(key), []).append({**info, "name": key})
    for folder, entries in folders.items():
        if matches(folder):
            yield from _logs_among(entries)


def _file_system(spec: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise SourceError(
            "reading a URL needs fsspec, which is not installed",
            where=shown_name(spec),
            hint="pip install fsspec",
        ) from None
    try:
        options: dict[str, Any] = {}
        if _direct_scheme(spec) in _HTTP:
            import aiohttp

            # aiohttp ends any request after five minutes; a large log takes longer, a silent server does not
            options["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(sock_connect=20, sock_read=60)}
        system, target = url_to_fs(spec, **options)
    except Exception as error:
        raise explain(error, spec) from None
    return system, cast(str, target)


def _scheme(spec: str) -> str:
    """The protocol of a URL; of a chain, the first that names a place."""
    return spec.partition("://")[0].rpartition("::")[2].lower()


def _direct_scheme(spec: str) -> str:
    """The same, if nothing stands between it and us, such as a cache."""
    return "" if "::" in spec else _scheme(spec)


def _name_of(system: Any, spec: str, path: str) -> str:
    """The URL of a file that was found, as it may be shown."""
    first, chained, rest = spec.partition("::")
    if chained and "://" in first:
        return f"{shown_name(system.unstrip_protocol(path))}::{shown_name(rest)}"
    stripped = system._strip_protocol(spec)
    before = spec.removesuffix("/")
    if isinstance(stripped, str) and stripped and before.endswith(stripped):
        return shown_name(before[: len(before) - len(stripped)] + path)
    return shown_name(str(system.unstrip_protocol(path)))


def _skip(stream: Any, count: int) -> None:
    while count:
        data = stream.read(min(count, _BUFFER))
        if not data:
            raise ConnectionError("the file has become shorter")
        count -= len(data)


class _Stream(io.RawIOBase):
    """The bytes of a remote file, through breaks of the connection."""

    def __init__(self, file: RemoteFile, damage: list[str]) -> None:
        self._file = file
        self._damage = damage
        self._stream: Any = None
        self._at = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        filled = 0
        # what a file holds is told from its first bytes, so they come at once
        while not self._ended and filled < (min(HEAD, len(target)) if self._at < HEAD else 1):
            data = self._read(len(target) - filled)
            target[filled : filled + len(data)] = data
            filled += len(data)
            self._at += len(data)
        return filled

    def _read(self, count: int) -> bytes:
        """At least one byte, or none at the end of the file or of all attempts."""
        for attempt in range(_ATTEMPTS):
            try:
                if self._stream is None:
                    self._stream = self._file.connect(self._at)
                data = cast(bytes, self._stream.read(count))
                if not data and self._file.size is not None and self._at < self._file.size:
                    raise ConnectionError(f"it ended after {self._at} of {self._file.size} bytes")
            except Exception as error:
                # see find_remote
                self._drop()
                if attempt + 1 == _ATTEMPTS or _is_lasting(error):
                    return self._give_up(error)
                time.sleep(_PAUSE * 2**attempt)
            else:
                self._ended = not data
                return data
        return b""

    def _give_up(self, error: Exception) -> bytes:
        self._ended = True
        if self._at == 0:
            raise explain(error, self._file.spec, self._file.name) from None
        self._damage.append(f"the connection broke after {self._at} bytes: {reason(_cause(error))}")
        return b""

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        # a broken stream may break once more
        with suppress(Exception):
            if stream is not None:
                stream.close()

    def close(self) -> None:
        self._drop()
        super().close()


def _is_lasting(error: Exception) -> bool:
    """Whether another attempt would end in the same way."""
    if isinstance(error, SourceError | ImportError | FileNotFoundError | PermissionError):
        return True
    return _status(error) in (401, 403, 404, 410)


def _cause(error: BaseException) -> BaseException:
    """The error that says most: fsspec wraps what a server answered in errors of its own."""
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    return inner


def _status(error: BaseException) -> int | None:
    status = getattr(_cause(error), "status", None)
    return status if isinstance(status, int) else None


def explain(error: Exception, spec: str, name: str | None = None) -> SourceError:
    """What to tell of an error of fsspec or of a library below it.

    Args:
        error: The error.
        spec: The URL.
        name: What reports call it.
    """
    if isinstance(error, SourceError):
        return error
    where = name or shown_name(spec)
    scheme = _scheme(spec)
    inner, status = _cause(error), _status(error)
    if isinstance(error, ImportError):
        package = _PACKAGES.get(scheme)
        hint = f"pip install {package}" if package else reason(error)
        return SourceError(f"a package that reads {scheme}:// is not installed", where=where, hint=hint)
    if isinstance(error, ValueError) and "not known" in str(error):
        known = "fsspec knows s3, gs, abfs, https, sftp and others"
        return SourceError(f"there is no way to read {scheme}://", where=where, hint=known)
    kinds = {type(one).__name__ for one in (error, inner)}
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return SourceError("no credentials are found", where=where, hint=_CREDENTIALS)
    if isinstance(error, PermissionError) or status in (401, 403):
        said = error if isinstance(error, PermissionError) else inner
        return SourceError(f"it may not be read: {reason(said)}", where=where, hint=_CREDENTIALS)
    # fsspec tells of a server that does not answer as of a file that is not there
    silent = isinstance(inner, OSError) and not isinstance(inner, FileNotFoundError)
    if status in (404, 410) or (isinstance(error, FileNotFoundError) and status is None and not silent):
        hint = "look at the name of the bucket or host, and of the file"
        return SourceError("there is no such file", where=where, hint=hint)
    hint = "look at the network and the name of the host, then try again"
    return SourceError(f"it cannot be read: {reason(inner)}", where=where, hint=hint)
