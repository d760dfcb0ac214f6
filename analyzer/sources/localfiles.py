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


def copied_files(folder: Path, config_folder: str = CONFIG_FOLDER) -> LocalFiles:
    """Files that were copied out of a container. Links that lead out of the copy are not followed.

    Args:
        folder: A copy of the daemon's folder of configuration, or of more, with that folder at its own path in it.
        config_folder: The daemon's folder of configuration.
    """
    whole = (folder / config_folder.strip("/")).is_dir()
    root = folder.resolve()

    def place(path: str) -> Path | None:
        parts = posixpath.normpath(path)
        if not parts.startswith("/") or "\0" in parts:
            return None
        inner = folder / (parts.lstrip("/") if whole else posixpath.relpath(parts, config_folder))
        below = parts == config_folder or parts.startswith(f"{config_folder}/")
        if not inner.resolve().is_relative_to(root):
            return None
        # of what lies elsewhere nothing is known unless it was copied too
        return inner if below or (whole and inner.exists()) else None

    return LocalFiles(place)
