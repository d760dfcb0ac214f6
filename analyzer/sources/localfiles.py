"""Files of this machine, as a daemon on it sees them, or as they were copied out of a container."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from analyzer.limits import LIMITS
from analyzer.sources.stored import reason
from analyzer.sources.surroundings import Found

CONFIG_FOLDER = "/etc/buildkit"


class LocalFiles:
    """Files of this machine.

    Args:
        place: Where the file is that the daemon calls by a path; None where nothing is known of it. By default it is
            there by that path.
    """

    def __init__(self, place: Callable[[str], Path | None] = Path) -> None:
        self._place = place

    def read(self, path: str) -> Found:
        """What lies at a path; links are followed."""
        place = self._place(path)
        if place is None:
            return Found(path, None, error="it was not copied along")
        try:
            told = place.stat()
            modified = datetime.fromtimestamp(int(told.st_mtime), UTC)
            if stat.S_ISDIR(told.st_mode):
                return Found(path, True, is_folder=True, modified=modified)
            if not stat.S_ISREG(told.st_mode):
                return Found(path, True, error="it is no file")
            with place.open("rb") as stream:
                content = stream.read(LIMITS.given_file_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return Found(path, False)
        except (OSError, ValueError, OverflowError) as error:
            return Found(path, None, error=reason(error))
        return Found(path, True, content, size=told.st_size, modified=modified)

    def walk(self, folder: str) -> list[Found]:
        """The files in a folder and in those below it."""
        place = self._place(folder)
        if place is None:
            return []
        found: list[Found] = []
        for parent, _, names in os.walk(place):
            inner = Path(parent).relative_to(place).as_posix()
            for name in names:
                if len(found) >= LIMITS.given_files:
                    return found
                found.append(self.read(posixpath.normpath(posixpath.join(folder, inner, name))))
        return sorted(found, key=lambda one: one.path)


def copied_files(folder: Path) -> LocalFiles:
    """Files that were copied out of a container.

    Args:
        folder: A copy of ``/etc/buildkit``, or of more, with ``etc/buildkit`` in it.
    """
    whole = folder / CONFIG_FOLDER.strip("/")
    whole_is_there = whole.is_dir()

    def place(path: str) -> Path | None:
        parts = posixpath.normpath(path)
        if not parts.startswith("/") or "\0" in parts:
            return None
        if whole_is_there:
            inner = folder / parts.lstrip("/")
            # of what lies elsewhere nothing is known unless it was copied too
            return inner if parts.startswith(f"{CONFIG_FOLDER}/") or inner.exists() else None
        if parts == CONFIG_FOLDER or parts.startswith(f"{CONFIG_FOLDER}/"):
            return folder / parts.removeprefix(CONFIG_FOLDER).lstrip("/")
        return None

    return LocalFiles(place)
