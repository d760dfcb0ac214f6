"""``dockerd:``, the Docker Engine's own BuildKit: its log, its ``daemon.json``, and what the engine says it loaded.

The log stands where the daemon's errors go: a file, or the journal. The engine must run on this machine; which of
several is meant, its socket tells.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from analyzer.errors import SourceError
from analyzer.sources.engine import connect
from analyzer.sources.following import FollowedFile
from analyzer.sources.local import Copy, LocalFile
from analyzer.sources.localfiles import LocalFiles
from analyzer.sources.model import Source
from analyzer.sources.stored import reason
from analyzer.sources.surroundings import ConfigFile, Surroundings

DOCKERD: Final = "dockerd:"
DAEMON_JSON: Final = "/etc/docker/daemon.json"

UNIT: Final = "docker.service"
_LOGS = ("/var/log/docker.log", "/var/log/dockerd.log", "/var/log/upstart/docker.log")
"""Where the init scripts of Debian and Ubuntu let the daemon write."""

_JOURNAL_SECONDS = 300
_LOADED = "docker info"
_ALWAYS_INSECURE = {"127.0.0.0/8", "::1/128"}
"""Networks that dockerd takes for insecure by itself (moby ``registry/config.go``, v20.10 to v28)."""


@dataclass(frozen=True)
class Process:
    """A dockerd that runs on this machine.

    Attributes:
        pid: Its number.
        words: Its command line.
    """

    pid: int
    words: tuple[str, ...]

    def values(self, *names: str) -> list[str]:
        """The values of a flag, by any of its names (``--host``, ``-H``)."""
        found = []
        for place, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            if name.lstrip("-") in names and name.startswith("-"):
                following = self.words[place + 1] if place + 1 < len(self.words) else ""
                found.append(value if equals else following)
        return found

    @property
    def log(self) -> Path | None:
        """The file that its errors go to; None where they go elsewhere, or this may not be seen."""
        try:
            target = os.readlink(f"/proc/{self.pid}/fd/2")
            return Path(target) if os.path.isfile(target) else None
        except OSError:
            return None


def open_dockerd(log: str = "") -> Source:
    """The log of the engine, with what is known of it.

    Args:
        log: Its log, where it is not found by itself.

    Raises:
        SourceError: There is no log, or it cannot be read.
    """
    called = DOCKERD + log
    process = _process()
    source = LocalFile(Path(log), called).source() if log else _log(process, called)
    return replace(source, surroundings=_surroundings(called, process), files=LocalFiles())


def follow_dockerd(log: str = "") -> FollowedFile:
    """Follow the log of the engine.

    Args:
        log: Its log, where it is not found by itself.

    Raises:
        SourceError: It is in the journal, or cannot be followed.
    """
    called = DOCKERD + log
    process = _process()
    path = Path(log) if log else _log_file(process)
    if path is None:
        raise SourceError(
            "the engine writes no file that can be followed",
            where=called,
            hint=f"journalctl --follow --unit {UNIT} --output short-iso-precise | buildkit-analyzer watch -",
        )
    follower = FollowedFile(path)
    follower.name = called
    follower.surroundings = _surroundings(called, process)
    return follower


def _log(process: Process | None, called: str) -> Source:
    path = _log_file(process)
    return LocalFile(path, called).source() if path is not None else _journal(called)


def _log_file(process: Process | None) -> Path | None:
    if process is not None and process.log is not None:
        return process.log
    return next((Path(name) for name in _LOGS if os.path.isfile(name)), None)


def _journal(called: str) -> Source:
    """What the journal has of the engine."""
    program = shutil.which("journalctl")
    hint = "name its log: dockerd:FILE"
    if program is None:
        raise SourceError("the engine's log was not found: no file, and no journal", where=called, hint=hint)
    copy = Copy()
    try:
        with copy.path.open("wb") as target:
            done = subprocess.run(
                [program, "--unit", UNIT, "--output", "short-iso-precise", "--no-pager", "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=subprocess.PIPE,
                timeout=_JOURNAL_SECONDS,
                check=False,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(f"the journal cannot be read: {reason(error)}", where=called, hint=hint) from None
    if done.returncode != 0 or not copy.path.stat().st_size:
        said = done.stderr.decode("utf-8", "replace").strip() or f"it has nothing of {UNIT}"
        raise SourceError(f"the journal cannot be read: {reason(Exception(said))}", where=called, hint=hint)
    return copy.source(called)


def _surroundings(called: str, process: Process | None) -> Surroundings:
    files, missing = LocalFiles(), []
    path = next(iter(process.values("config-file") if process else ()), DAEMON_JSON)
    found = files.read(path)
    if found.error:
        missing.append(f"{path}: {found.error}")
    intended = ConfigFile(path, found.exists, found.content, found.error, found.modified)
    loaded, version = None, None
    try:
        engine = connect()
        try:
            info = engine.info()
        finally:
            engine.close()
        version = info.get("ServerVersion")
        loaded = _loaded(info, found.content)
    except SourceError as error:
        missing.append(f"what the engine loaded: {error.what}")
    return Surroundings(
        name=called,
        program="dockerd",
        command_line=process.words if process else None,
        version=version if isinstance(version, str) else None,
        engine=version if isinstance(version, str) else None,
        config=loaded,
        intended=intended,
        not_read=tuple(missing),
    )


def _loaded(info: dict[str, Any], written: bytes | None) -> ConfigFile | None:
    """What the engine says it loaded, in the words of a daemon.json.

    It tells its registries and whether it debugs; of other keys it says nothing, so the file's stand.
    """
    told = info.get("RegistryConfig")
    if not isinstance(told, dict):
        return None
    try:
        values = json.loads(written) if written else {}
    except (ValueError, RecursionError):
        values = {}
    values = dict(values) if isinstance(values, dict) else {}
    mirrors = [str(one) for one in told.get("Mirrors") or ()]
    indexes = told.get("IndexConfigs")
    insecure = [
        name
        for name, one in sorted((indexes if isinstance(indexes, dict) else {}).items())
        if isinstance(one, dict) and one.get("Secure") is False
    ]
    insecure += [str(one) for one in told.get("InsecureRegistryCIDRs") or () if one not in _ALWAYS_INSECURE]
    for key, value in (("registry-mirrors", mirrors), ("insecure-registries", insecure)):
        if value or key in values:
            values[key] = value
    if isinstance(info.get("Debug"), bool):
        values["debug"] = info["Debug"]
    return ConfigFile(_LOADED, True, json.dumps(values, indent=1).encode())


def _process() -> Process | None:
    """The engine on this machine that the docker command would talk to; None where it cannot be told."""
    running = [found for entry in _entries() if (found := _dockerd(entry)) is not None]
    socket = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    asked = [one for one in running if _same_socket(one, socket)]
    return asked[0] if len(asked) == 1 else None


def _entries() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _dockerd(entry: str) -> Process | None:
    try:
        words = Path("/proc", entry, "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    text = tuple(word.decode("utf-8", "replace") for word in words)
    return Process(int(entry), text) if os.path.basename(text[0]) == "dockerd" else None


def _same_socket(process: Process, socket: str) -> bool:
    hosts = process.values("host", "H") or ["unix:///var/run/docker.sock"]
    # systemd hands the socket over by number
    usual = socket in ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
    return socket in hosts or (usual and any(host.startswith("fd://") for host in hosts))
