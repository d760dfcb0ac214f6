"""Certificate files that were meant, against those that the daemon was given.

buildx copies authorities and key pairs into the builder and writes their new paths into its file; two files with one
base name under one host get one path, and the last one written stays: all authorities in their order, then of each
pair the key, then the certificate (docker/buildx ``util/confutil/container.go``, LoadConfigFiles). What
``tlsconfigdir`` names is not copied.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal

from analyzer.intent.buildx import (
    BUILDER_FOLDER,
    BuildxRewriting,
    CopiedFile,
    buildx_certificate_path,
    certificate_files,
    rewrite_paths,
)
from analyzer.intent.causes import COPYING_DRIVERS, OTHER_DRIVERS, Judged
from analyzer.intent.conformance import quote
from analyzer.intent.places import Path
from analyzer.intent.settings import Setting

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.model import RegistryConfig

Judge = Callable[[Path, Setting | None, Setting | None], Judged]
Match = Literal["same", "rewritten", "doubtful"]

_COPIES: Final = f"{BUILDER_FOLDER}/certs/"
_NAMED: Final = 5
"""Files that a message names."""


def is_certificate(path: Path) -> bool:
    """Whether a setting names a certificate file or a folder of them, for a registry."""
    return len(path) > 2 and path[0] == "registry" and path[2] in ("ca", "keypair", "tlsconfigdir")


@dataclass(frozen=True)
class Certificates:
    """The certificate files of two configurations.

    Attributes:
        intended: What was meant.
        effective: What was loaded.
        driver: The buildx driver, None where not known.
        buildx_version: Buildx's version; the newest where None.
    """

    intended: Config
    effective: Config
    driver: str | None
    buildx_version: str | None

    @property
    def copied(self) -> bool | None:
        """Whether buildx made the loaded file from the intended one; None where nothing tells."""
        if self.driver in COPYING_DRIVERS | OTHER_DRIVERS:
            return self.driver in COPYING_DRIVERS
        for name, section in self.intended.registries.items():
            meant = {path for _, _, path, _ in certificate_files(section)}
            moved = {self._moved(name, path) for path in meant} - meant
            if not moved.isdisjoint(str(setting.value) for setting in _listed(self.effective, name)):
                return True
        return None

    def judge(self, judge: Judge) -> Iterator[Judged]:
        """Every certificate setting, each element of a list by itself.

        Args:
            judge: Tells the cause where a path has no counterpart.
        """
        rewriting = rewrite_paths(self.intended.registries, self.intended.workers, self.buildx_version)
        copied, collisions = self.copied, _collisions(rewriting)
        folders = {posixpath.dirname(file.path_in_builder) for file in rewriting.copied}
        for name in dict.fromkeys((*self.intended.registries, *self.effective.registries)):
            given = _Given(_listed(self.effective, name))
            missing = []
            for setting in _listed(self.intended, name):
                found = given.counterpart(setting, self._moved(name, str(setting.value)))
                if found is None:
                    missing.append(setting)
                    continue
                match, other = found
                collision = collisions.get(str(other.value)) if copied is not False else None
                if _kind(setting) == "tlsconfigdir":
                    filled = posixpath.normpath(str(setting.value)) in folders
                    yield _folder(setting, other, left=bool(copied) and not filled)
                elif collision is not None:
                    yield Judged(setting.path, setting, other, "collision", False, *collision)
                else:
                    yield _matched(setting, other, match)
            yield from _unpaired(missing, given.strange(), judge)

    def _moved(self, name: str, path: str) -> str:
        return buildx_certificate_path(name, path, self.buildx_version)


class _Given:
    """The loaded paths of a section, to be found by what was meant."""

    def __init__(self, settings: list[Setting]) -> None:
        self._settings = settings
        self._by_path: dict[tuple[str, str], list[Setting]] = {}
        self._elsewhere: dict[tuple[str, str], Setting] = {}
        self._found: set[tuple[str, str]] = set()
        for setting in settings:
            kind, path = _kind(setting), str(setting.value)
            self._by_path.setdefault((kind, path), []).append(setting)
            if path.startswith("/") and not path.startswith(_COPIES):
                self._elsewhere.setdefault((kind, posixpath.basename(path)), setting)

    def counterpart(self, meant: Setting, moved: str) -> tuple[Match, Setting] | None:
        """The loaded setting that a path became; the one in the same place before others."""
        kind, path = _kind(meant), str(meant.value)
        ways: list[tuple[Match, str]] = [("same", path)]
        if kind != "tlsconfigdir" and moved != path:
            ways.insert(0, ("rewritten", moved))
        for match, wanted in ways:
            if settings := self._by_path.get((kind, wanted)):
                self._found.add((kind, wanted))
                return match, next((one for one in settings if one.path == meant.path), settings[0])
        # A relative path is the client's: in another folder, a file of that name may be the same.
        if kind == "tlsconfigdir" or path.startswith("/"):
            return None
        other = self._elsewhere.get((kind, posixpath.basename(path)))
        if other is None:
            return None
        self._found.add((kind, str(other.value)))
        return "doubtful", other

    def strange(self) -> list[Setting]:
        """Those that nothing that was meant has become."""
        return [one for one in self._settings if (_kind(one), str(one.value)) not in self._found]


def _matched(meant: Setting, given: Setting, match: Match) -> Judged:
    if match == "doubtful":
        why = "a relative path is the client's, and the loaded file names another folder: it may be the same file"
        fix = f"Compare the files, or write the path of the daemon: {quote(str(given.value))}."
        return Judged(meant.path, meant, given, "edited", None, why, fix)
    if match == "rewritten":
        why = "buildx copied the file into the builder"
        return Judged(meant.path, meant, given, "rewritten", True, why)
    return Judged(meant.path, meant, given, "same", True)


def _folder(meant: Setting, given: Setting, *, left: bool) -> Judged:
    if not left:
        return Judged(meant.path, meant, given, "same", True)
    why = "buildx does not copy what tlsconfigdir names; the daemon passes over a folder that is not there"
    fix = "Name the files with ca and keypair, which buildx copies, or use an image that holds the folder."
    return Judged(meant.path, meant, given, "not-copied", False, why, fix)


def _unpaired(missing: list[Setting], strange: list[Setting], judge: Judge) -> Iterator[Judged]:
    """Paths without a counterpart; what is missing goes with what came instead."""
    for kind in dict.fromkeys(_kind(setting) for setting in (*missing, *strange)):
        pairs = zip_longest(
            (setting for setting in missing if _kind(setting) == kind),
            (setting for setting in strange if _kind(setting) == kind),
        )
        for left, right in pairs:
            path = left.path if left is not None else right.path if right is not None else ()
            yield judge(path, left, right)


def _collisions(rewriting: BuildxRewriting) -> dict[str, tuple[str, str]]:
    """What is to be said of different files that get one path, by that path."""
    return {
        collision.path_in_builder: _collision(tuple(sorted(collision.files, key=_order_of_writing)))
        for collision in rewriting.collisions
        if len({posixpath.normpath(file.path) for file in collision.files}) > 1
    }


def _listed(config: Config, name: str) -> list[Setting]:
    """The paths of a section, one by one."""
    section: RegistryConfig | None = config.registries.get(name)
    if section is None:
        return []
    found = []
    for kind, pair, text, place in certificate_files(section):
        path: Path = ("registry", name, "ca") if pair is None else ("registry", name, "keypair", pair, kind)
        found.append(Setting(path, text, place))
    for index, folder in enumerate(section.tlsconfigdir):
        path = ("registry", name, "tlsconfigdir")
        found.append(Setting(path, folder, section.place_of("tlsconfigdir", index)))
    return [setting for setting in found if setting.value]


def _kind(setting: Setting) -> str:
    return str(setting.path[-1])


def _order_of_writing(file: CopiedFile) -> tuple[bool, int, bool]:
    """Sorts files of one section as buildx writes them; authorities keep their order."""
    return file.kind != "ca", file.pair or 0, file.kind == "cert"


def _collision(files: tuple[CopiedFile, ...]) -> tuple[str, str]:
    """Why files collide, and what to do."""
    names = list(dict.fromkeys(quote(file.path) for file in files))
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    place = files[0].path_in_builder
    why = f"buildx copies {' and '.join(names)} to one file, {place}"
    if len({file.host for file in files}) == 1:
        why += f": {quote(files[-1].path)} overwrote the other" + ("s" if len(names) > 2 else "")
    else:
        # Go walks the sections in no certain order.
        why += ": one overwrote the other, and which one is chance"
    return why, f"Give the files names of their own, and create the builder anew: {', '.join(names)}."
