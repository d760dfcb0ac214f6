"""What a certificate says, read as Go's ``crypto/x509`` reads it; a broken one says what it can.

Rules named here are those of its ``verify.go`` and ``x509.go``; Go's own name of each stands beside it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as Parsed
    from cryptography.x509 import ExtensionType

T = TypeVar("T")

_TEXT: Final = 400
"""Characters that are kept of a name: a certificate's own is as long as its maker likes."""

_CURVES: Final = frozenset({"secp224r1", "secp256r1", "secp384r1", "secp521r1"})
_WEAK: Final = frozenset({"md2", "md4", "md5", "sha1"})
"""Hashes of signatures that Go refuses: MD5 always, SHA-1 since 1.18 (its release notes)."""

_SERVER, _CLIENT, _ANY = "serverAuth", "clientAuth", "anyExtendedKeyUsage"
_USAGES: Final = {
    "1.3.6.1.5.5.7.3.1": _SERVER,
    "1.3.6.1.5.5.7.3.2": _CLIENT,
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": _ANY,
}


@dataclass(frozen=True)
class Certificate:
    """A certificate, read.

    Attributes:
        der: Its bytes.
        sha256: Their fingerprint, in small hexadecimal digits.
        subject: Whose it is, as RFC 4514 writes it.
        issuer: Who signed it.
        names: DNS names and addresses that it is valid for, by its subject alternative names.
        common_name: The subject's; Go takes it for no name since 1.15.
        not_before: Valid from; None where it cannot be read.
        not_after: Valid until.
        version: 1 or 3.
        is_ca: Its basic constraints say that it may sign others; None where it has none.
        key_usage: What its key may do: ``keyCertSign``; empty where it says nothing.
        usages: What it is for: ``serverAuth``; empty where it says nothing.
        self_signed: Subject and issuer are one, and its own key signed it.
        signature: The hash of its signature, such as ``sha256``; None where it has none.
        key: Kind and size of its key: ``RSA 2048``; None where it cannot be read.
        public: Its key (SubjectPublicKeyInfo, DER); None where it cannot be read.
        supported: Go knows the kind of its key.
        fault: What of it cannot be read: Go refuses such a certificate as a rule.
    """

    der: bytes
    sha256: str
    subject: str | None = None
    issuer: str | None = None
    names: tuple[str, ...] = ()
    common_name: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    version: int = 3
    is_ca: bool | None = None
    key_usage: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()
    self_signed: bool = False
    signature: str | None = None
    key: str | None = None
    public: bytes | None = None
    supported: bool = True
    fault: str | None = None

    @property
    def signs(self) -> bool:
        """Go takes it for one that may sign others (``CheckSignatureFrom``): version 1 says nothing, and may."""
        constrained = self.is_ca if self.is_ca is not None else self.version < 3
        return constrained and (not self.key_usage or "keyCertSign" in self.key_usage)

    @property
    def weakly_signed(self) -> bool:
        """Go refuses the hash of its signature. Of what is trusted by itself the signature is not looked at."""
        return self.signature in _WEAK

    @property
    def serves(self) -> bool:
        """It may be a server's, or sign those of servers, by what it says it is for."""
        return self._is_for(_SERVER)

    @property
    def presents(self) -> bool:
        """It may be a client's, by what it says it is for."""
        return self._is_for(_CLIENT)

    def _is_for(self, usage: str) -> bool:
        return not self.usages or usage in self.usages or _ANY in self.usages

    def is_for_host(self, host: str) -> bool:
        """Whether it is valid for a host, as Go's ``VerifyHostname`` decides: by alternative names only.

        Args:
            host: Name or address, with or without a port.
        """
        name = host_name(host)
        address = _address(name)
        if address is not None:
            return any(_address(one) == address for one in self.names)
        wanted = name.lower().removesuffix(".")
        return any(_address(one) is None and _matches(one.lower(), wanted) for one in self.names)


def host_name(host: str) -> str:
    """The name or address of ``host:port``, as TLS asks for it."""
    if found := re.fullmatch(r"\[([^\]]*)\](?::\d*)?", host):
        return found[1]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _matches(pattern: str, wanted: str) -> bool:
    # A star stands for one whole label, the first (matchHostnames).
    parts, labels = pattern.split("."), wanted.split(".")
    if not pattern or not wanted or len(parts) != len(labels) or "" in labels:
        return False
    return all(
        part == label or (part == "*" and not place)
        for place, (part, label) in enumerate(zip(parts, labels, strict=True))
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_certificate(der: bytes) -> Certificate | None:
    """Read a certificate.

    Args:
        der: Its bytes.

    Returns:
        What it says. None where it is no certificate at all; where only a part of it cannot be read, that part is
        left out and `fault` says so. Nothing is raised.
    """
    from cryptography import x509

    with warnings.catch_warnings():
        # small faults, such as a serial number of zero
        warnings.simplefilter("ignore")
        try:
            parsed = x509.load_der_x509_certificate(der)
        except Exception:
            return None
        return _Reading(parsed).certificate(der)


def is_signed_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether an authority's key signed a certificate; false too where that cannot be found out."""
    from cryptography import x509

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            child = x509.load_der_x509_certificate(certificate.der)
            child.verify_directly_issued_by(x509.load_der_x509_certificate(authority.der))
        except Exception:
            return False
    return True


class _Reading:
    """One certificate, part by part: a part that cannot be read does not take the others with it."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._faults: list[str] = []

    def certificate(self, der: bytes) -> Certificate:
        from cryptography import x509

        parsed = self._parsed
        constraints: Any = self._extension("basic constraints", x509.BasicConstraints)
        key_usage: Any = self._extension("key usage", x509.KeyUsage)
        usages: Any = self._extension("extended key usage", x509.ExtendedKeyUsage)
        alternatives: Any = self._extension("alternative names", x509.SubjectAlternativeName)
        public, key, supported = self._try("key", self._key) or (None, None, True)
        algorithm = self._quietly(lambda: parsed.signature_hash_algorithm)
        return Certificate(
            der=der,
            sha256=hashlib.sha256(der).hexdigest(),
            subject=self._try("subject", lambda: _cut(parsed.subject.rfc4514_string())),
            issuer=self._try("issuer", lambda: _cut(parsed.issuer.rfc4514_string())),
            names=self._try("alternative names", lambda: _names(alternatives)) or (),
            common_name=self._quietly(self._common_name),
            not_before=self._try("dates", lambda: parsed.not_valid_before_utc.astimezone(UTC)),
            not_after=self._try("dates", lambda: parsed.not_valid_after_utc.astimezone(UTC)),
            version=parsed.version.value + 1,
            is_ca=None if constraints is None else bool(constraints.ca),
            key_usage=() if key_usage is None else _key_usage(key_usage),
            usages=() if usages is None else tuple(_usage(one.dotted_string) for one in usages),
            self_signed=bool(self._quietly(self._self_signed)),
            signature=algorithm.name if algorithm else None,
            key=key,
            public=public,
            supported=supported,
            fault=f"its {self._faults[0]} cannot be read" if self._faults else None,
        )

    def _try(self, part: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Exception:
            self._faults.append(part)
            return None

    def _quietly(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Exception:
            return None

    def _extension(self, part: str, kind: type[ExtensionType]) -> ExtensionType | None:
        from cryptography.x509 import ExtensionNotFound

        def read() -> ExtensionType | None:
            try:
                return self._parsed.extensions.get_extension_for_class(kind).value
            except ExtensionNotFound:
                return None

        return self._try(part, read)

    def _common_name(self) -> str | None:
        from cryptography.x509.oid import NameOID

        named = self._parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return _cut(str(named[0].value)) if named else None

    def _self_signed(self) -> bool:
        if self._parsed.subject.public_bytes() != self._parsed.issuer.public_bytes():
            return False
        self._parsed.verify_directly_issued_by(self._parsed)
        return True

    def _key(self) -> tuple[bytes, str, bool]:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = self._parsed.public_key()
        public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if isinstance(key, rsa.RSAPublicKey):
            return public, f"RSA {key.key_size}", True
        if isinstance(key, ec.EllipticCurvePublicKey):
            return public, f"ECDSA {key.curve.name}", key.curve.name in _CURVES
        kind = type(key).__name__.removesuffix("PublicKey")
        return public, kind.removeprefix("_"), isinstance(key, ed25519.Ed25519PublicKey)


def _names(alternatives: Any) -> tuple[str, ...]:
    from cryptography import x509

    if alternatives is None:
        return ()
    names: list[str] = [_cut(name) for name in alternatives.get_values_for_type(x509.DNSName)]
    names += [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    return tuple(names)


def _key_usage(usage: Any) -> tuple[str, ...]:
    kinds = {
        "digitalSignature": usage.digital_signature,
        "nonRepudiation": usage.content_commitment,
        "keyEncipherment": usage.key_encipherment,
        "dataEncipherment": usage.data_encipherment,
        "keyAgreement": usage.key_agreement,
        "keyCertSign": usage.key_cert_sign,
        "cRLSign": usage.crl_sign,
    }
    return tuple(name for name, stated in kinds.items() if stated)


def _usage(oid: str) -> str:
    return _USAGES.get(oid, oid)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
