"""Where a setting was written: the line and column of every key of a TOML or JSON text.

Neither ``tomllib`` nor ``json`` tells positions, so this module walks the text a second time. It knows only
as much of the two grammars as finding keys and elements needs; whether the text is valid is for the standard
library to say. It also holds the cap on nesting, and so runs first.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]
"""Keys, and indexes of arrays, from the top of a document to a value."""

NESTING: Final = 64
"""Levels of keys and brackets; BuildKit's own configuration has six."""


@dataclass(frozen=True)
class Place:
    """Where a setting comes from.

    Attributes:
        file: The file; for a flag, the flag as it was written.
        line: Line, counted from 1; None for a flag.
        column: Column in characters, counted from 1; None for a flag.
        source: ``file`` or ``flag``.
    """

    file: str
    line: int | None = None
    column: int | None = None
    source: str = "file"

    def __str__(self) -> str:
        if self.line is None:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


class NestingError(ValueError):
    """The text nests deeper than NESTING; ``place`` says where."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"nested more than {NESTING} levels deep")
        self.place = place


class _NotUnderstoodError(Exception):
    """The walk met what it cannot read: the text is not valid, and the parser proper will say so."""


def index_toml(text: str, file: str) -> dict[Path, Place]:
    """Find every key, table and array element of a TOML text.

    Args:
        text: The text, line ends as ``\\n``.
        file: The file's name, for the places.

    Returns:
        Places by path, up to the first thing that is no TOML.

    Raises:
        NestingError: The text nests deeper than NESTING.
    """
    walk = _Walk(text, file, assign="=", comment="#")
    return walk.run(walk.read_toml)


def index_json(text: str, file: str) -> dict[Path, Place]:
    """Find every key and array element of a JSON text; as index_toml."""
    walk = _Walk(text, file, assign=":", comment=None)
    return walk.run(walk.read_json)


def below(places: Mapping[Path, Place], path: Path) -> Place | None:
    """The place of a path, or of the nearest thing around it that has one."""
    while path:
        if place := places.get(path):
            return place
        path = path[:-1]
    return None


_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "/": "/"}


class _Walk:
    def __init__(self, text: str, file: str, *, assign: str, comment: str | None) -> None:
        self.text = text
        self.file = file
        self.assign = assign
        self.comment = comment
        self.at = 0
        self.places: dict[Path, Place] = {}
        self.lengths: dict[Path, int] = {}  # tables seen so far in each array of tables
        self.starts = [0]
        for offset, character in enumerate(text):
            if character == "\n":
                self.starts.append(offset + 1)

    def run(self, read: Callable[[], None]) -> dict[Path, Place]:
        with contextlib.suppress(_NotUnderstoodError, IndexError):
            read()
        return self.places

    def place(self, offset: int) -> Place:
        line = bisect_right(self.starts, offset)
        return Place(self.file, line, offset - self.starts[line - 1] + 1)

    def note(self, path: Path, offset: int) -> None:
        if len(path) > NESTING:
            raise NestingError(self.place(offset))
        self.places.setdefault(path, self.place(offset))

    # Documents

    def read_json(self) -> None:
        self.skip(lines=True)
        self.read_value((), 0)

    def read_toml(self) -> None:
        table: Path = ()
        while True:
            self.skip(lines=True)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.read_header()
            else:
                self.read_pair(table, 0)

    def read_header(self) -> Path:
        start = self.at
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        self.skip()
        keys = self.read_keys()
        self.skip()
        if not self.text.startswith("]" * brackets, self.at):
            raise _NotUnderstoodError
        self.at += brackets
        path: Path = ()
        for number, (key, _) in enumerate(keys):
            path = (*path, key)
            last = number == len(keys) - 1
            self.note(path, start)
            if last:
                # The table's own header says more than a header below it that named it before.
                self.places[path] = self.place(start)
            if last and brackets == 2:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths and (not last or brackets == 2):
                path = (*path, self.lengths[path] - 1)
                self.note(path, start)
        return path

    # Keys

    def read_keys(self) -> list[tuple[str, int]]:
        keys: list[tuple[str, int]] = []
        while True:
            start = self.at
            if self.text[self.at] in "\"'":
                key = self.read_string()
            else:
                while self.at < len(self.text) and self.text[self.at] in _BARE:
                    self.at += 1
                key = self.text[start : self.at]
                if not key:
                    raise _NotUnderstoodError
            keys.append((key, start))
            if len(keys) > NESTING:
                raise NestingError(self.place(start))
            before = self.at
            self.skip()
            if self.assign != "=" or self.at >= len(self.text) or self.text[self.at] != ".":
                self.at = before
                return keys
            self.at += 1
            self.skip()

    def read_pair(self, table: Path, depth: int) -> None:
        path = table
        for key, start in self.read_keys():
            path = (*path, key)
            self.note(path, start)
        self.skip(lines=self.assign == ":")
        if self.text[self.at] != self.assign:
            raise _NotUnderstoodError
        self.at += 1
        self.skip(lines=self.assign == ":")
        self.read_value(path, depth)

    # Values

    def read_value(self, path: Path, depth: int) -> None:
        if depth > NESTING:
            raise NestingError(self.place(self.at))
        first = self.text[self.at]
        if first in "\"'":
            self.read_string()
        elif first == "[":
            self.read_array(path, depth)
        elif first == "{":
            self.read_inline_table(path, depth)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def read_array(self, path: Path, depth: int) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(lines=True)
            if self.text[self.at] == "]":
                self.at += 1
                return
            self.note((*path, index), self.at)
            self.read_value((*path, index), depth + 1)
            index += 1
            self.skip(lines=True)
            if self.text[self.at] == ",":
                self.at += 1
            elif self.text[self.at] != "]":
                raise _NotUnderstoodError

    def read_inline_table(self, path: Path, depth: int) -> None:
        self.at += 1
        while True:
            self.skip(lines=True)
            if self.text[self.at] == "}":
                self.at += 1
                return
            self.read_pair(path, depth + 1)
            self.skip(lines=True)
            if self.text[self.at] == ",":
                self.at += 1
            elif self.text[self.at] != "}":
                raise _NotUnderstoodError

    def read_string(self) -> str:
        quote = self.text[self.at]
        if self.assign == "=" and self.text.startswith(quote * 3, self.at):
            return self.read_long_string(quote)
        self.at += 1
        parts: list[str] = []
        while (character := self.text[self.at]) != quote:
            if character == "\n":
                raise _NotUnderstoodError
            if character == "\\" and quote == '"':
                parts.append(self.read_escape())
            else:
                parts.append(character)
                self.at += 1
        self.at += 1
        return "".join(parts)

    def read_long_string(self, quote: str) -> str:
        # Never a key, so only its end matters. Up to two quotes may stand before the three that close it.
        self.at += 3
        start = self.at
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if self.text[self.at] == "\\" and quote == '"' else 1
        self.at += 3
        for _ in range(2):
            if self.text.startswith(quote, self.at):
                self.at += 1
        return self.text[start : self.at - 3]

    def read_escape(self) -> str:
        kind = self.text[self.at + 1]
        self.at += 2
        if kind in "uU":
            width = 4 if kind == "u" else 8
            digits = self.text[self.at : self.at + width]
            self.at += width
            try:
                return chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise _NotUnderstoodError from None
        if kind not in _ESCAPES:
            raise _NotUnderstoodError
        return _ESCAPES[kind]

    def skip(self, *, lines: bool = False) -> None:
        blank = " \t\r\n" if lines else " \t"
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in blank:
                self.at += 1
            elif lines and character == self.comment:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return
