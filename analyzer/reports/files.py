"""Files written whole or not at all: beside their target, then renamed over it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from analyzer.errors import OutputError


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
        partial = neighbour(target)
        try:
            with partial.open("x", encoding="utf-8", newline="\n") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(target)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
