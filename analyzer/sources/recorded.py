"""Surroundings as a bundle keeps them: plain values, and beside them the files, public parts only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from analyzer.limits import LIMITS
from analyzer.sources.pem import labels, restore
from analyzer.sources.surroundings import CertificateFile, ConfigFile, Surroundings

CHANGED: Final = "it is not the file that was collected"

Stored = Callable[[str], bytes | None]

_NAME = re.compile(r"(?:[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*/)*[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*")


def is_member_name(name: str) -> bool:
    """Whether a member may be called so: plain parts, none of them hidden or a step upwards."""
    return len(name) <= 1024 and _NAME.fullmatch(name) is not None


def print_surroundings(
    around: Surroundings,
    *,
    lost: str | None,
    redactions: Mapping[str, int],
    built: tuple[Sequence[str], int] | None = None,
) -> dict[str, Any]:
    """Surroundings as plain values; what files hold is stored beside, see `stored_name`.

    Args:
        around: The surroundings.
        lost: What was lost of the log.
        redactions: Secrets that were replaced in the log, by kind.
        built: What was lost of the traces of builds, and the secrets that were replaced in them; None without any.
    """

    def config(file: ConfigFile | None) -> dict[str, Any] | None:
        if file is None:
            return None
        stored = stored_name(file.path) if file.text is not None else None
        return {
            "path": file.path,
            "exists": file.exists,
            "error": file.error,
            "modified": _print_time(file.modified),
            "stored": stored,
        }

    return {
        "name": around.name,
        "program": around.program,
        "command_line": list(around.command_line) if around.command_line is not None else None,
        "environment": dict(around.environment),
        "user": around.user,
        "image": around.image,
        "image_id": around.image_id,
        "version": around.version,
        "engine": around.engine,
        "driver": around.driver,
        "created": _print_time(around.created),
        "started": _print_time(around.started),
        "config": config(around.config),
        "intended": config(around.intended),
        "files": [
            {
                "path": file.path,
                "exists": file.exists,
                "error": file.error,
                "size": file.size,
                "modified": _print_time(file.modified),
                "blocks": list(labels(file)),
                "stored": stored_name(file.path) if file.blocks else None,
            }
            for file in around.files.values()
        ],
        "not_read": list(around.not_read),
        "lost": lost,
        "redactions": sum(redactions.values()),
        "redactions_by_kind": dict(sorted(redactions.items())),
        **({"builds": {"damaged": list(built[0]), "redactions": built[1]}} if built is not None else {}),
    }


def stored_name(path: str) -> str:
    """The member that holds what lies at a path where the daemon runs."""
    name = "files/" + path.strip("/")
    if is_member_name(name):
        return name
    return f"files/{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def read_surroundings(
    called: str, told: Mapping[str, Any], stored: Stored
) -> tuple[Surroundings, dict[str, int], str | None]:
    """What `print_surroundings` wrote; of hostile values only what has the right type.

    Args:
        called: What reports call the place.
        told: The plain values.
        stored: Gives the content of a member; None where it is missing or was changed.

    Returns:
        The surroundings, the secrets that were replaced in the log by kind, and what was lost of the log.
    """
    missing: list[str] = []

    def config(value: object) -> ConfigFile | None:
        if not isinstance(value, dict):
            return None
        path, error, text = str(value.get("path")), _text_or_none(value.get("error")), None
        if value.get("stored"):
            text = stored(str(value["stored"]))
            if text is None:
                error = CHANGED
                missing.append(f"{path}: {CHANGED}")
        exists = value.get("exists") if error is None or text is not None else None
        return ConfigFile(path, _bool(exists), text, error, _time(value.get("modified")))

    files = [_certificate(one, stored, missing) for one in _list(told.get("files")) if isinstance(one, dict)]
    command = told.get("command_line")
    environment = told.get("environment")
    around = Surroundings(
        name=called,
        program="dockerd" if told.get("program") == "dockerd" else "buildkitd",
        command_line=tuple(map(str, command)) if isinstance(command, list) else None,
        environment={str(k): str(v) for k, v in environment.items()} if isinstance(environment, dict) else {},
        image=_text_or_none(told.get("image")),
        image_id=_text_or_none(told.get("image_id")),
        version=_text_or_none(told.get("version")),
        engine=_text_or_none(told.get("engine")),
        driver=_text_or_none(told.get("driver")),
        created=_time(told.get("created")),
        started=_time(told.get("started")),
        user=_text_or_none(told.get("user")),
        config=config(told.get("config")),
        intended=config(told.get("intended")),
        files={file.path: file for file in files},
        not_read=(*(str(one) for one in _list(told.get("not_read"))), *missing),
    )
    return around, _kinds(told), _text_or_none(told.get("lost"))


def _kinds(told: Mapping[str, Any]) -> dict[str, int]:
    """Secrets that were replaced, by kind; of those whose kind is not told as ``other``."""
    kinds = told.get("redactions_by_kind")
    found = {str(kind): _count(number) for kind, number in kinds.items()} if isinstance(kinds, dict) else {}
    rest = _count(told.get("redactions")) - sum(found.values())
    return found | ({"other": rest} if rest > 0 else {})


def read_built(told: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """What was lost of the traces of builds, and the secrets that were replaced in them.

    Args:
        told: What `print_surroundings` wrote, or something hostile.
    """
    built = told.get("builds")
    if not isinstance(built, dict):
        return (), 0
    damaged = tuple(str(one) for one in _list(built.get("damaged")))
    return damaged, _count(built.get("redactions"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _certificate(value: Mapping[str, Any], stored: Stored, missing: list[str]) -> CertificateFile:
    path, size = str(value.get("path")), value.get("size")
    content = stored(str(value["stored"])) if value.get("stored") else b""
    if content is None:
        missing.append(f"{path}: {CHANGED}")
        return CertificateFile(path, None, CHANGED)
    return restore(
        path,
        [str(label) for label in _list(value.get("blocks"))],
        content.decode("utf-8", "replace"),
        exists=_bool(value.get("exists")),
        error=_text_or_none(value.get("error")),
        size=size if isinstance(size, int) else None,
        modified=_time(value.get("modified")),
    )


def _list(value: object) -> list[Any]:
    return value[: LIMITS.given_files] if isinstance(value, list) else []


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _print_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
