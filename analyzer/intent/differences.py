"""The configuration that was loaded against the one that was meant, setting by setting, and why they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analyzer.intent.causes import Cause, Causes, Judged
from analyzer.intent.certificates import Certificates, is_certificate
from analyzer.intent.config import LOG_LEVEL_SINCE
from analyzer.intent.misspellings import Misspelling, unknown_settings
from analyzer.intent.places import Path
from analyzer.intent.schema import key_at
from analyzer.intent.settings import (
    CNI_PATHS,
    Setting,
    Settings,
    Words,
    meaning,
    registry_settings_of,
    settings_of,
)
from analyzer.intent.versions import NEWEST, Version, parse_version, print_version

if TYPE_CHECKING:
    from analyzer.intent.config import Config

_LEVELS: Final[frozenset[Path]] = frozenset({("debug",), ("trace",), ("log", "level"), ("log-level",)})


@dataclass(frozen=True)
class Difference:
    """A setting that either configuration states, and how the two compare.

    Attributes:
        subject: What it belongs to: ``registry docker.io``, ``worker oci``, or the top-level key or table.
        setting: As TOML writes it: ``registry."docker.io".mirrors``.
        intended: The value that was meant, as text, without secrets; None where none is stated.
        effective: The value that was loaded.
        cause: ``same``; ``rewritten`` (buildx moved a certificate); ``collision`` (buildx copied two files to one
            path); ``not-copied`` (buildx leaves what a path names outside); ``misspelt`` (a key that the daemon does
            not read); ``flag`` (a flag or variable says otherwise); ``driver-default`` (buildx adds a flag by
            itself); ``ignored-by-driver`` (the daemon does not read such a file); ``not-loaded`` (the loaded file
            says nothing); ``edited`` (the files differ); ``not-in-version`` (this BuildKit does not know the key).
        agrees: The two come to the same; None where that is not known.
        intended_file: Where the first is written: a file or a flag.
        intended_line: Its line, from 1; None for a flag.
        effective_file: Where the second is written.
        effective_line: Its line.
        message: Both and the cause, for people, without a full stop.
        fix: What to do; empty where nothing is.
        certificate: It names a file or folder of certificates, and the tables of certificates hold it.
        evidence: ``proof``: both files say it; ``inference``: that buildx added a flag is told by the flags alone.
    """

    subject: str
    setting: str
    intended: str | None
    effective: str | None
    cause: Cause
    agrees: bool | None
    intended_file: str | None
    intended_line: int | None
    effective_file: str | None
    effective_line: int | None
    message: str
    fix: str
    certificate: bool
    evidence: str


def compare(
    intended: Config,
    effective: Config,
    *,
    driver: str | None = None,
    buildx_version: str | None = None,
    version: str | None = None,
) -> tuple[Difference, ...]:
    """Compare what a daemon was given with what was meant.

    Args:
        intended: The file that was meant, flags merged in.
        effective: What the daemon loaded, its flags merged in.
        driver: The buildx driver that made the builder; None where not known, or where there is none.
        buildx_version: Buildx's version; the newest where None.
        version: BuildKit's version; without it keys are not measured against versions.

    Returns:
        A row for each setting that either states, those that agree included, in the order of the intended file.
    """
    comparison = _Comparison(intended, effective, driver, buildx_version, version)
    return tuple(comparison.row(judged) for judged in comparison.judge())


class _Comparison:
    def __init__(
        self,
        intended: Config,
        effective: Config,
        driver: str | None,
        buildx_version: str | None,
        version: str | None,
    ) -> None:
        self.intended = intended
        self.effective = effective
        self.stated = version
        self.version = parse_version(version)
        self.words = Words()
        self.causes = Causes(intended, effective, driver, self.version, self.words)
        self.certificates = Certificates(intended, effective, driver, buildx_version)
        self.copied = self.certificates.copied

    def judge(self) -> Iterator[Judged]:
        if self.intended.kind != self.effective.kind:
            yield from self._across_daemons()
            return
        meant, given = settings_of(self.intended), settings_of(self.effective)
        misspelt = {path: one for path, one in unknown_settings(self.intended).items() if path not in meant}
        for path in dict.fromkeys((*meant, *given)):
            if not is_certificate(path) and path not in misspelt:
                yield self._judge_one(path, meant.get(path), given.get(path))
        if self.intended.kind == "buildkitd":
            yield from self.certificates.judge(self.causes.judge)
        for path, spelling in misspelt.items():
            if path in given or meaning(spelling.meant, self.version) is not None:
                yield self._misspelt(spelling, given)

    def _across_daemons(self) -> Iterator[Judged]:
        """A buildkitd.toml against a daemon.json: what both speak of is registries."""
        meant, given = registry_settings_of(self.intended), registry_settings_of(self.effective)
        for path in dict.fromkeys((*meant, *given)):
            yield self._judge_one(path, meant.get(path), given.get(path))
        for path, setting in settings_of(self.intended).items():
            if path[0] not in ("registry", "registry-mirrors", "insecure-registries"):
                yield self._judge_one(path, setting, None)

    def _judge_one(self, path: Path, meant: Setting | None, given: Setting | None) -> Judged:
        wanted, loaded = meaning(meant, self.version), meaning(given, self.version)
        same = wanted == loaded
        if path in _LEVELS:
            same = self._levels_agree(path, same)
        if not same:
            judged = self.causes.judge(path, meant, given)
            if path[-1] == "enabled" and path[0] == "worker" and None in (wanted, loaded):
                # Left alone, BuildKit decides by what it finds on its machine.
                why = f"{judged.why}; where none is stated BuildKit decides by itself"
                return replace(judged, agrees=None, why=why)
            return judged
        if meant is not None and loaded is not None and self.causes.misread(path):
            return self.causes.judge(path, meant, given)
        if too_new := self._not_in_version(path, meant, given, loaded):
            return too_new
        if path[-1] in CNI_PATHS and loaded and self.copied:
            why = "buildx does not copy what it names: the image must hold it"
            fix = "Use an image that holds the file, or leave the setting to its default."
            return Judged(path, meant, given, "not-copied", None, why, fix)
        return Judged(path, meant, given, "same", True)

    def _levels_agree(self, path: Path, equal: bool) -> bool:
        """Whether settings of the log's level come to the same level, whichever of them says so."""
        early = self.version < LOG_LEVEL_SINCE and path == ("log", "level")
        meant = self.intended.level(None if early else self.stated)
        return equal or meant == self.effective.level(self.stated)

    def _not_in_version(
        self, path: Path, meant: Setting | None, given: Setting | None, loaded: object
    ) -> Judged | None:
        key = key_at(path)
        since = max((one.since for n in range(1, len(path) + 1) if (one := key_at(path[:n]))), default=None)
        if key is None or since is None or loaded is None or self.version == NEWEST or self._is_since(since):
            return None
        if path in _LEVELS and self._levels_agree(path, equal=False):
            return None  # an older key says the same
        why = (
            f"the key came with BuildKit {print_version(since)}, and {print_version(self.version)} ignores it"
            " without a word"
        )
        fix = f"Use BuildKit {print_version(since)} or newer, or take the key out."
        return Judged(path, meant, given, "not-in-version", False, why, fix)

    def _is_since(self, since: Version) -> bool:
        # A log may tell v0.13 and no more, of any of its patches.
        whole = (self.stated or "").count(".") > 1
        return self.version >= since if whole else self.version[:2] >= since[:2]

    def _misspelt(self, spelling: Misspelling, given: Settings) -> Judged:
        """A setting that the intended file itself says in words that no daemon reads."""
        path = spelling.meant.path
        loaded = given.get(path)
        agrees = loaded is not None and meaning(loaded, self.version) == meaning(spelling.meant, self.version)
        where = self.words.where(spelling.place)
        why = f"{where} writes {spelling.written}, which no daemon reads"
        fix = f"Write {self.words.setting(path)} in the intended file, and load it anew."
        listed = loaded is not None
        return Judged(path, spelling.meant, loaded, "misspelt", agrees, why, fix, listed=listed)

    def row(self, judged: Judged) -> Difference:
        intended, effective = self.words.value(judged.meant), self.words.value(judged.given)
        intended_at = judged.meant.place if judged.meant else None
        effective_at = judged.effective_at or (judged.given.place if judged.given else None)
        setting = self.words.setting(judged.path)
        if judged.cause == "same":
            message = f"{setting} is as meant: {intended if intended is not None else effective}"
        else:
            message = f"{setting}: meant {intended or 'nothing'}, loaded {effective or 'nothing'}"
            message += f": {judged.why}" if judged.why else ""
        return Difference(
            subject=self.words.subject(judged.path),
            setting=setting,
            intended=intended,
            effective=effective,
            cause=judged.cause,
            agrees=judged.agrees,
            intended_file=self.words.file(intended_at),
            intended_line=intended_at.line if intended_at else None,
            effective_file=self.words.file(effective_at),
            effective_line=effective_at.line if effective_at else None,
            message=message,
            fix=judged.fix,
            certificate=is_certificate(judged.path) and judged.listed,
            evidence="inference" if judged.inferred else "proof",
        )
