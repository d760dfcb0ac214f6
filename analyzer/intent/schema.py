"""Every key that a buildkitd.toml of any version may hold.

Names, types and first versions are those of BuildKit's ``cmd/buildkitd/config/config.go``,
``util/resolver/config`` and ``cache/remotecache/gha/ghatypes``, compared over v0.9.3 to v0.32.2. No key was
ever taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from analyzer.intent.versions import OLDEST, Version

KeyType = Literal[
    "bool",
    "integer",
    "string",
    "strings",  # an array of strings
    "size",  # bytes, or text such as "10GB" or "20%"; text since v0.12.0
    "duration",  # seconds, or text such as "48h"; text since v0.12.0
    "table",  # of known keys
    "tables",  # an array of such tables
    "named",  # a table whose keys are names of the user's: [registry."docker.io"]
    "labels",  # a table of strings under names of the user's
    "free",  # a table that BuildKit hands on unread
]

TEXT_UNITS_SINCE: Final[Version] = (0, 12, 0)
"""Sizes and durations may be written as text (config.go of v0.12.0; integers before)."""


@dataclass(frozen=True)
class Key:
    """A key of the file.

    Attributes:
        type: What it holds.
        since: The first version that reads it.
        keys: The keys below a ``table`` and ``tables``, and below each name of a ``named`` one.
        deprecated: The version since which another key should be used.
        instead: That other key.
    """

    type: KeyType
    since: Version = OLDEST
    keys: Mapping[str, Key] = field(default_factory=dict)
    deprecated: Version | None = None
    instead: str = ""


def _since(minor: int) -> Version:
    return (0, minor, 0)


_LIMITS: dict[str, Key] = {
    "reservedSpace": Key("size", _since(17)),
    "maxUsedSpace": Key("size", _since(17)),
    "minFreeSpace": Key("size", _since(17)),
}

_GC_POLICY: dict[str, Key] = {
    "all": Key("bool"),
    "filters": Key("strings"),
    "keepDuration": Key("duration"),
    "keepBytes": Key("size", deprecated=_since(17), instead="reservedSpace"),
    **_LIMITS,
}

_WORKER: dict[str, Key] = {
    "enabled": Key("bool"),
    "labels": Key("labels"),
    "platforms": Key("strings"),
    "snapshotter": Key("string"),
    "gc": Key("bool"),
    "gckeepstorage": Key("size", deprecated=_since(17), instead="reservedSpace"),
    **_LIMITS,
    "gcpolicy": Key("tables", keys=_GC_POLICY),
    "networkMode": Key("string"),
    "cniConfigPath": Key("string"),
    "cniBinaryPath": Key("string"),
    "cniPoolSize": Key("integer", _since(11)),
    "bridgeName": Key("string", _since(13)),
    "bridgeSubnet": Key("string", _since(13)),
    "apparmor-profile": Key("string"),
    "selinux": Key("bool", _since(10)),
    "max-parallelism": Key("integer"),
}

_OCI: dict[str, Key] = {
    **_WORKER,
    "rootless": Key("bool"),
    "noProcessSandbox": Key("bool"),
    "userRemapUnsupported": Key("string"),
    "binary": Key("string"),
    "proxySnapshotterPath": Key("string"),
    "defaultCgroupParent": Key("string", _since(10)),
    "stargzSnapshotter": Key("free"),
}

_CONTAINERD: dict[str, Key] = {
    **_WORKER,
    "address": Key("string"),
    "namespace": Key("string"),
    "runtime": Key(
        "table",
        _since(13),
        {"name": Key("string"), "path": Key("string"), "options": Key("free")},
    ),
    "defaultCgroupParent": Key("string", _since(15)),
    "rootless": Key("bool", _since(10)),
}

_REGISTRY: dict[str, Key] = {
    "mirrors": Key("strings"),
    "http": Key("bool"),
    "insecure": Key("bool"),
    "ca": Key("strings"),
    "keypair": Key("tables", keys={"key": Key("string"), "cert": Key("string")}),
    "tlsconfigdir": Key("strings"),
}

BUILDKITD: Final[Key] = Key(
    "table",
    keys={
        "debug": Key("bool", deprecated=_since(30), instead='level = "debug" under [log]'),
        "trace": Key("bool", _since(12), deprecated=_since(30), instead='level = "trace" under [log]'),
        "root": Key("string"),
        "insecure-entitlements": Key("strings"),
        "proxyNetwork": Key("bool", _since(31)),
        "provenanceEnvDir": Key("string", _since(25)),
        "log": Key("table", _since(13), {"format": Key("string"), "level": Key("string", _since(30))}),
        "grpc": Key(
            "table",
            keys={
                "address": Key("strings"),
                "debugAddress": Key("string"),
                "uid": Key("integer"),
                "gid": Key("integer"),
                "securityDescriptor": Key("string", (0, 13, 2)),
                "tls": Key("table", keys={"cert": Key("string"), "key": Key("string"), "ca": Key("string")}),
            },
        ),
        "otel": Key("table", _since(13), {"socketPath": Key("string")}),
        "cdi": Key(
            "table",
            _since(20),
            {"disabled": Key("bool"), "specDirs": Key("strings"), "autoAllowed": Key("strings")},
        ),
        "dns": Key(
            "table",
            keys={"nameservers": Key("strings"), "options": Key("strings"), "searchDomains": Key("strings")},
        ),
        "history": Key("table", _since(11), {"maxAge": Key("duration"), "maxEntries": Key("integer")}),
        "frontend": Key(
            "table",
            _since(14),
            {
                "dockerfile.v0": Key("table", keys={"enabled": Key("bool")}),
                "gateway.v0": Key(
                    "table", keys={"enabled": Key("bool"), "allowedRepositories": Key("strings")}
                ),
            },
        ),
        "system": Key(
            "table",
            _since(14),
            {
                "platformsCacheMaxAge": Key("duration"),
                "maxRegistryConcurrency": Key("integer", _since(31)),
            },
        ),
        "cache": Key(
            "table",
            _since(27),
            {
                "gha": Key(
                    "table",
                    keys={
                        "sign": Key("table", keys={"command": Key("strings")}),
                        "verify": Key("table", keys={"required": Key("bool"), "policy": Key("free")}),
                    },
                )
            },
        ),
        "worker": Key(
            "table",
            keys={"oci": Key("table", keys=_OCI), "containerd": Key("table", keys=_CONTAINERD)},
        ),
        "registry": Key("named", keys=_REGISTRY),
    },
)
"""The top of a buildkitd.toml."""

DOCKERD: Final[Key] = Key(
    "table",
    keys={
        "registry-mirrors": Key("strings"),
        "insecure-registries": Key("strings"),
        "debug": Key("bool"),
        "log-level": Key("string"),
        "log-format": Key("string"),
    },
)
"""The keys of a daemon.json that bear on what BuildKit asks; dockerd knows many more."""


def walk(key: Key, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Key]]:
    """Every key below a key with its path; a user's name in a ``named`` table is ``*``."""
    inside = (*path, "*") if key.type == "named" else path
    for name, child in key.keys.items():
        yield (*inside, name), child
        yield from walk(child, (*inside, name))


def key_at(path: tuple[str | int, ...], top: Key = BUILDKITD) -> Key | None:
    """The key that a canonical path names, or None where it is no key of the schema (a name, an element)."""
    key = top
    named = False
    for part in path:
        if isinstance(part, int):
            continue
        if key.type == "named" and not named:
            named = True
            continue
        named = False
        if part not in key.keys:
            return None
        key = key.keys[part]
    return None if named or (path and isinstance(path[-1], int)) else key
