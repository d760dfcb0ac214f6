"""Reading a document by the schema: keys to their own spelling, types checked, what is unknown set apart.

buildkitd ignores a key that it does not know (``config/load.go`` sets no strict mode) and refuses to start on
a value of the wrong type. How it matches the case of a key changed with its TOML library: any case with
BurntSushi/toml (v0.9) and pelletier/go-toml v2 (since v0.28.0); only the exact, the all-lower and the
all-upper spelling with go-toml v1 (``marshal.go``, ``keysToTry``; v0.10.0 to v0.27). Any case is accepted
here, and the lint tells the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analyzer.errors import ConfigError
from analyzer.intent.places import Path, Place, below
from analyzer.intent.schema import Key

if TYPE_CHECKING:
    from analyzer.intent.documents import Document


@dataclass(frozen=True)
class UnknownKey:
    """A key that BuildKit does not know, and so ignores.

    Attributes:
        path: Its path; the tables around it in the schema's spelling.
        place: Where it stands.
        value: Its value.
    """

    path: Path
    place: Place
    value: Any


@dataclass(frozen=True)
class Conformed:
    """A document in the schema's spelling.

    Attributes:
        values: The known keys.
        places: Their places, by canonical path.
        unknown: The keys that are ignored, in the order of the file.
        respelt: Canonical path and written name of keys in another case.
    """

    values: dict[str, Any]
    places: dict[Path, Place]
    unknown: tuple[UnknownKey, ...]
    respelt: tuple[tuple[Path, str], ...]


def conform(document: Document, schema: Key, *, daemon: str = "buildkitd") -> Conformed:
    """Read a document by a schema.

    Args:
        document: What was read.
        schema: The top of the schema.
        daemon: Who would refuse the file; for the hint.

    Raises:
        ConfigError: A value has the wrong type. The first is placed, all are named.
    """
    reader = _Reader(document)
    values = reader.read_table(document.values, schema, (), ())
    if reader.wrong:
        reader.wrong.sort(key=lambda wrong: (wrong[0].line or 0, wrong[0].column or 0))
        place, what = reader.wrong[0]
        more = "".join(f"; line {other.line}: {text}" for other, text in reader.wrong[1:6])
        raise ConfigError(
            what + more, where=str(place), hint=f"{daemon} refuses to start with this file; mend the value"
        )
    unknown = sorted(reader.unknown, key=lambda key: (key.place.line or 0, key.place.column or 0))
    return Conformed(values, reader.places, tuple(unknown), tuple(reader.respelt))


_EXPECTED = {
    "bool": "true or false",
    "integer": "a whole number",
    "string": "a string",
    "strings": "an array of strings",
    "size": 'a number of bytes or text such as "10GB"',
    "duration": 'a number of seconds or text such as "48h"',
    "table": "a table",
    "tables": "an array of tables",
    "named": "a table",
    "labels": "a table of strings",
    "free": "a table",
}

# github.com/docker/go-units RAMInBytes, with BuildKit's own percentage (config/gcpolicy.go).
_SIZE = re.compile(r"-?\d+%|\d+(\.\d*)? ?([kmgtpKMGTP]?([iI]?[bB])?)?")
# Go's time.ParseDuration, or whole seconds (config/gcpolicy.go).
_DURATION = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|[+-]?\d+")


@dataclass
class _Reader:
    document: Document
    places: dict[Path, Place] = field(default_factory=dict)
    unknown: list[UnknownKey] = field(default_factory=list)
    respelt: list[tuple[Path, str]] = field(default_factory=list)
    wrong: list[tuple[Place, str]] = field(default_factory=list)

    def read_table(self, table: Mapping[str, Any], schema: Key, written: Path, path: Path) -> dict[str, Any]:
        if schema.type == "named":
            return self.read_names(table, schema, written, path)
        folded = {name.lower(): name for name in schema.keys}
        values: dict[str, Any] = {}
        for name, value in table.items():
            known = name if name in schema.keys else folded.get(name.lower())
            # Written twice in two cases, the exact spelling counts.
            if known is None or (known != name and known in table):
                self.unknown.append(UnknownKey((*path, name), self.place((*written, name)), value))
                continue
            if known != name:
                self.respelt.append(((*path, known), name))
            values[known] = self.read_value(value, schema.keys[known], (*written, name), (*path, known))
        return values

    def read_names(self, table: Mapping[str, Any], schema: Key, written: Path, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        each = Key("table", keys=schema.keys)
        for name, value in table.items():
            values[name] = self.read_value(value, each, (*written, name), (*path, name))
        return values

    def read_value(self, value: Any, key: Key, written: Path, path: Path) -> Any:
        self.places[path] = self.place(written)
        if not self.fits(value, key, written, path):
            return None
        if key.type in ("table", "named"):
            return self.read_table(value, key, written, path)
        if key.type == "tables":
            each = Key("table", keys=key.keys)
            return [
                self.read_value(item, each, (*written, index), (*path, index))
                for index, item in enumerate(value)
            ]
        if isinstance(value, list):
            for index in range(len(value)):
                self.places[(*path, index)] = self.place((*written, index))
        return value

    def fits(self, value: Any, key: Key, written: Path, path: Path) -> bool:
        match key.type:
            case "bool":
                good = isinstance(value, bool)
            case "integer":
                good = _is_integer(value)
            case "string":
                good = isinstance(value, str)
            case "strings":
                good = isinstance(value, list) and all(isinstance(item, str) for item in value)
            case "size":
                good = _is_integer(value) or (
                    isinstance(value, str) and (not value or _SIZE.fullmatch(value) is not None)
                )
            case "duration":
                good = _is_integer(value) or (
                    isinstance(value, str) and (not value or _DURATION.fullmatch(value) is not None)
                )
            case "tables":
                good = isinstance(value, list) and all(isinstance(item, dict) for item in value)
            case "labels":
                good = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
            case _:
                good = isinstance(value, dict)
        if not good:
            what = f"{print_path(path)} must be {_EXPECTED[key.type]}, not {_describe(value)}"
            if key.type == "tables" and isinstance(value, dict):
                what += f": write [[{print_path(path)}]]"
            self.wrong.append((self.place(written), what))
        return good

    def place(self, written: Path) -> Place:
        return below(self.document.places, written) or Place(self.document.name, 1, 1)


def print_path(path: Path) -> str:
    """A path as TOML writes it: ``registry."docker.io".mirrors``; indexes from 0 in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else quote(part))
    return text


def quote(text: str) -> str:
    """A TOML basic string; control characters become escapes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escape(c) for c in escaped) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _describe(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the string {quote(value if len(value) <= 60 else value[:57] + '...')}"
        case int() | float():
            return f"the number {str(value)[:30]}" if abs(value) < 10**30 else "a number out of range"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time" if value is not None else "null"
