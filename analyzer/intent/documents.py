"""A configuration text read as TOML or JSON, with the place of every key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analyzer.errors import ConfigError
from analyzer.intent.places import NestingError, Path, Place, index_json, index_toml
from analyzer.limits import LIMITS


@dataclass(frozen=True)
class Document:
    """A text as values.

    Attributes:
        name: The file's name.
        values: The document's top table.
        places: Where each key and element was written.
    """

    name: str
    values: Mapping[str, Any]
    places: Mapping[Path, Place]


def read_toml(content: str | bytes, name: str) -> Document:
    """Read a TOML text.

    Raises:
        ConfigError: It is too large, no UTF-8, or no TOML; with file, line and column.
    """
    text = _decode(content, name).replace("\r\n", "\n")
    places = _index(index_toml, text, name)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        what, line, column = _explain_toml(str(error), text)
        raise ConfigError(
            f"this is not TOML: {what}",
            where=f"{name}:{line}:{column}",
            hint="buildkitd refuses to start with this file; mend the line",
        ) from None
    return Document(name, values, places)


def read_json(content: str | bytes, name: str) -> Document:
    """Read a JSON text whose top is an object.

    Raises:
        ConfigError: It is too large, no UTF-8, no JSON, or no object; with file, line and column.
    """
    text = _decode(content, name).replace("\r\n", "\n")
    places = _index(index_json, text, name)
    hint = "dockerd refuses to start with this file; mend the line"
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise ConfigError(f"this is not JSON: {error.msg}", where=where, hint=hint) from None
    except (ValueError, RecursionError):
        raise ConfigError("this is not JSON that can be read", where=name, hint=hint) from None
    if not isinstance(values, dict):
        raise ConfigError("a daemon.json holds one object", where=f"{name}:1:1", hint=hint)
    return Document(name, values, places)


def _decode(content: str | bytes, name: str) -> str:
    if len(content) > LIMITS.config_bytes:
        raise ConfigError(
            f"{len(content):,} bytes are too many for a configuration file",
            where=name,
            hint=f"at most {LIMITS.config_bytes:,} are read; is this the right file?",
        )
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8")
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            line = before.count(b"\n") + 1
            column = error.start - before.rfind(b"\n")
            raise ConfigError(
                f"byte 0x{error.object[error.start]:02x} is not UTF-8",
                where=f"{name}:{line}:{column}",
                hint="save the file as UTF-8",
            ) from None
    return content.removeprefix("\ufeff")


def _index(index: Callable[[str, str], dict[Path, Place]], text: str, name: str) -> dict[Path, Place]:
    try:
        return index(text, name)
    except NestingError as error:
        raise ConfigError(str(error), where=str(error.place), hint="no BuildKit setting nests so") from None


_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def _explain_toml(message: str, text: str) -> tuple[str, int, int]:
    found = _AT.search(message)
    if found is None:
        return message.splitlines()[0][: LIMITS.error_text], 1, 1
    what = message[: found.start()]
    if found[1]:
        return what, int(found[1]), int(found[2])
    lines = text.rstrip("\n").split("\n")
    return what, len(lines), len(lines[-1]) + 1
