"""Files and folders written whole or not at all: made in a folder beside their target, then renamed over it.

That folder, ``.NAME.XXXXXXXX.partial``, is locked while its process lives. One that nobody holds is what a process
left that was killed: whoever writes the same target next removes it.
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from analyzer.errors import OutputError

_NEW, _EARLIER = "new", "earlier"


@contextmanager
def translate_errors(where: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the operating system says about a target into an `OutputError` about it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(
            f"cannot be written: {reason}",
            where=os.fspath(where),
            hint="nothing was left half-written; choose a place with room that you may write to",
        ) from error


def neighbour(target: Path) -> Path:
    """A name beside the target that nobody else uses."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")


@contextmanager
def replace_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A text stream whose content becomes the file once all of it has been written.

    A target that is no plain file (a pipe, ``/dev/null``) is written directly: a rename would remove it.

    Args:
        path: The file; a symbolic link is followed.

    Raises:
        OutputError: The file cannot be written; what was there before is still there.
    """
    target = Path(os.path.realpath(path))
    with translate_errors(path):
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("w", encoding="utf-8", newline="\n") as stream:
                yield stream
            return
        if target.is_dir():
            raise IsADirectoryError(None, "is a directory")
        with replace_whole(target) as new, new.open("x", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())


@contextmanager
def replace_whole(target: Path) -> Iterator[Path]:
    """A place whose content, a file or a folder, takes the target's place once all of it is there.

    Args:
        target: The place, no link. What is there stays until then, and for good where something is raised.

    Raises:
        OSError: It cannot be written.
        OutputError: What makes the content says so.
    """
    remove_stale(target)
    folder = neighbour(target)
    lock = None
    try:
        lock = _make_locked(folder)
        yield folder / _NEW
        _put(folder, target)
    except OutputError as error:
        # a user knows the target, and not the place beside it
        what, where = (
            text.replace(str(folder / _NEW), str(target)) for text in (error.what, error.where or "")
        )
        raise OutputError(what, where=where or None, hint=error.hint) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_stale(target: Path) -> None:
    """Remove what processes that were killed left beside a target.

    A folder is replaced by two renames: where a process died between them, the earlier one is put back.
    """
    for name in glob.glob(f".{glob.escape(target.name)}.*.partial", root_dir=target.parent):
        folder = target.parent / name
        with suppress(OSError):
            lock = _lock(folder, wait=False)
            if lock is None:
                continue
            try:
                if not os.path.lexists(target):
                    with suppress(FileNotFoundError):
                        (folder / _EARLIER).rename(target)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _make_locked(folder: Path) -> int | None:
    """Make a folder, and hold it by the open file that is returned; None where the system has no locks."""
    while True:
        folder.mkdir(mode=0o700)
        lock = _lock(folder, wait=True)
        # another process may have taken it for a stale one before it was locked
        if folder.exists():
            return lock
        if lock is not None:
            os.close(lock)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder until the file that is returned is closed; None where another holds it, or nobody can."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held; or a file system without locks
        os.close(lock)
        return None
    return lock


def _put(folder: Path, target: Path) -> None:
    """Rename what is finished over its target; a folder moves aside first: no rename replaces one."""
    new, earlier = folder / _NEW, folder / _EARLIER
    if not target.is_dir():
        new.replace(target)
        return
    try:
        target.rename(earlier)
        new.rename(target)
    except BaseException:
        if not os.path.lexists(target) and earlier.exists():
            earlier.rename(target)
        raise
