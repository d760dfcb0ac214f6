"""The configuration that a daemon really runs with: its file, its flags and the variables that count as flags.

Where buildkitd looks: ``defaultConfigPath`` in ``cmd/buildkitd/main.go`` and ``UserConfigDir`` in
``util/appdefaults/appdefaults_unix.go``, the same from v0.9.3 to v0.32.2; it counts as rootless in a user namespace
with a USER other than root. A file that is not there is one that says nothing (``LoadFile`` in
``cmd/buildkitd/config/load.go``). Where dockerd looks: moby ``cmd/dockerd/daemon_unix.go``, getDefaultDaemonConfigDir.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from analyzer.errors import ConfigError
from analyzer.intent.config import LOG_LEVEL_SINCE
from analyzer.intent.flags import BUILDKITD_FLAGS, DOCKERD_FLAGS, split_flags
from analyzer.intent.loading import parse_config
from analyzer.intent.places import Place
from analyzer.intent.versions import Version, parse_version

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.sources.surroundings import ConfigFile, Program, Surroundings

DAEMONS: Final = frozenset({"buildkitd", "dockerd", "rootless-buildkitd"})
_ROOTLESS: Final = frozenset({"rootlesskit", "rootless-buildkitd", "dockerd-rootless.sh"})
_SYSTEM: Final = {"buildkitd": "/etc/buildkit/buildkitd.toml", "dockerd": "/etc/docker/daemon.json"}
_OWN: Final = {"buildkitd": "buildkit/buildkitd.toml", "dockerd": "docker/daemon.json"}
_HOME: Final = {"buildkitd": "/home/user", "dockerd": "/home/rootless"}
"""Homes in the images moby/buildkit:rootless and docker:dind-rootless, whose variables an inspection may not show."""

VARIABLES: Final[dict[str, tuple[str, Version]]] = {
    "BUILDKITD_LOG_LEVEL": ("log-level", LOG_LEVEL_SINCE),
    "BUILDKITD_DEBUGADDR": ("debugaddr", (0, 19, 0)),
}
"""Variables that stand for a flag which is not given, and since when (``cmd/buildkitd/main.go``)."""


def config_path(
    command_line: Sequence[str] | None,
    environment: Mapping[str, str],
    *,
    rootless: bool | None = None,
    program: Program = "buildkitd",
) -> str:
    """Where a daemon looks for its configuration file.

    Args:
        command_line: Its command line; None where not known.
        environment: Its variables, as far as they are known.
        rootless: It runs in a user namespace, as `runs_rootless` says; None to tell it by rootlesskit in the
            command line.
        program: Which daemon.

    Returns:
        The value of its last ``--config`` (``--config-file`` of dockerd), else the default place.
    """
    words = _words(command_line)
    specs, name = (DOCKERD_FLAGS, "config-file") if program == "dockerd" else (BUILDKITD_FLAGS, "config")
    try:
        given = [flag.value for flag in split_flags(words, specs) if flag.name == name and flag.value]
    except ConfigError:
        given = []
    if given:
        return given[-1]
    if rootless is None:
        rootless = any(posixpath.basename(word) in _ROOTLESS for word in words)
    # Unknown variables are those of the rootless image, which names its user.
    if not rootless or (program == "buildkitd" and environment.get("USER", "user") in ("", "root")):
        return _SYSTEM[program]
    home = environment.get("HOME") or _HOME[program]
    return posixpath.join(
        environment.get("XDG_CONFIG_HOME") or posixpath.join(home, ".config"), _OWN[program]
    )


def runs_rootless(surroundings: Surroundings) -> bool | None:
    """Whether a daemon runs in a user namespace; None where only its command line can tell.

    buildkitd refuses to start as another user than root, but for root of a user namespace (``cmd/buildkitd/main.go``):
    a container with another user starts it through RootlessKit, whatever its command line shows.
    """
    user = (surroundings.user or "").partition(":")[0]
    return None if user in ("", "0", "root") else True


def effective_config(surroundings: Surroundings) -> Config | None:
    """What a daemon was really given.

    Args:
        surroundings: What is known of it. Without a command line the file alone counts.

    Returns:
        File and flags, merged as the daemon merges them; None where the file is not known.

    Raises:
        ConfigError: The file or a flag is such that the daemon refuses to start.
    """
    file = _file_in_use(surroundings)
    if file is None or file.exists is None or (file.exists and file.text is None):
        return None
    docker = surroundings.program == "dockerd"
    text = (file.text or b"") if file.exists else b""
    if docker and not text.strip():
        text = b"{}"
    config = parse_config(text, name=file.path, kind="dockerd" if docker else "buildkitd")
    config = config.with_flags(_words(surroundings.command_line))
    return config if docker else _with_variables(config, surroundings)


def _file_in_use(surroundings: Surroundings) -> ConfigFile | None:
    """The file that the daemon reads; None where it reads another than the one that is known."""
    file = surroundings.config
    if file is None or surroundings.command_line is None:
        return file
    wanted = config_path(
        surroundings.command_line,
        surroundings.environment,
        rootless=runs_rootless(surroundings),
        program=surroundings.program,
    )
    if posixpath.normpath(file.path) == posixpath.normpath(wanted):
        return file
    if surroundings.driver == "kubernetes" and not posixpath.normpath(wanted).startswith("/etc/"):
        # buildx mounts the file at /etc/buildkit and gives no --config (driver/kubernetes/manifest/manifest.go);
        # a rootless daemon looks in its user's home, where the image has none.
        return replace(file, path=wanted, exists=False, text=None)
    return None


def _words(command_line: Sequence[str] | None) -> list[str]:
    """The words of a command line; those of a shell's command are taken out of it."""
    words = list(command_line or ())
    if any(posixpath.basename(word) in DAEMONS for word in words):
        return words
    for word in words:
        try:
            inner = shlex.split(word) if any(daemon in word for daemon in DAEMONS) else []
        except ValueError:
            continue
        if any(posixpath.basename(one) in DAEMONS for one in inner):
            return inner
    return words


def _with_variables(config: Config, surroundings: Surroundings) -> Config:
    """The configuration with the variables that stand for flags."""
    version = parse_version(surroundings.version)
    given = {flag.name for flag in config.flags}
    for name, (flag, since) in VARIABLES.items():
        value = surroundings.environment.get(name)
        if not value or flag in given or version < since:
            continue
        changed = config.with_flags([f"--{flag}={value}"])
        written, place = f"--{flag}={value}", Place(f"{name}={value}", source="flag")
        places = {
            path: place if old.source == "flag" and old.file == written else old
            for path, old in changed.places.items()
        }
        config = replace(changed, places=places, flags=config.flags)
    return config
