"""Logs on this machine: files, folders, patterns, and streams that are read once."""

from __future__ import annotations

import difflib
import glob
import io
import os
import shutil
import stat
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from analyzer.errors import SourceError
from analyzer.sources.model import Source
from analyzer.sources.rotation import DAEMON_LOG, choose_logs
from analyzer.sources.stored import HEAD, reason, refuse_archives, source_of, unreadable

HOW = "name the file of the log, or pipe it in: docker logs <container> 2>&1 | buildkit-analyzer check -"

_FILE_URL = ("file://", "local://")


class Copy:
    """A folder of our own that goes when nothing in this process needs it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="buildkit-analyzer-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def path(self) -> Path:
        """The log in it."""
        return self.folder / "log"

    def source(self, called: str) -> Source:
        """The log in it as a source.

        Args:
            called: What reports call it.
        """
        return LocalFile(self.path, called, self).source()

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        # Another process may read the copy; only this one may remove it.
        return object, ()


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine.

    Attributes:
        path: Where it is.
        called: What reports call it, where that is not its path.
        keep: What must live as long as this does.
    """

    path: Path
    called: str | None = None
    keep: object = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.called or self.path.as_posix()

    @property
    def key(self) -> str:
        """The same for two names of one file."""
        try:
            return self.called or str(self.path.resolve())
        except (OSError, ValueError, RuntimeError):
            return self.name

    @property
    def folder(self) -> str:
        """The folder that it is in."""
        return self.path.parent.as_posix()

    @property
    def file_name(self) -> str:
        """Its name in its folder."""
        return self.path.name

    def open(self, damage: list[str]) -> io.BufferedReader:
        """Its bytes as they are stored; where they break, an error says so."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise unreadable(self.name, error) from None

    def source(self) -> Source:
        """The log in it; a pipe is copied, since it gives its bytes only once."""
        try:
            mode = self.path.stat().st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise SourceError(
                    "this is a device, not a log",
                    where=self.name,
                    hint="name a file, or - for standard input",
                )
            if not stat.S_ISREG(mode):
                with self.path.open("rb") as stream:
                    return spool(self.name, stream)
            with self.path.open("rb") as stream:
                head = stream.read(HEAD)
                size = os.fstat(stream.fileno()).st_size
        except (OSError, ValueError) as error:
            raise unreadable(self.name, error) from None
        refuse_archives(self.name, head)
        own = None if self.called else self.path
        return source_of(
            self, path=own, size=size, head=head, plain=self.path, spooled=self.called is not None
        )


def spool(name: str, stream: BinaryIO) -> Source:
    """A source over a copy of a stream, so that it can be read more than once."""
    copy = Copy()
    try:
        with copy.path.open("wb") as target:
            shutil.copyfileobj(stream, target, 1 << 20)
    except OSError as error:
        raise SourceError(f"it cannot be copied: {reason(error)}", where=name) from None
    return copy.source(name)


def local_path(spec: str) -> str | None:
    """The path that a ``file://`` URL names, None for any other name."""
    for scheme in _FILE_URL:
        if spec.lower().startswith(scheme):
            path = spec[len(scheme) :].removeprefix("localhost")
            return path if os.path.exists(path) else unquote(path)
    return None


def find_files(spec: str) -> list[LocalFile]:
    """The files that a path or a pattern stands for.

    A file, or a folder, whose own name looks like a pattern is taken by its name.

    Raises:
        SourceError: There are none, or they may not be looked at.
    """
    path = Path(spec)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        if glob.has_magic(spec):
            return _matching(spec)
        raise SourceError("there is no such file", where=spec, hint=_similar(path) or HOW) from None
    except (OSError, ValueError) as error:
        raise unreadable(spec, error) from None
    if not is_folder:
        return [LocalFile(path)]
    if found := _logs_in(path):
        return found
    raise SourceError(
        "the folder holds no log", where=spec, hint="a log is called *.log, *.log.1 or *.log.gz"
    )


def _matching(pattern: str) -> list[LocalFile]:
    found: list[LocalFile] = []
    for name in _expand(pattern):
        path = Path(name)
        try:
            found += _logs_in(path) if os.path.isdir(path) else [LocalFile(path)]
        except SourceError:
            # one folder that may not be looked into must not cost the others: it is told when it is opened
            found.append(LocalFile(path / DAEMON_LOG))
    if not found:
        raise SourceError("nothing matches", where=pattern, hint="* stays in one folder, ** goes through all")
    return found


def _expand(pattern: str) -> list[str]:
    """The paths that match. `glob` passes over files in folders that it may not enter; here they count."""
    folder, name = os.path.split(pattern)
    if not name or glob.has_magic(name) or "**" in folder:
        return sorted(glob.glob(pattern, recursive=True))
    paths = [os.path.join(found, name) for found in sorted(glob.glob(folder)) if os.path.isdir(found)]
    return [path for path in paths if _may_exist(path)]


def _may_exist(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _logs_in(folder: Path) -> list[LocalFile]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError as error:
        raise unreadable(folder.as_posix(), error) from None
    return [LocalFile(folder / name) for name in choose_logs(names)]


def _similar(path: Path) -> str | None:
    """A hint that names a file of nearly the same name."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names[:1000], n=1)
    return f"did you mean {(path.parent / close[0]).as_posix()}?" if close else None
