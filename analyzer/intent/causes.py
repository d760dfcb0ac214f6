"""Why a setting that was loaded is not the one that was meant.

What buildx does by itself is docker/buildx's: ``parseBuildkitdFlags`` in ``builder/builder.go`` (since v0.13.0;
since v0.18.0 not where the file names network.host) adds ``--allow-insecure-entitlement=network.host`` where no such
flag is given, for the drivers docker-container and kubernetes; ``toRootless`` in
``driver/kubernetes/manifest/manifest.go`` adds ``--oci-worker-no-process-sandbox``; ``driver/docker/factory.go`` and
``driver/remote/factory.go`` take no file. That the flag replaces the file's list: ``applyMainFlags`` in BuildKit's
``cmd/buildkitd/main.go``.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from analyzer.intent.misspellings import Misspelling, unread_settings
from analyzer.intent.places import Path, Place
from analyzer.intent.settings import ENTITLEMENTS, Setting, Words
from analyzer.intent.versions import Version

if TYPE_CHECKING:
    from analyzer.intent.config import Config

Cause = Literal[
    "same",
    "rewritten",
    "collision",
    "not-copied",
    "misspelt",
    "flag",
    "driver-default",
    "ignored-by-driver",
    "not-loaded",
    "edited",
    "not-in-version",
]

COPYING_DRIVERS: Final = frozenset({"docker-container", "kubernetes"})
"""Drivers that make a daemon of their own and give it a copy of the file."""

OTHER_DRIVERS: Final = frozenset({"docker", "remote"})
"""Drivers that use a daemon which is there, with the configuration that it has."""

ANEW: Final = (
    "Create the builder anew: docker buildx rm, then docker buildx create --buildkitd-config FILE; "
    "or start the daemon with the file that is meant."
)
RESTART: Final = "Say it in daemon.json, and restart the engine."
TAKE_OUT: Final = "Take it out of the daemon's flags, or say that it is meant: --daemon-flags."
_NETWORK_HOST: Final = "network.host"
_BUILDER_FILE: Final = "/etc/buildkit/buildkitd.toml"


@dataclass(frozen=True)
class Judged:
    """A setting, meant and given, with what is to be said of the two.

    Attributes:
        path: The setting.
        meant: As the intended configuration states it.
        given: As the daemon was given it.
        cause: What made them what they are.
        agrees: They come to the same; None where that is not known.
        why: The cause, for people.
        fix: What to do; empty where nothing is.
        effective_at: Where the second stands, if not where `given` was written.
        inferred: That buildx did it is inferred from the daemon's flags.
        listed: One of the two configurations has it among its settings.
    """

    path: Path
    meant: Setting | None
    given: Setting | None
    cause: Cause
    agrees: bool | None
    why: str = ""
    fix: str = ""
    effective_at: Place | None = None
    inferred: bool = False
    listed: bool = True


class Causes:
    """Tells why settings differ.

    Args:
        intended: What was meant.
        effective: What was loaded.
        driver: The buildx driver, None where not known.
        version: BuildKit's version.
        words: Prints values and places.
    """

    def __init__(
        self, intended: Config, effective: Config, driver: str | None, version: Version, words: Words
    ) -> None:
        self._intended = intended
        self._effective = effective
        self._driver = driver
        self._words = words
        self._unread = unread_settings(effective, version)
        self._ignored = {(key.path[-1], repr(key.value)): key for key in effective.unknown}
        self._from_file = any(place.source == "file" for place in effective.places.values()) or bool(
            effective.unknown
        )

    def judge(self, path: Path, meant: Setting | None, given: Setting | None) -> Judged:
        """A setting of which the two configurations do not say the same."""
        spelling = self._unread_as(meant) if meant is not None else None
        if spelling is not None:
            return self._misspelt(path, meant, given, spelling)
        if given is not None and given.is_flag:
            return self._flag(path, meant, given)
        if meant is not None and meant.is_flag:
            why = f"the daemon was started without {self._words.where(meant.place)}"
            fix = "Start the daemon with the flag; for a builder of buildx: create --buildkitd-flags."
            return Judged(path, meant, given, "flag", False, why, fix)
        if meant is not None and (not self._from_file or self._effective.kind != self._intended.kind):
            return self._without_file(path, meant, given)
        return Judged(path, meant, given, "edited", False, self._edited(meant, given), self._anew)

    def misread(self, path: Path) -> bool:
        """Whether the loaded file states a setting in a case that its daemon does not read."""
        spelling = self._unread.get(path)
        return spelling is not None and spelling.in_values

    def _unread_as(self, meant: Setting) -> Misspelling | None:
        """How the loaded file says what was meant in words that its daemon does not read."""
        if found := self._unread.get(meant.path):
            return found
        # The lint has no one answer for a key that several tables know: the value tells.
        unknown = self._ignored.get((meant.path[-1], repr(meant.value)))
        if unknown is None:
            return None
        return Misspelling(replace(meant, place=unknown.place), self._words.setting(unknown.path))

    def _misspelt(
        self, path: Path, meant: Setting | None, given: Setting | None, spelling: Misspelling
    ) -> Judged:
        why = f"{self._words.where(spelling.place)} writes {spelling.written}, and the daemon does not read that"
        fix = f"Write {self._words.setting(path)}, and load the file anew."
        return Judged(path, meant, given, "misspelt", False, why, fix, effective_at=spelling.place)

    def _flag(self, path: Path, meant: Setting | None, given: Setting) -> Judged:
        flag = self._words.where(given.place)
        if path == ENTITLEMENTS:
            return self._entitlements(meant, given, flag)
        if path == ("worker", "oci", "noProcessSandbox") and self._driver == "kubernetes" and meant is None:
            why = f"buildx adds {flag} for rootless pods"
            return Judged(path, meant, given, "driver-default", True, why)
        why = f"{flag} overrides the file" if meant is not None else f"{flag} was given to the daemon"
        return Judged(path, meant, given, "flag", False, why, TAKE_OUT)

    def _entitlements(self, meant: Setting | None, given: Setting, flag: str) -> Judged:
        wanted = list(meant.value) if meant is not None else []
        by_buildx = self._added_by_buildx() if list(given.value) == [_NETWORK_HOST] else False
        if by_buildx is not False and meant is None:
            why = f"buildx adds {flag} where no entitlement is given"
            inferred = self._driver is None
            return Judged(ENTITLEMENTS, meant, given, "driver-default", by_buildx, why, inferred=inferred)
        if meant is None:
            why = f"{flag} was given to the daemon"
            return Judged(ENTITLEMENTS, meant, given, "flag", False, why, TAKE_OUT)
        lost = [name for name in wanted if name not in given.value]
        cause: Cause = "driver-default" if by_buildx else "flag"
        who = "buildx adds it by itself, and it" if by_buildx else "the flag"
        why = f"{flag}: {who} replaces the whole list of the file"
        if lost:
            why += f", so {', '.join(lost)} is lost"
        flags = " ".join(f"--allow-insecure-entitlement={name}" for name in wanted)
        fix = f"Give the flags yourself: --buildkitd-flags '{flags}'."
        if not wanted:
            fix = "Start the daemon without this flag; buildx adds it wherever no entitlement is given by flags."
        return Judged(ENTITLEMENTS, meant, given, cause, False, why, fix)

    def _added_by_buildx(self) -> bool | None:
        """The only entitlement was added by buildx; None where it may have been."""
        if self._driver in COPYING_DRIVERS:
            return True
        if self._driver is not None:
            return False
        # As the driver docker-container writes it: its own --config first, what it adds last.
        flags = self._effective.flags
        first_known = not flags or flags[0].name != "config" or flags[0].value == _BUILDER_FILE
        return True if first_known and flags and flags[-1].name == "allow-insecure-entitlement" else None

    def _without_file(self, path: Path, meant: Setting, given: Setting | None) -> Judged:
        file = self._effective.name
        if self._driver in OTHER_DRIVERS or self._effective.kind != self._intended.kind:
            if self._effective.kind == "dockerd" or self._driver == "docker":
                why = "the daemon is dockerd, which reads a daemon.json and no buildkitd.toml"
            elif self._intended.kind == "dockerd":
                why = "the daemon is buildkitd, which reads a buildkitd.toml and no daemon.json"
            else:
                why = "the driver remote takes no file: the daemon was started by somebody else"
            fix = (
                "Give the settings to the daemon itself, or make a builder with the driver docker-container."
            )
            return Judged(path, meant, given, "ignored-by-driver", False, why, fix)
        if posixpath.dirname(file) != "/etc/buildkit" and file.endswith("/buildkit/buildkitd.toml"):
            why = f"a rootless daemon without --config reads {file}, which says nothing"
            fix = f"Start it with --config {_BUILDER_FILE}, or put the file at {file}."
            return Judged(path, meant, given, "ignored-by-driver", False, why, fix)
        why = f"{file} says nothing: it is empty, or was not there, which the daemon takes for the same"
        return Judged(path, meant, given, "not-loaded", False, why, self._anew)

    @property
    def _anew(self) -> str:
        return RESTART if self._effective.kind == "dockerd" else ANEW

    def _edited(self, meant: Setting | None, given: Setting | None) -> str:
        if self._driver in COPYING_DRIVERS:
            return "a builder keeps the file that it was created with"
        if given is None:
            return "the loaded file does not say it"
        if meant is None:
            return "the loaded file says it of its own"
        return "the loaded file is another, or was edited"
