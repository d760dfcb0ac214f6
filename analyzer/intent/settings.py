"""What a configuration states, setting by setting, in a form in which two of them can be compared.

A TOML file says one thing in many ways, and buildx writes a file anew in its own: so values are compared, as
BuildKit reads them, and a stated default is the same as none. Sizes and durations are read as ``UnmarshalText`` in
``cmd/buildkitd/config/gcpolicy.go`` does (go-units RAMInBytes, Go durations, whole seconds); defaults are those of
``setDefaultConfig`` in ``cmd/buildkitd/main.go``, ``util/appdefaults`` and ``main_containerd_worker.go`` (v0.32.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from analyzer.intent.conformance import print_path
from analyzer.intent.hosts import is_local, mask_credentials, read_mirror
from analyzer.intent.places import Path, Place, below
from analyzer.intent.schema import key_at
from analyzer.intent.versions import Version
from analyzer.limits import LIMITS
from analyzer.redaction import Redactor
from analyzer.secretforms import kind_of_key
from analyzer.tables.urls import DOCKER_HUB

if TYPE_CHECKING:
    from analyzer.intent.config import Config

Settings = dict[Path, "Setting"]

ENTITLEMENTS: Final[Path] = ("insecure-entitlements",)
CNI_PATHS: Final = ("cniConfigPath", "cniBinaryPath")

_DEFAULTS: Final[dict[Path, object]] = {
    ("root",): "/var/lib/buildkit",
    ("log", "format"): "text",
    ("grpc", "address"): ("unix:///run/buildkit/buildkitd.sock",),
    ("otel", "socketPath"): "/run/buildkit/otel-grpc.sock",
    ("cdi", "specDirs"): ("/etc/cdi", "/var/run/cdi", "/etc/buildkit/cdi"),
    ("frontend", "dockerfile.v0", "enabled"): True,
    ("frontend", "gateway.v0", "enabled"): True,
    ("worker", "*", "gc"): True,
    ("worker", "oci", "snapshotter"): "auto",
    ("worker", "*", "networkMode"): "auto",
    ("worker", "*", "cniConfigPath"): "/etc/buildkit/cni.json",
    ("worker", "*", "cniBinaryPath"): "/opt/cni/bin",
    ("worker", "*", "bridgeName"): "buildkit0",
    ("worker", "*", "bridgeSubnet"): "10.10.0.0/16",
    ("worker", "containerd", "address"): "/run/containerd/containerd.sock",
    ("worker", "containerd", "namespace"): "buildkit",
}
_ZERO_COUNTS: Final = frozenset({"enabled", "gc", "uid", "gid", "platformsCacheMaxAge"})
"""Pointers in BuildKit's config.go: false or 0 is not the same as nothing."""

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


@dataclass(frozen=True)
class Setting:
    """A setting that a configuration states.

    Attributes:
        path: Its path, in the schema's spelling.
        value: Its value as read.
        place: Where it was written.
    """

    path: Path
    value: Any
    place: Place | None

    @property
    def is_flag(self) -> bool:
        """A flag or a variable says so, not the file."""
        return self.place is not None and self.place.source == "flag"


def settings_of(config: Config) -> Settings:
    """Every setting that a configuration states, down to the leaves; an array of texts is one leaf."""
    found = {path: Setting(path, value, below(config.places, path)) for path, value in leaves(config.values)}
    if config.kind != "dockerd":
        return found
    apart: Settings = {}
    for path, setting in found.items():
        if path != ("insecure-registries",):
            apart[path] = setting
            continue
        for index, name in enumerate(setting.value):
            apart[(*path, name)] = Setting((*path, name), True, below(config.places, (*path, index)))
    return apart


def registry_settings_of(config: Config) -> Settings:
    """The registries of a configuration of either daemon, as a buildkitd.toml would state them."""
    found: Settings = {}
    for name, section in config.registries.items():
        stated = {"mirrors": list(section.mirrors), "http": section.http, "insecure": section.insecure}
        for key, value in stated.items():
            if value not in (None, []):
                path = ("registry", name, key)
                found[path] = Setting(path, value, section.place_of(key))
    return found


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The values below a value, tables and arrays of tables opened."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif value is not None:
        yield path, value


def meaning(setting: Setting | None, version: Version) -> object:
    """What BuildKit makes of a setting, to be compared; None for nothing and for what is the default.

    Args:
        setting: The setting, None where there is none.
        version: BuildKit's version.
    """
    if setting is None:
        return None
    path, value = setting.path, setting.value
    if path[-1] in CNI_PATHS and value == "" and setting.is_flag:
        return ""  # the flag that empties the path (flags.py): no default takes its place
    read = _read(path, value, version)
    default = _DEFAULTS.get(path, _DEFAULTS.get((path[0], "*", *path[2:])))
    if read == default and type(read) is type(default):
        return None
    counts = path[-1] in _ZERO_COUNTS or (
        path[0] == "registry" and path[-1] == "http" and is_local(str(path[1]))
    )
    if not counts and read in ("", (), frozenset(), False, 0):
        return None
    return read


def _read(path: Path, value: Any, version: Version) -> object:
    name = path[-1]
    if isinstance(value, list):
        texts = [str(item) for item in value]
        if path == ENTITLEMENTS:
            return frozenset(texts)
        if path[0] == "registry" and name == "mirrors":
            return tuple(read_mirror(text, version)[:2] for text in texts)
        if path == ("registry-mirrors",):
            return tuple(_host_of_url(text) for text in texts)
        return tuple(texts)
    key = key_at(path)
    if key is not None and key.type == "size":
        return read_size(value)
    if key is not None and key.type == "duration":
        return read_duration(value)
    return value


def _host_of_url(text: str) -> str:
    return text.rpartition("://")[2].partition("/")[0].rpartition("@")[2]


def read_size(value: object) -> object:
    """A disk space in bytes, a percentage as text; what is neither comes back as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip('"')
    if not text:
        return 0
    found = re.fullmatch(r"(\d{1,20}(?:\.\d{0,20})?) ?([kmgtpKMGTP]?)(?:[iI]?[bB])?", text)
    if found is None:
        return text
    power = "kmgtp".find(found[2].lower()) + 1 if found[2] else 0
    return int(Fraction(found[1].rstrip(".")) * 1024**power)


def read_duration(value: object) -> object:
    """A duration in nanoseconds; what is none comes back as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 10**9
    if not isinstance(value, str):
        return value
    text = value.strip('"')
    sign = -1 if text.startswith("-") else 1
    bare = text.lstrip("+-")
    if not bare:
        return 0
    if re.fullmatch(r"\d{1,20}", bare):
        return sign * int(bare) * 10**9
    parts = re.findall(r"(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(ns|us|µs|μs|ms|s|m|h)", bare)
    if "".join(number + unit for number, unit in parts) != bare:
        return text
    total = sum(Fraction("0" + number.rstrip(".")) * _NANOSECONDS[unit] for number, unit in parts)
    return sign * int(total)


class Words:
    """Settings in words for people, without secrets."""

    def __init__(self) -> None:
        self._redactor = Redactor()

    def value(self, setting: Setting | None) -> str | None:
        """A value as text; None where nothing is stated."""
        if setting is None:
            return None
        path, value = setting.path, setting.value
        if key_at(path) is None and kind_of_key(str(path[-1])) is not None:
            return "***"  # a name of the user's own that tells of a secret: a label, an option of a runtime
        if isinstance(value, list):
            return self._short(", ".join(self._text(path, str(item)) for item in value))
        if isinstance(value, bool):
            return "true" if value else "false"
        return self._short(self._text(path, str(value)))

    def where(self, place: Place | None) -> str:
        """A place as ``file:line``, or the flag."""
        if place is None:
            return ""
        file = self._redactor.text(place.file)
        return file if place.line is None else f"{file}:{place.line}"

    def file(self, place: Place | None) -> str | None:
        """The file of a place, or the flag."""
        return None if place is None else self._redactor.text(place.file)

    @staticmethod
    def setting(path: Path) -> str:
        """A setting as TOML writes it."""
        return print_path(_shown(path))

    @staticmethod
    def subject(path: Path) -> str:
        """What the rules call the thing that a setting belongs to."""
        match path:
            case ("registry", str() as name, *_):
                return f"registry {mask_credentials(name)}"
            case ("registry-mirrors",):
                return f"registry {DOCKER_HUB}"
            case ("insecure-registries", str() as name):
                # a network in CIDR notation is no registry
                bare = name.rpartition("://")[2]
                return "insecure-registries" if "/" in bare else f"registry {mask_credentials(bare)}"
            case ("worker", str() as executor, *_):
                return f"worker {executor}"
            case _:
                return str(path[0])

    def _text(self, path: Path, text: str) -> str:
        if path[-1] == "mirrors" or path[0] == "registry-mirrors":
            text = mask_credentials(text)
        return self._redactor.text(text)

    @staticmethod
    def _short(text: str) -> str:
        return text if len(text) <= LIMITS.error_text else text[: LIMITS.error_text - 3] + "..."


def _shown(path: Path) -> Path:
    if len(path) > 1 and path[0] in ("registry", "insecure-registries"):
        return (path[0], mask_credentials(str(path[1])), *path[2:])
    return path
