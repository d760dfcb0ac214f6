"""Configuration files read: buildkitd.toml and daemon.json."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from analyzer.errors import ConfigError
from analyzer.intent.config import Config
from analyzer.intent.conformance import UnknownKey, conform
from analyzer.intent.documents import read_json, read_toml
from analyzer.intent.schema import BUILDKITD, DOCKERD
from analyzer.limits import LIMITS

FileKind = Literal["auto", "buildkitd", "dockerd"]


def load_config(path: str | os.PathLike[str], *, kind: FileKind = "auto") -> Config:
    """Read a configuration file.

    Args:
        path: A buildkitd.toml or a daemon.json.
        kind: Which of the two; ``auto`` goes by the name's ending and the first character.

    Raises:
        ConfigError: It cannot be read, is too large, or is not what a daemon would accept.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(LIMITS.config_bytes + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"the configuration cannot be read: {reason}",
            where=name,
            hint="buildkitd itself takes a missing file for an empty one, without a word",
        ) from None
    return parse_config(content, name=name, kind=kind)


def parse_config(text: str | bytes, *, name: str = "buildkitd.toml", kind: FileKind = "auto") -> Config:
    """Read a configuration's text.

    Args:
        text: The text, or its bytes in UTF-8.
        name: The file's name, for places and messages.
        kind: As for load_config.

    Raises:
        ConfigError: It is too large, no TOML or JSON, or a value has the wrong type: the daemon would refuse
            it as well. With file, line and column.
    """
    if kind == "auto":
        kind = "dockerd" if _looks_like_json(text, name) else "buildkitd"
    if kind == "buildkitd":
        read = conform(read_toml(text, name), BUILDKITD)
        return Config(name, "buildkitd", read.values, read.places, read.unknown, read.respelt)
    read = conform(read_json(text, name), DOCKERD, daemon="dockerd")
    return Config(name, "dockerd", read.values, read.places, _near_misses(read.unknown))


def _looks_like_json(text: str | bytes, name: str) -> bool:
    start = text[:4096]
    head = start.decode("utf-8", "replace") if isinstance(start, bytes) else start
    return name.endswith(".json") or head.lstrip("\ufeff \t\r\n").startswith("{")


def _near_misses(unknown: tuple[UnknownKey, ...]) -> tuple[UnknownKey, ...]:
    # dockerd has many keys that say nothing to BuildKit: only what looks like one of ours is worth a word.
    words = ("mirror", "insecure")
    return tuple(key for key in unknown if any(word in str(key.path[-1]).lower() for word in words))
