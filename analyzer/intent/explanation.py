"""A person's question answered: which hosts will BuildKit ask for this image, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analyzer.intent.references import parse_reference

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.hosts import Host
    from analyzer.intent.model import KeyPair
    from analyzer.intent.places import Place

Security = Literal["tls", "tls-unverified", "plain", "tls-unverified-then-plain"]

PLACEHOLDER: Final = "sha256:<digest>"
"""Stands for the digest of a blob, which only the manifest tells."""


@dataclass(frozen=True)
class Explanation:
    """What BuildKit does at one host, if it comes to it.

    Attributes:
        host: The host, with its place in the order and its notes.
        manifest_url: The URL of the manifest, as a log would show it.
        blob_url: The URL of a blob.
        security: ``tls``, ``tls-unverified``, ``plain`` or ``tls-unverified-then-plain``.
        trust: Files and folders trusted beside the system's authorities.
        keypairs: Client certificates on offer.
        namespace: The value of ``ns=``, which only mirrors are sent.
        listed_at: Where the host is named; None for a default.
        settings_at: The section that gives its http, insecure and certificates; None where there is none.
        notes: What else should be known.
    """

    host: Host
    manifest_url: str
    blob_url: str
    security: Security
    trust: tuple[str, ...]
    keypairs: tuple[KeyPair, ...]
    namespace: str | None
    listed_at: Place | None
    settings_at: Place | None
    notes: tuple[str, ...]


def explain(config: Config, reference: str, version: str | None = None) -> list[Explanation]:
    """Explain which hosts are asked for an image, in order: each one only when those before it failed.

    Args:
        config: The configuration.
        reference: An image reference: ``alpine:3.20``.
        version: BuildKit's version; the newest where None.

    Raises:
        UsageError: The text is no reference.
    """
    image = parse_reference(reference)
    blob = PLACEHOLDER
    return [
        Explanation(
            host=host,
            manifest_url=host.manifest_url(image.repository, image.object),
            blob_url=host.blob_url(image.repository, blob),
            security=_security(host),
            trust=host.trust,
            keypairs=host.keypairs,
            namespace=host.namespace,
            listed_at=host.listed_at,
            settings_at=host.settings_at,
            notes=host.notes,
        )
        for host in config.registry_hosts(image.registry, version)
    ]


def _security(host: Host) -> Security:
    if host.scheme == "http":
        return "plain"
    if host.scheme == "https-then-http":
        return "tls-unverified-then-plain"
    return "tls-unverified" if host.insecure else "tls"
