"""Which hosts BuildKit asks for a registry, in which order, and how.

Modelled on BuildKit's ``util/resolver/resolver.go`` and ``util/resolver/utils.go`` as of v0.9.3, v0.12.0
(mirrors read as URLs), v0.12.3 (``http`` with ``insecure`` one host instead of two), v0.14.0 and v0.32.2.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote

from analyzer.intent.model import KeyPair, RegistryConfig
from analyzer.tables.urls import DOCKER_HUB, DOCKER_HUB_HOST, upstream_host

if TYPE_CHECKING:
    from analyzer.intent.places import Place
    from analyzer.intent.versions import Version

Scheme = Literal["https", "http", "https-then-http"]

MIRRORS_ARE_URLS_SINCE: Final[Version] = (0, 12, 0)
"""Since then a mirror's text is read as a URL: its scheme is ignored, its path kept behind ``/v2``."""

ONE_HOST_SINCE: Final[Version] = (0, 12, 3)
"""Since then ``http`` with ``insecure`` is one host that falls back; before, two hosts."""

FALLS_BACK_ON_SILENCE_SINCE: Final[Version] = (0, 14, 0)
"""Since then that fallback also follows silence: of a handshake or, without a port, of a connection."""


@dataclass(frozen=True)
class Host:
    """A host that BuildKit asks for a registry.

    Attributes:
        registry: The registry it is asked for.
        name: ``host`` or ``host:port``.
        role: ``mirror`` or ``upstream``.
        position: Its place in the order, from 0.
        scheme: ``https-then-http``: HTTPS without verification first, plain HTTP when the answer is no TLS.
        path: What stands before the repository in a URL: ``/v2``, ``/v2/hub``.
        namespace: The value of ``ns=`` that its URLs carry, or None.
        trust: Files and folders of certificate authorities trusted beside the system's; empty for plain HTTP.
        keypairs: Client certificates that it is offered; those of a folder are not known.
        insecure: TLS without verification.
        pull: It is asked for manifests and blobs.
        push: It is pushed to; upstream only.
        reads: Every file that must be readable, used or not: one that is not fails the whole registry.
        listed_at: Where it is named as a mirror, or the registry's section; None for a default.
        settings_at: The section whose http, insecure and certificates count for it; None without one.
        notes: What a person should know about it.
    """

    registry: str
    name: str
    role: Literal["mirror", "upstream"]
    position: int
    scheme: Scheme
    path: str
    namespace: str | None
    trust: tuple[str, ...] = ()
    keypairs: tuple[KeyPair, ...] = ()
    insecure: bool = False
    pull: bool = True
    push: bool = False
    reads: tuple[str, ...] = ()
    listed_at: Place | None = None
    settings_at: Place | None = None
    notes: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """The notes as one text, or None."""
        return "; ".join(self.notes) or None

    @property
    def url_prefix(self) -> str:
        """What its URLs start with, as a log shows them: ``https://mirror.example.com/v2``.

        A host of scheme ``https-then-http`` is logged as https, whatever went over the wire.
        """
        return f"{'http' if self.scheme == 'http' else 'https'}://{self.name}{self.path}"

    def manifest_url(self, repository: str, reference: str) -> str:
        """The URL of a manifest by tag or digest."""
        return self._url(f"{repository}/manifests/{reference}")

    def blob_url(self, repository: str, digest: str) -> str:
        """The URL of a blob."""
        return self._url(f"{repository}/blobs/{digest}")

    def _url(self, rest: str) -> str:
        query = f"?ns={quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{self.url_prefix}/{rest}{query}"


Folders = Callable[[str], tuple[str, ...]]
"""Certificate folders that a daemon reads for a host without being told: dockerd does, buildkitd does not."""


def predict_hosts(
    registries: Mapping[str, RegistryConfig],
    registry: str,
    version: Version,
    *,
    folders: Folders = lambda host: (),
) -> tuple[Host, ...]:
    """The hosts for a registry, in the order in which they are asked.

    Args:
        registries: The sections, by key.
        registry: ``docker.io``, ``ghcr.io``; looked up by equality.
        version: BuildKit's version.
        folders: The certificate folders that go without saying.
    """
    section = registries.get(registry)
    hosts: list[Host] = []
    for index, text in enumerate(section.mirrors if section else ()):
        name, path, notes = read_mirror(text, version)
        # Before v0.12.0 the whole text is the key by which the mirror's own section is found.
        key = name if version >= MIRRORS_ARE_URLS_SINCE else text
        mirror = Host(
            registry=registry,
            name=name,
            role="mirror",
            position=0,
            scheme="https",
            path=path,
            namespace=registry if _is_proxy(key, registry) else None,
            listed_at=section.place_of("mirrors", index) if section else None,
            notes=notes,
        )
        hosts += _connect(mirror, registries.get(key), key, version, folders(name))
    upstream = Host(
        registry=registry,
        name=upstream_host(registry),
        role="upstream",
        position=0,
        scheme="https",
        path="/v2",
        namespace=None,
        push=True,
        listed_at=section.place if section else None,
    )
    hosts += _connect(upstream, section, upstream.name, version, folders(registry))
    shared = len(hosts) > 1
    hosts = [
        replace(host, position=position, notes=(*host.notes, *_shared_files(host, shared)))
        for position, host in enumerate(hosts)
    ]
    return tuple(hosts)


def read_mirror(text: str, version: Version) -> tuple[str, str, tuple[str, ...]]:
    """Read a mirror's text as BuildKit does.

    Args:
        text: ``mirror.example.com``, ``mirror.example.com:5000/hub``, ``https://mirror.example.com``.
        version: BuildKit's version.

    Returns:
        The host that is asked, the path before a repository, and notes.
    """
    if version < MIRRORS_ARE_URLS_SINCE:
        authority, slash, rest = text.partition("/")
        name = authority.rpartition("@")[2]
        if not slash:
            return name, "/v2", ()
        note = (
            f'BuildKit before v0.12.0 takes "{mask_credentials(text)}" as a host: it asks {name.rstrip(":")}'
        )
        return name.rstrip(":"), f"/{rest}/v2", (note,)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text)
    rest = text[scheme.end() :] if scheme else text.removeprefix("//")
    authority, path = re.fullmatch(r"([^/?#]*)([^?#]*).*", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    name = authority.rpartition("@")[2]
    if not name:
        return text, "/v2", (f'"{mask_credentials(text)}" names no host',)
    notes = (f"the scheme of {scheme[0]} is ignored",) if scheme else ()
    inner = unquote(path).strip("/")
    return name, posixpath.normpath(f"/v2/{inner}") if inner else "/v2", notes


def mask_credentials(text: str) -> str:
    """A mirror or registry as written, without user name, password and query; BuildKit does not use them."""
    text = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://|//)?[^/?#@]*@", r"\1***@", text)
    return re.sub(r"([?#]).+", r"\1***", text, flags=re.DOTALL)


def is_local(host: str) -> bool:
    """Whether a host is localhost or a loopback address: BuildKit speaks plain HTTP to it unless told not to.

    As ``MatchLocalhost`` in containerd's ``core/remotes/docker/registry.go``.
    """
    if host in ("::1", "[::1]"):
        return True
    name = host
    if found := re.fullmatch(r"\[([^\]]*)\]:(\d+)|([^:\[\]]*):(\d+)", host):
        name = found[1] if found[1] is not None else found[3]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_proxy(host: str, registry: str) -> bool:
    # containerd core/remotes/docker/registry.go, isProxy.
    return host != registry and not (registry == DOCKER_HUB and host == DOCKER_HUB_HOST)


def _connect(
    host: Host, section: RegistryConfig | None, dialled: str, version: Version, folders: tuple[str, ...]
) -> list[Host]:
    """Give a host its scheme and certificates; ``fillInsecureOpts`` in resolver.go."""
    own = section or RegistryConfig(host.name)
    plain = own.http if own.http is not None else is_local(dialled)
    insecure = bool(own.insecure)
    trust = (*own.ca, *own.tlsconfigdir, *folders)
    files = (*own.ca, *(file for pair in own.keypair for file in (pair.cert, pair.key)))
    notes = list(host.notes)
    if plain and own.http is None:
        notes.append(f"{host.name} is this machine: plain HTTP, unless http = false is stated")
    known = replace(host, reads=files, settings_at=section.place if section else None, notes=tuple(notes))
    secured = replace(known, trust=trust, keypairs=own.keypair, insecure=insecure)
    if not plain:
        return [secured]
    clear = replace(known, scheme="http", notes=(*notes, *_unused(own)))
    if not insecure:
        return [clear]
    if version < ONE_HOST_SINCE:
        return [clear, secured]
    when = "a TLS handshake is answered in plain HTTP"
    if version >= FALLS_BACK_ON_SILENCE_SINCE:
        when += " or not at all"
        if not re.search(r":\d+$", host.name):
            when += ", or the connection is refused or times out"
    return [replace(secured, scheme="https-then-http", notes=(*notes, f"plain HTTP when {when}"))]


def _unused(section: RegistryConfig) -> tuple[str, ...]:
    if not section.trusts_files:
        return ()
    return ("plain HTTP: its certificate files are read and not used",)


def _shared_files(host: Host, shared: bool) -> tuple[str, ...]:
    """One unreadable file fails a registry with all its hosts: resolver.go gives up the whole list."""
    if not shared or not host.reads:
        return ()
    return (f"if a certificate file of this host cannot be read, no host of {host.registry} is asked",)
