"""The daemons' command lines, merged into the file's settings as the daemons merge them.

``applyMainFlags`` in BuildKit's ``cmd/buildkitd/main.go``, ``applyOCIFlags`` and ``applyContainerdFlags``
beside it (v0.9.3 to v0.32.2): a flag that is given wins; worker labels are merged; entitlements replace the
file's list. One flag does not do what it says: ``--oci-cni-config-path`` leaves the path empty, since its
value is looked up under another name (``main_oci_worker.go``).
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analyzer.errors import ConfigError
from analyzer.intent.places import Path, Place

FlagType = Literal["bool", "text", "list", "auto", "labels", "integer", "level", "blank", "rootless"]


@dataclass(frozen=True)
class FlagSpec:
    """A flag: what it takes and which setting it writes; an empty path writes none that is modelled."""

    type: FlagType
    path: Path = ()


def _worker_flags(executor: str) -> dict[str, FlagSpec]:
    worker: Path = ("worker", executor)
    return {
        f"{executor}-worker": FlagSpec("auto", (*worker, "enabled")),
        f"{executor}-worker-labels": FlagSpec("labels", (*worker, "labels")),
        f"{executor}-worker-platform": FlagSpec("list", (*worker, "platforms")),
        f"{executor}-worker-snapshotter": FlagSpec("text", (*worker, "snapshotter")),
        f"{executor}-worker-rootless": FlagSpec("bool", (*worker, "rootless")),
        f"{executor}-worker-gc": FlagSpec("bool", (*worker, "gc")),
        f"{executor}-worker-gc-keepstorage": FlagSpec("text"),
        f"{executor}-worker-net": FlagSpec("text", (*worker, "networkMode")),
        f"{executor}-worker-apparmor-profile": FlagSpec("text", (*worker, "apparmor-profile")),
        f"{executor}-worker-selinux": FlagSpec("bool", (*worker, "selinux")),
        f"{executor}-max-parallelism": FlagSpec("integer", (*worker, "max-parallelism")),
        f"{executor}-cni-config-path": FlagSpec("text", (*worker, "cniConfigPath")),
        f"{executor}-cni-binary-dir": FlagSpec("text", (*worker, "cniBinaryPath")),
        f"{executor}-cni-pool-size": FlagSpec("integer", (*worker, "cniPoolSize")),
    }


BUILDKITD_FLAGS: Final[dict[str, FlagSpec]] = {
    "config": FlagSpec("text"),
    "debug": FlagSpec("level"),
    "trace": FlagSpec("level"),
    "root": FlagSpec("text", ("root",)),
    "addr": FlagSpec("list", ("grpc", "address")),
    "log-format": FlagSpec("text", ("log", "format")),
    "log-level": FlagSpec("text", ("log", "level")),
    "group": FlagSpec("text"),
    "debugaddr": FlagSpec("text", ("grpc", "debugAddress")),
    "tlscert": FlagSpec("text", ("grpc", "tls", "cert")),
    "tlskey": FlagSpec("text", ("grpc", "tls", "key")),
    "tlscacert": FlagSpec("text", ("grpc", "tls", "ca")),
    "allow-insecure-entitlement": FlagSpec("list", ("insecure-entitlements",)),
    "proxy-network": FlagSpec("bool", ("proxyNetwork",)),
    "otel-socket-path": FlagSpec("text", ("otel", "socketPath")),
    "cdi-disabled": FlagSpec("bool", ("cdi", "disabled")),
    "cdi-spec-dir": FlagSpec("list", ("cdi", "specDirs")),
    "save-cache-debug": FlagSpec("bool"),
    "rootless": FlagSpec("rootless"),
    "containerd-worker-addr": FlagSpec("text", ("worker", "containerd", "address")),
    "containerd-worker-namespace": FlagSpec("text", ("worker", "containerd", "namespace")),
    "containerd-worker-runtime": FlagSpec("text", ("worker", "containerd", "runtime", "name")),
    "oci-worker-proxy-snapshotter-path": FlagSpec("text", ("worker", "oci", "proxySnapshotterPath")),
    "oci-worker-binary": FlagSpec("text", ("worker", "oci", "binary")),
    "oci-worker-no-process-sandbox": FlagSpec("bool", ("worker", "oci", "noProcessSandbox")),
    **_worker_flags("oci"),
    **_worker_flags("containerd"),
    # The bug of the module's first lines.
    "oci-cni-config-path": FlagSpec("blank", ("worker", "oci", "cniConfigPath")),
}

DOCKERD_FLAGS: Final[dict[str, FlagSpec]] = {
    "debug": FlagSpec("bool", ("debug",)),
    "D": FlagSpec("bool", ("debug",)),
    "log-level": FlagSpec("text", ("log-level",)),
    "l": FlagSpec("text", ("log-level",)),
    "log-format": FlagSpec("text", ("log-format",)),
    "registry-mirror": FlagSpec("list", ("registry-mirrors",)),
    "insecure-registry": FlagSpec("list", ("insecure-registries",)),
    "config-file": FlagSpec("text"),
}


@dataclass(frozen=True)
class Flag:
    """A flag as given: its name without dashes, its value, and whether the daemon knows it."""

    name: str
    value: str
    known: bool

    @property
    def written(self) -> str:
        """The flag as a person would write it."""
        return f"--{self.name}={self.value}" if self.value else f"--{self.name}"


@dataclass(frozen=True)
class Change:
    """A setting that a flag writes; None as value takes it back to its default."""

    path: Path
    value: object
    place: Place


def split_flags(flags: str | Sequence[str], specs: dict[str, FlagSpec]) -> tuple[Flag, ...]:
    """Read flags from a text or words.

    Args:
        flags: Flags alone, or a whole command line: what stands before the daemon's name is left out.
        specs: The flags that the daemon knows.

    Raises:
        ConfigError: The text's quotes do not match, or a known flag lacks its value.
    """
    words = _split(flags) if isinstance(flags, str) else list(flags)
    for index, word in enumerate(words):
        if posixpath.basename(word) in ("buildkitd", "dockerd", "rootless-buildkitd"):
            words = words[index + 1 :]
            break
    found: list[Flag] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            continue
        name, equals, value = word.lstrip("-").partition("=")
        spec = specs.get(name)
        takes_value = spec.type not in ("bool", "level", "rootless") if spec else False
        if not equals and takes_value:
            if index >= len(words):
                raise ConfigError(f"--{name} lacks its value", where="daemon flags", hint=f"--{name}=VALUE")
            value = words[index]
            index += 1
        found.append(Flag(name, value, spec is not None))
    return tuple(found)


def changes_of(flags: Sequence[Flag], specs: dict[str, FlagSpec]) -> list[Change]:
    """What flags change, in the order in which they count.

    Raises:
        ConfigError: A value is not what its flag takes; the daemon would not start either.
    """
    changes: list[Change] = []
    lists: dict[Path, list[str]] = {}
    for flag in flags:
        spec = specs.get(flag.name)
        if spec is None:
            continue
        place = Place(flag.written, source="flag")
        match spec.type:
            case "bool" if spec.path:
                changes.append(Change(spec.path, _truth(flag), place))
            case "level" if _truth(flag):
                # Before v0.30.0 the flag sets the key of its name, since then the level (main.go).
                changes.append(Change((flag.name,), True, place))
                changes.append(Change(("log", "level"), flag.name, place))
            case "rootless":
                for executor in ("oci", "containerd"):
                    changes.append(Change(("worker", executor, "rootless"), _truth(flag), place))
            case "auto":
                value = None if flag.value.lower() == "auto" else _truth(flag)
                changes.append(Change(spec.path, value, place))
            case "integer":
                changes.append(Change(spec.path, _number(flag), place))
            case "labels":
                key, equals, value_text = flag.value.partition("=")
                if not equals:
                    raise _refuse(flag, "a label reads name=value")
                changes.append(Change((*spec.path, key), value_text, place))
            case "list":
                lists.setdefault(spec.path, []).append(flag.value)
                changes.append(Change(spec.path, list(lists[spec.path]), place))
            case "blank":
                changes.append(Change(spec.path, "", place))
            case "text" if spec.path:
                changes.append(Change(spec.path, flag.value, place))
    # The level of --log-level counts whatever stands before it (main.go applies it after --debug).
    changes.sort(key=lambda change: change.place.file.startswith("--log-level"))
    return changes


_TRUE = frozenset({"", "1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})


def _truth(flag: Flag) -> bool:
    # Go's strconv.ParseBool; a flag without a value is true.
    if flag.value.lower() in _TRUE:
        return True
    if flag.value.lower() in _FALSE:
        return False
    raise _refuse(flag, "it takes true or false")


def _number(flag: Flag) -> int:
    try:
        return int(flag.value)
    except ValueError:
        raise _refuse(flag, "it takes a whole number") from None


def _refuse(flag: Flag, hint: str) -> ConfigError:
    return ConfigError(f"{flag.written} cannot be read", where="daemon flags", hint=hint)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(
            f"these flags cannot be split into words: {error}",
            where="daemon flags",
            hint="close the quotes",
        ) from None
