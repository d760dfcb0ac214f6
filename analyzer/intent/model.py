"""What a registry's and a worker's section say, with the place of every word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from analyzer.intent.places import Path, Place, below

Executor = Literal["oci", "containerd"]

EXECUTORS: Final[tuple[Executor, ...]] = ("oci", "containerd")
NETWORK_MODES: Final = ("auto", "host", "cni", "bridge")
"""A worker's network modes (``util/network/netproviders/network.go``); ``none`` is for RUN steps only."""


@dataclass(frozen=True)
class KeyPair:
    """A client certificate and its key, as files; an empty path where the file does not name one."""

    key: str
    cert: str


@dataclass(frozen=True)
class RegistryConfig:
    """The section ``[registry."<name>"]``.

    Attributes:
        name: The key, exactly as written: BuildKit looks it up by equality.
        mirrors: As written.
        http: Plain HTTP; None where not stated.
        insecure: TLS without verification; None where not stated.
        ca: Files of certificate authorities, trusted beside the system's own.
        keypair: Client certificates.
        tlsconfigdir: Folders with ``*.crt``, ``*.cert`` and ``*.key``.
        places: Places of the section's keys and elements, relative to it: ``("ca", 0)``.
        place: The section's own place.
    """

    name: str
    mirrors: tuple[str, ...] = ()
    http: bool | None = None
    insecure: bool | None = None
    ca: tuple[str, ...] = ()
    keypair: tuple[KeyPair, ...] = ()
    tlsconfigdir: tuple[str, ...] = ()
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False)
    place: Place | None = None

    def place_of(self, *path: str | int) -> Place | None:
        """Where a key or element of the section was written, or the nearest thing around it."""
        return below(self.places, path) or self.place

    @property
    def trusts_files(self) -> bool:
        """Whether the section names any certificate authority, key pair or folder of them."""
        return bool(self.ca or self.keypair or self.tlsconfigdir)


@dataclass(frozen=True)
class WorkerConfig:
    """The section ``[worker.oci]`` or ``[worker.containerd]``, flags merged in.

    Attributes:
        executor: ``oci`` or ``containerd``.
        enabled: None where BuildKit decides by itself.
        network_mode: As stated; None where not stated.
        cni_config_path: None where not stated. An empty text is stated by a flag only, and leaves no path.
        cni_binary_path: None where not stated.
        cni_pool_size: None where not stated.
        bridge_name: None where not stated.
        bridge_subnet: None where not stated.
        rootless: None where not stated.
        snapshotter: None where not stated.
        labels: The user's own labels.
        places: Places of the section's keys, relative to it.
        place: The section's own place; None where there is none.
    """

    executor: Executor
    enabled: bool | None = None
    network_mode: str | None = None
    cni_config_path: str | None = None
    cni_binary_path: str | None = None
    cni_pool_size: int | None = None
    bridge_name: str | None = None
    bridge_subnet: str | None = None
    rootless: bool | None = None
    snapshotter: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False)
    place: Place | None = None

    @property
    def network(self) -> str:
        """The network mode as BuildKit takes it: ``auto`` where none is stated."""
        return self.network_mode or "auto"

    @property
    def network_source(self) -> str:
        """Who says the network mode: ``default``, ``file`` or ``flag``."""
        place = self.places.get(("networkMode",))
        return place.source if place else "default"

    def place_of(self, *path: str | int) -> Place | None:
        """Where a key of the section was written, or the section itself."""
        return below(self.places, path) or self.place
