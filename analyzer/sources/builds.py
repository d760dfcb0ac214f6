"""The records of builds that were found with a source, and stand beside no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from uuid import uuid4

from analyzer.errors import SourceError
from analyzer.sources.tracefiles import TraceFile

MEMBER: Final = "builds.otlp.jsonl"
"""Their spans in a bundle. The records themselves are never part of one: they hold URLs with their secrets."""


@dataclass(frozen=True)
class Builds:
    """Traces of recent builds of one daemon. To what reads traces they are one file, however many there are.

    Attributes:
        name: What reports call them.
        files: The traces.
        not_read: Why some are not there, or none, in words for people. Nothing that the log says hangs on it.
        damaged: What was lost of them before they came here.
        redactions: Secrets that were replaced in them before.
        token: The same for two of these that hold the same.
    """

    name: str
    files: tuple[TraceFile, ...] = ()
    not_read: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    redactions: int = 0
    token: str = field(default_factory=lambda: uuid4().hex, repr=False, compare=False)

    @property
    def keep(self) -> object:
        """What must live as long as this does."""
        return next((file.keep for file in self.files if file.keep is not None), None)

    def open(self, damage: list[str]) -> Iterator[BinaryIO]:
        """The JSON of their traces, one stream after the other; one that cannot be read costs only itself.

        Args:
            damage: Receives what could not be read.
        """
        damage.extend(self.damaged)
        for file in self.files:
            try:
                yield from file.open(damage)
            except SourceError as error:
                damage.append(error.what)


def name_builds(source: str) -> str:
    """What reports call the builds of a source.

    Args:
        source: The name of the source.
    """
    return f"{source} (builds)"
