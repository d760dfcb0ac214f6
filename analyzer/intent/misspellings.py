"""Keys that a daemon ignores, and the settings that they were meant to be.

What is meant by an unknown key is what the lint suggests for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.intent.conformance import UnknownKey
from analyzer.intent.lint.keys import STRICT_CASE, check_keys
from analyzer.intent.lint.registries import HUB_ALIASES
from analyzer.intent.places import Path, Place
from analyzer.intent.schema import key_at
from analyzer.intent.settings import Setting, Words, leaves
from analyzer.intent.versions import NEWEST, Version
from analyzer.tables.urls import DOCKER_HUB

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.lint.finding import LintFinding


@dataclass(frozen=True)
class Misspelling:
    """A setting that is written so that the daemon does not read it.

    Attributes:
        meant: The setting as it should be, with its value.
        written: How it is written.
        in_values: The configuration holds it among its values all the same: only the case is another.
    """

    meant: Setting
    written: str
    in_values: bool = False

    @property
    def place(self) -> Place | None:
        """Where it is written."""
        return self.meant.place


def unknown_settings(config: Config) -> dict[Path, Misspelling]:
    """What a file says in keys that no version knows, by the setting that was meant."""
    found: dict[Path, Misspelling] = {}
    for each in _unknown(config):
        found.setdefault(each.meant.path, each)
    return found


def unread_settings(config: Config, version: Version) -> dict[Path, Misspelling]:
    """What a loaded file says in words that its daemon does not read, by the setting that was meant.

    Args:
        config: The configuration.
        version: The daemon's version: some read a key only in its own case.
    """
    found = unknown_settings(config)
    for each in (*_other_case(config, version), *_aliases(config)):
        found.setdefault(each.meant.path, each)
    return found


def _unknown(config: Config) -> Iterator[Misspelling]:
    if config.kind != "buildkitd":
        return  # dockerd does not start with a key that it does not know
    # The lint tells of the unknown keys first, each in its turn.
    for unknown, finding in zip(config.unknown, check_keys(config, None), strict=False):
        meant, value = _meant_by(unknown, finding)
        if meant is None:
            continue
        written = Words.setting(unknown.path)
        for path, inner in leaves(value, meant):
            if key_at(path) is not None:
                yield Misspelling(Setting(path, inner, unknown.place), written)


def _meant_by(unknown: UnknownKey, finding: LintFinding) -> tuple[Path | None, Any]:
    """The path that an unknown key was meant to be, and its value."""
    table, name = unknown.path[:-1], str(unknown.path[-1])
    if finding.suggestion is None:
        return None, None
    if finding.kind == "unknown-key":
        return (*table, _first_key(f"{finding.suggestion} = 0")), unknown.value
    suggested = _table(finding.suggestion)
    if finding.kind == "unquoted-registry":
        value = unknown.value
        # down to the table that holds keys of a registry, as the lint finds the name
        while isinstance(value, dict) and len(value) == 1:
            (inner,) = value.values()
            if not isinstance(inner, dict):
                break
            value = inner
        return suggested, value
    if finding.kind == "wrong-table" and "<host>" not in suggested:
        key = key_at(suggested)
        known = next((one for one in key.keys if one.lower() == name.lower()), None) if key else None
        return ((*suggested, known), unknown.value) if known else (None, None)
    return None, None


def _first_key(text: str) -> str:
    return next(iter(tomllib.loads(text)))


def _table(header: str) -> tuple[str, ...]:
    path: list[str] = []
    table: Any = tomllib.loads(header)
    while isinstance(table, Mapping) and table:
        (name, table), *_ = table.items()
        path.append(name)
    return tuple(path)


def _other_case(config: Config, version: Version) -> Iterator[Misspelling]:
    """Keys in a case that the daemon's version does not read, and all that stands below them."""
    first, end = STRICT_CASE
    if version == NEWEST or not first <= version < end:
        return
    for path, written in config.respelt:
        known = str(path[-1])
        if written in (known, known.lower(), known.upper()):
            continue
        for inner, value in leaves(_value_at(config.values, path), path):
            place = config.place_of(*inner)
            if place is None or place.source == "file":
                yield Misspelling(Setting(inner, value, place), written, in_values=True)


def _value_at(values: Any, path: Path) -> Any:
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _aliases(config: Config) -> Iterator[Misspelling]:
    """Sections under another name of Docker Hub: BuildKit looks for docker.io alone."""
    if config.kind != "buildkitd":
        return
    listed = {text for section in config.registries.values() for text in section.mirrors}
    for name in config.registries:
        if name.partition(":")[0] not in HUB_ALIASES or name in listed:
            continue
        for path, value in leaves((config.values.get("registry") or {}).get(name), (DOCKER_HUB,)):
            whole: Path = ("registry", *path)
            place = config.place_of("registry", name, *path[1:])
            yield Misspelling(Setting(whole, value, place), Words.setting(("registry", name)))
