"""Keys that BuildKit does not know, or not in this place, this spelling or this version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

from analyzer.intent.conformance import UnknownKey, print_path, quote
from analyzer.intent.lint.finding import LintFinding, finding_at
from analyzer.intent.schema import BUILDKITD, TEXT_UNITS_SINCE, Key, key_at, walk
from analyzer.intent.versions import NEWEST, Version, parse_version, print_version

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.places import Path

STRICT_CASE: Final[tuple[Version, Version]] = ((0, 10, 0), (0, 28, 0))
"""From the first to before the second, only exact, all-lower and all-upper spellings are read."""

OTHER_WORDS: Final = {
    "registrymirrors": "mirrors",
    "endpoint": "mirrors",
    "endpoints": "mirrors",
    "cacert": "ca",
    "cacerts": "ca",
    "cafile": "ca",
    "certfile": "cert",
    "certificate": "cert",
    "clientcert": "cert",
    "keyfile": "key",
    "clientkey": "key",
    "plainhttp": "http",
    "skipverify": "insecure",
    "insecureskipverify": "insecure",
    "certsdir": "tlsconfigdir",
    "configpath": "tlsconfigdir",
    "network": "networkMode",
    "net": "networkMode",
    "cniconfig": "cniConfigPath",
    "cnibinarydir": "cniBinaryPath",
    "loglevel": "level",
    "entitlements": "insecure-entitlements",
    "registries": "registry",
    "workers": "worker",
}
"""Words of other tools, and of BuildKit's flags, for keys of this file."""

_ALIKE: Final = 78.0
"""How alike, of 100, a name must be to be offered for another."""


def check_keys(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Unknown, misplaced, misspelt, outdated and too new keys."""
    stated = parse_version(version)
    for unknown in config.unknown:
        yield _unknown(unknown)
    yield from _spellings(config, stated)
    if stated != NEWEST:
        yield from _versions(config, stated)


def _unknown(unknown: UnknownKey) -> LintFinding:
    name = str(unknown.path[-1])
    table = unknown.path[:-1]
    section = f"[{print_path(table)}]" if table else "the top of the file"
    if is_unquoted_registry(unknown):
        whole = _unquoted_name(unknown)
        return finding_at(
            unknown.place,
            "unquoted-registry",
            "error",
            f"[registry.{whole}] without quotes is not the registry {whole}: TOML splits it at the dots",
            fix="Put the name in quotes.",
            suggestion=f"[registry.{quote(whole)}]",
        )
    elsewhere = _elsewhere(name, table)
    if elsewhere:
        targets = " or ".join(f"[{target}]" if target else "the top of the file" for target in elsewhere)
        return finding_at(
            unknown.place,
            "wrong-table",
            "error",
            f"{quote_key(name)} means nothing in {section}, and BuildKit ignores it there",
            fix=f"Move it to {targets}.",
            suggestion=f"[{elsewhere[0]}]" if len(elsewhere) == 1 and elsewhere[0] else None,
        )
    around = _key_of_table(table)
    alike = _most_alike(name, list(around.keys)) if around else None
    if alike:
        return finding_at(
            unknown.place,
            "unknown-key",
            "error",
            f"{quote_key(name)} is no key of {section}, and BuildKit ignores it without a word",
            fix=f"Did you mean {quote_key(alike)}?",
            suggestion=quote_key(alike),
        )
    return finding_at(
        unknown.place,
        "unknown-key",
        "warning",
        f"{quote_key(name)} is no key of {section}, and BuildKit ignores it without a word",
        fix="Take it out, or look the name up in the documentation of buildkitd.toml.",
    )


def is_unquoted_registry(unknown: UnknownKey) -> bool:
    """Whether a key is the rest of a registry's name that TOML split at its dots."""
    path = unknown.path
    return (
        len(path) == 3 and path[0] == "registry" and isinstance(unknown.value, dict) and path[2] != "keypair"
    )


def _unquoted_name(unknown: UnknownKey) -> str:
    # [registry.ghcr.example.com] nests a table a label, down to the one that holds keys of a registry.
    parts = [str(part) for part in unknown.path[1:]]
    value = unknown.value
    while isinstance(value, dict) and len(value) == 1:
        (name, inner), *_ = value.items()
        if not isinstance(inner, dict):
            break
        parts.append(str(name))
        value = inner
    return ".".join(parts)


def _key_of_table(table: Path) -> Key | None:
    if len(table) == 2 and table[0] == "registry":
        return Key("table", keys=BUILDKITD.keys["registry"].keys)
    names = tuple(part for part in table if not isinstance(part, int))
    return key_at(names)


@cache
def _tables_by_key() -> dict[str, list[tuple[str, ...]]]:
    tables: dict[str, list[tuple[str, ...]]] = {}
    for path, _ in walk(BUILDKITD):
        tables.setdefault(path[-1].lower(), []).append(path[:-1])
    return tables


def _elsewhere(name: str, table: Path) -> list[str]:
    """The tables that have a key of this name, as TOML writes them: those below ``table``, or else all."""
    found = _tables_by_key().get(name.lower(), [])
    around = ("registry", "*", *table[2:]) if table[:1] == ("registry",) else table
    below = [target for target in found if around and target[: len(around)] == around]
    return [print_path(target).replace('"*"', '"<host>"') for target in (below or found)[:3]]


def _most_alike(name: str, known: list[str]) -> str | None:
    folded = _fold(name)
    if (word := OTHER_WORDS.get(folded)) and word in known:
        return word
    from rapidfuzz import fuzz, process

    best = process.extractOne(folded, known, scorer=fuzz.ratio, processor=_fold, score_cutoff=_ALIKE)
    return str(best[0]) if best else None


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def quote_key(name: str) -> str:
    """A key as TOML writes it: bare where it can be."""
    return print_path((name,))


def _spellings(config: Config, version: Version) -> Iterator[LintFinding]:
    first, end = STRICT_CASE
    for path, written in config.respelt:
        known = str(path[-1])
        if written in (known.lower(), known.upper()) or (version != NEWEST and not first <= version < end):
            continue
        yield finding_at(
            config.places.get(path),
            "key-case",
            "warning" if version == NEWEST else "error",
            f"{quote_key(written)} is not read as {known} by BuildKit v0.10 to v0.27, which heed the case",
            fix=f"Write {known}.",
            suggestion=known,
        )


def _versions(config: Config, version: Version) -> Iterator[LintFinding]:
    told: set[Path] = set()
    for path, place in config.places.items():
        key = key_at(path)
        if key is None or place.source != "file":
            continue
        printed = print_path(path)
        if version < key.since:
            # A table that is too new speaks for all that it holds.
            if not any(path[:length] in told for length in range(len(path))):
                yield finding_at(
                    place,
                    "key-not-in-version",
                    "error",
                    f"{printed} came with BuildKit {print_version(key.since)}; "
                    f"{print_version(version)} ignores it without a word",
                    fix=f"Use BuildKit {print_version(key.since)} or newer, or take the key out.",
                )
            told.add(path)
        elif key.deprecated and version >= key.deprecated:
            yield finding_at(
                place,
                "deprecated-key",
                "info",
                f"{printed} is deprecated since BuildKit {print_version(key.deprecated)}",
                fix=f"Write {key.instead} instead.",
                suggestion=key.instead,
            )
        united = key.type in ("size", "duration") and isinstance(_value(config, path), str)
        if united and version < TEXT_UNITS_SINCE:
            yield finding_at(
                place,
                "unit-not-in-version",
                "error",
                f"{printed} is text, and BuildKit {print_version(version)} takes only numbers",
                fix="Write bytes or seconds as a number, or use BuildKit v0.12 or newer.",
            )


def _value(config: Config, path: Path) -> object:
    value: object = config.values
    for part in path:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        elif hasattr(value, "get"):
            value = value.get(part)
        else:
            return None
    return value
