"""Find the logs that a user names: files, folders, standard input."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from analyzer.errors import SourceError
from analyzer.sources.compression import compression_of, decompress, encoding_of, recode
from analyzer.sources.model import Source
from analyzer.sources.rotation import join_parts

STDIN = "<stdin>"
DAEMON_LOG = "buildkitd.log"

_LOG = re.compile(r"\.log(?:[.-].*)?$")
_ROTATED = re.compile(
    r"^(?P<base>.*?\.log)(?:\.(?P<number>\d+)|-(?P<date>\d{6,14}))?(?:\.(?:gz|zst|xz|bz2))?$"
)
_ELSEWHERE = re.compile(r"^(?:(?P<kind>builder|container|dockerd):|(?P<scheme>[a-z][a-z0-9+.-]+)://)")
_HOW = "name the file of the log, or pipe it in: docker logs <container> 2>&1 | buildkit-analyzer check -"
_HEAD = 512
_TAR = slice(257, 262)


def open_sources(specs: Sequence[str], *, stdin: BinaryIO | None = None) -> list[Source]:
    """The logs that a user names, in the order given, each once.

    Args:
        specs: Paths of files or folders, or ``-`` for standard input. A folder stands for its logs: for
            ``buildkitd.log`` where there is one, else for all ``*.log*``; the rotated parts of a log
            are read as one log, oldest first.
        stdin: Standard input; the process's own if not given.

    Returns:
        At least one source a spec.

    Raises:
        SourceError: There is nothing to read, or it may not be read.
    """
    if not specs:
        raise SourceError("no log is named", hint="name a file, a folder, or - for standard input")
    sources: dict[str, Source] = {}
    for spec in specs:
        if spec == "-":
            found = [] if STDIN in sources else [_spool(STDIN, stdin or sys.stdin.buffer)]
        else:
            found = [_open_log(parts) for parts in _logs(_files(spec))]
        for source in found:
            key = str(source.path.resolve()) if source.path else source.name
            sources.setdefault(key, source)
    return list(sources.values())


def _files(spec: str) -> list[Path]:
    """The files that a path stands for."""
    path = Path(spec)
    elsewhere = _ELSEWHERE.match(spec)
    if elsewhere and not path.exists():
        what = f"{elsewhere['kind'] or elsewhere['scheme']} sources are not supported yet"
        raise SourceError(what, where=spec, hint=_HOW)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise SourceError("there is no such file", where=spec, hint=_similar(path) or _HOW) from None
    except (OSError, ValueError) as error:
        raise _unreadable(spec, error) from None
    if not is_folder:
        return [path]
    try:
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
    except OSError as error:
        raise _unreadable(spec, error) from None
    logs = [name for name in names if _LOG.search(name)]
    daemon = [name for name in logs if _order(name)[0] == DAEMON_LOG]
    chosen = sorted(daemon or logs, key=_order)
    if not chosen:
        raise SourceError(
            "the folder holds no log", where=spec, hint="a log is called *.log, *.log.1 or *.log.gz"
        )
    return [path / name for name in chosen]


def _logs(files: Sequence[Path]) -> list[list[Path]]:
    """The files, the parts of each rotated log together; they come in order already."""
    return [list(parts) for _, parts in groupby(files, key=lambda path: _order(path.name)[0])]


def _open_log(parts: Sequence[Path]) -> Source:
    if len(parts) == 1:
        return _open_file(parts[0])
    base = parts[0].parent / _order(parts[0].name)[0]
    return join_parts(base.as_posix(), [_open_file(part) for part in parts])


def _order(name: str) -> tuple[str, int, int, str]:
    """Where a log stands among its rotated parts: higher numbers and earlier dates are older."""
    match = _ROTATED.match(name)
    if not match:
        return name, 0, 0, name
    if match["number"]:
        return match["base"], -1, -int(match["number"]), name
    if match["date"]:
        return match["base"], -2, int(match["date"].ljust(14, "0")), name
    return match["base"], 0, 0, name


class _Copy:
    """A folder of our own that goes when nothing needs it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="buildkit-analyzer-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def _open_file(path: Path) -> Source:
    name = path.as_posix()
    try:
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise SourceError(
                "this is a device, not a log", where=name, hint="name a file, or - for standard input"
            )
        if not stat.S_ISREG(mode):
            # A pipe (`<(docker logs ...)`) gives its bytes once.
            with path.open("rb") as stream:
                return _spool(name, stream)
        return _source(name, path, path)
    except OSError as error:
        raise _unreadable(name, error) from None


def _spool(name: str, stream: BinaryIO) -> Source:
    """A source over a copy of a stream, so that it can be read more than once."""
    keep = _Copy()
    copy = keep.folder / "log"
    try:
        with copy.open("wb") as target:
            shutil.copyfileobj(stream, target, 1 << 20)
    except OSError as error:
        raise SourceError(f"it cannot be copied: {_reason(error)}", where=name) from None
    return _source(name, None, copy, keep=keep)


def _source(name: str, path: Path | None, stored: Path, keep: object = None) -> Source:
    """A source over stored bytes, which its first bytes describe.

    Args:
        name: Its name.
        path: The user's own file, if any.
        stored: Where the bytes are.
        keep: What must live as long as the source does.
    """
    with stored.open("rb") as stream:
        head = stream.read(_HEAD)
    _refuse_archives(name, head)
    compression, encoding = compression_of(head), encoding_of(head)
    damage: list[str] = []

    def open_stored(_keep: object = keep) -> BinaryIO:
        damage.clear()
        try:
            raw: BinaryIO = stored.open("rb")
        except OSError as error:
            raise _unreadable(name, error) from None
        if compression:
            return decompress(raw, compression, damage)
        return recode(raw, encoding) if encoding else raw

    return Source(
        name=name,
        path=path,
        open=open_stored,
        repeatable=True,
        size=stored.stat().st_size,
        compression=compression,
        damage=damage,
    )


def _refuse_archives(name: str, head: bytes) -> None:
    if head.startswith(b"PK\x03\x04") or head[_TAR] == b"ustar":
        raise SourceError("this is an archive, not a log", where=name, hint="unpack it and name the folder")


def _similar(path: Path) -> str | None:
    """A hint that names a file of nearly the same name."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names[:1000], n=1)
    return f"did you mean {(path.parent / close[0]).as_posix()}?" if close else None


def _unreadable(name: str, error: Exception) -> SourceError:
    hint = "ask for the right to read it" if isinstance(error, PermissionError) else None
    return SourceError(f"it cannot be read: {_reason(error)}", where=name, hint=hint)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
