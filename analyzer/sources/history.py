"""The records of recent builds that a Buildx builder keeps, asked of ``docker buildx history``.

``history ls`` exists from Buildx v0.20 on, ``history export`` from v0.23 on (docker/buildx ``commands/history/ls.go``,
``export.go``; a builder's last 50 are listed, ``utils.go``). With ``--format json`` the first prints an object a line,
in which ``ref`` is ``builder/node/id``; the other writes a record to standard output unless that is a terminal.

Both only look, but for two things that are not done here. ``--finalize`` would write into the daemon's history: without
it a build of the last minute or two has no trace yet. And from v0.26 on both start a builder that does not run
(``utils.go``, loadNodes): one with a node that stands still is not asked.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.redaction import Redactor
from analyzer.sources.builds import Builds, name_builds
from analyzer.sources.commands import Answer, ask
from analyzer.sources.local import Copy
from analyzer.sources.moments import read_moment
from analyzer.sources.stored import reason
from analyzer.sources.tracefiles import NO_TRACE, TraceFile

WHAT: Final = "records of builds"
_ABSENT: Final = "docker buildx history is not there (Buildx v0.23 or later has it)"
_YOUNG: Final = "BuildKit writes it a minute or two after the build"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*\Z")
"""What a builder may be called (docker/buildx ``store/util.go``, ValidateName)."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}\Z")
_UNKNOWN = re.compile(r"unknown (?:shorthand )?(?:command|flag)|is not a docker command", re.IGNORECASE)
_PREFIX = re.compile(r"\AERROR:\s*")


@dataclass(frozen=True)
class History:
    """The history of a node of a builder, not asked for yet.

    Attributes:
        builder: The builder, as Buildx knows it.
        node: The node; None for all of them.
        since: Builds from before are none of this container's: it may have had another configuration.
        absent: Why it cannot be asked for; None where it can.
    """

    builder: str
    node: str | None = None
    since: datetime | None = None
    absent: str | None = None

    def read(self, name: str, most: int) -> Builds:
        """The records of recent builds.

        Args:
            name: What reports call the source.
            most: How many.
        """
        called = name_builds(name)
        if self.absent is not None:
            return Builds(called, not_read=(f"{WHAT}: {self.absent}",))
        return replace(read_builds(self.builder, most, node=self.node, since=self.since), name=called)


def read_builds(builder: str, most: int, *, node: str | None = None, since: datetime | None = None) -> Builds:
    """The records of the builds that a builder ran last, newest first.

    Nothing that goes wrong is an error: it is told, and the rest is taken.

    Args:
        builder: The builder.
        most: How many.
        node: Only of this node.
        since: Only of builds that began then or later.
    """
    called = name_builds(f"builder:{builder}")
    if most <= 0:
        return Builds(called)
    docker = shutil.which("docker")
    if _NAME.match(builder) is None:
        return Builds(called, not_read=(f"{WHAT}: Buildx has no builder of such a name",))
    if docker is None:
        return Builds(called, not_read=(f"{WHAT}: {_ABSENT}",))
    asked = _Asked(docker, builder)
    found = asked.listed(node, since)
    files = tuple(asked.records(found[:most]))
    return Builds(called, files, tuple(f"{WHAT}: {text}" for text in asked.notes()))


@dataclass(frozen=True)
class _Listed:
    """A build, as the list has it.

    Attributes:
        identity: What it is called in its builder.
        node: The node that ran it; None where it is not told.
        created: When it began.
        ended: It has ended.
    """

    identity: str
    node: str | None
    created: datetime | None
    ended: bool


class _Asked:
    """What Buildx says, and what of it is not there.

    Args:
        docker: The docker command.
        builder: The builder, whose name was looked at.
    """

    def __init__(self, docker: str, builder: str) -> None:
        self._words = (docker, "buildx", "history")
        self._builder = f"--builder={builder}"
        self._told: list[str] = []
        self._young = self._left = 0
        self._copy = Copy()

    def notes(self) -> list[str]:
        """What is not there, and why; each once."""
        told = list(self._told)
        if self._young:
            told.append(f"{_count(self._young)} no trace yet: {_YOUNG}")
        if self._left:
            told.append(f"{_count(self._left)} not been asked for after that")
        return list(dict.fromkeys(told))

    def listed(self, node: str | None, since: datetime | None) -> list[_Listed]:
        """The builds that have ended, newest first."""
        try:
            with TemporaryFile() as copy:
                answer = ask(
                    (*self._words, "ls", self._builder, "--format=json"),
                    copy,
                    seconds=LIMITS.history_seconds,
                    most=LIMITS.history_bytes,
                )
                copy.seek(0)
                lines = copy.read().splitlines()
        except OSError as error:
            self._told.append(f"docker buildx history ls cannot be run: {reason(error)}")
            return []
        if answer.ended or answer.code:
            self._told.append(_failure("ls", answer))
            if answer.ended != "size":
                return []
        builds, odd = _parse(lines)
        if odd and not self._told:
            self._told.append("docker buildx history ls did not answer in JSON that is understood")
        return self._chosen(builds, node, since)

    def _chosen(self, builds: list[_Listed], node: str | None, since: datetime | None) -> list[_Listed]:
        # a build of several nodes has one name and one record for all of them (build/build.go, `opt.Ref`)
        nodes = Counter(identity for identity, _ in {(one.identity, one.node) for one in builds})
        several = [one for one in builds if nodes[one.identity] > 1 and node in (None, one.node)]
        if several and node is not None:
            self._told.append(
                f"{_count(len({one.identity for one in several}))} been run by several nodes, and a record that "
                "is of one of them cannot be had"
            )
        chosen = {
            one.identity: one
            for one in builds
            if one.ended
            and (node is None or (one.node in (None, node) and nodes[one.identity] == 1))
            and (since is None or one.created is None or one.created >= since)
        }
        return sorted(
            chosen.values(), key=lambda one: one.created.timestamp() if one.created else 0.0, reverse=True
        )

    def records(self, builds: list[_Listed]) -> Iterator[TraceFile]:
        """The records of builds; those that have no trace are passed over."""
        room = LIMITS.history_records_bytes
        for number, build in enumerate(builds):
            path = self._copy.folder / f"{number}.dockerbuild"
            try:
                answer = self._export(build, path, min(room, LIMITS.history_record_bytes))
            except OSError as error:
                self._told.append(f"they cannot be kept: {reason(error)}")
                self._left = len(builds) - number
                return
            if answer.ended or answer.code:
                path.unlink(missing_ok=True)
                self._told.append(f"{build.identity}: {_failure('export', answer)}")
                if answer.ended == "time" or _UNKNOWN.search(answer.told):
                    # the next would do the same
                    self._left = len(builds) - number - 1
                    return
                continue
            file = TraceFile(build.identity, path, record=True, keep=self._copy)
            fault = _fault(file)
            if fault is None:
                room -= path.stat().st_size
                yield file
                continue
            path.unlink(missing_ok=True)
            if fault == NO_TRACE:
                self._young += 1
            else:
                self._told.append(f"{build.identity}: {fault}")

    def _export(self, build: _Listed, path: Path, most: int) -> Answer:
        with path.open("wb") as target:
            return ask(
                (*self._words, "export", self._builder, build.identity),
                target,
                seconds=LIMITS.history_seconds,
                most=most,
            )


def _count(number: int) -> str:
    return "1 build has" if number == 1 else f"{number} builds have"


def _failure(command: str, answer: Answer) -> str:
    """Why Buildx did not do what it was asked."""
    if answer.ended == "time":
        return f"docker buildx history {command} did not answer within {LIMITS.history_seconds:g} seconds"
    if answer.ended == "size":
        return f"docker buildx history {command} gave more than is taken"
    if _UNKNOWN.search(answer.told):
        return _ABSENT
    lines = [line.strip() for line in answer.told.splitlines() if line.strip()]
    said = next((line for line in lines if _PREFIX.match(line)), lines[-1] if lines else "")
    text = Redactor().text(_PREFIX.sub("", said))[: LIMITS.error_text]
    return f"docker buildx history {command} failed: {text or f'exit code {answer.code}'}"


def _fault(file: TraceFile) -> str | None:
    """Why a record is of no use; None where it has a trace."""
    damage: list[str] = []
    try:
        if next(file.open(damage), None) is not None:
            return None
    except SourceError as error:
        return error.what
    return damage[0] if damage else NO_TRACE


def _parse(lines: list[bytes]) -> tuple[list[_Listed], bool]:
    """The builds of a list, and whether something else stood there."""
    found: list[_Listed] = []
    odd = False
    for line in filter(None, map(bytes.strip, lines)):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            odd = True
            continue
        for one in value if isinstance(value, list) else [value]:
            build = _build(one) if isinstance(one, dict) else None
            odd = odd or build is None
            found += [build] if build is not None else []
    return found, odd


def _build(told: dict[str, Any]) -> _Listed | None:
    """A build; None of what has no name that can be asked for."""
    parts = str(told.get("ref")).split("/")
    if not _ID.match(parts[-1]) or not isinstance(told.get("ref"), str):
        return None
    ended = bool(told.get("completed_at")) or str(told.get("status")).lower() in ("completed", "error")
    return _Listed(
        parts[-1], parts[-2] if len(parts) > 1 else None, read_moment(told.get("created_at")), ended
    )
