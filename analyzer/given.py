"""What a daemon was given, as far as what was found around its log tells it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analyzer.errors import ConfigError
from analyzer.intent import Config, parse_config

if TYPE_CHECKING:
    from analyzer.sources.surroundings import CertificateFile, Surroundings


@dataclass(frozen=True)
class Given:
    """What a daemon was given.

    Attributes:
        config: The configuration that it loaded, flags included; None where that is not known.
        intended: What was meant, where the daemon itself has it: dockerd's ``daemon.json``.
        files: The certificate files looked at, by path.
        place: Where they were looked at.
        driver: The buildx driver that made the builder; None where not known.
        version: BuildKit's version, where somebody but the log tells it.
        not_read: What could not be read, and why.
    """

    config: Config | None = None
    intended: Config | None = None
    files: Mapping[str, CertificateFile] = field(default_factory=dict)
    place: str = ""
    driver: str | None = None
    version: str | None = None
    not_read: tuple[str, ...] = ()


def given_of(around: Surroundings | None, seen_flags: str | None = None) -> Given:
    """What a daemon was given, out of what was found around it.

    Args:
        around: What was found; None for a log alone.
        seen_flags: The command line that its log shows, for want of another.
    """
    if around is None:
        return Given()
    missing = list(around.not_read)
    config = _loaded(around, seen_flags, missing)
    intended = None
    if around.intended is not None and around.intended.text is not None:
        try:
            intended = parse_config(around.intended.text, name=around.intended.path, kind=around.program)
            if around.command_line:
                intended = intended.with_flags(around.command_line)
        except ConfigError as error:
            missing.append(f"{around.intended.path}: {error.what}")
    told = tuple(dict.fromkeys(missing))
    # dockerd's own version is none of BuildKit's
    version = around.version if around.program == "buildkitd" else None
    return Given(config, intended, around.files, around.name, around.driver, version, told)


def _loaded(around: Surroundings, seen_flags: str | None, missing: list[str]) -> Config | None:
    file = around.config
    if file is None:
        missing.append(f"{around.name}: it does not say which configuration the daemon loaded")
        return None
    if file.modified and around.started and file.modified > around.started:
        missing.append(
            f"{file.path}: it was changed after the daemon started, so what that loaded is not known"
        )
        return None
    words = around.command_line or tuple(_words(seen_flags or ""))
    if around.program == "dockerd":
        around = replace(
            around, command_line=None
        )  # what it loaded, the engine says; where a setting is from, they
    from analyzer.intent.effective import effective_config

    try:
        config = effective_config(around)
        if config is not None and around.command_line is None and words:
            config = config.with_flags(words)
        return config
    except ConfigError as error:
        place = error.where or file.path
        missing.append(f"{place}: {error.what}")
        return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
