"""Certificate authorities and key pairs of a test's own, and every form in which a private key could get out."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key.

    Attributes:
        certificate: PEM.
        key: PEM, PKCS 8.
        der: The key once more, without PEM's armour.
        scalar: The secret number itself.
        public: DER of the public half, which is no secret.
    """

    certificate: bytes
    key: bytes
    der: bytes
    scalar: bytes
    public: bytes

    def traces(self) -> list[bytes]:
        """What must never be found anywhere: the key's lines, its bytes, and both in other clothes."""
        body = [line for line in self.key.splitlines() if line and not line.startswith(b"-----")]
        # the last line of an EC key holds nothing but public bytes, which a certificate may show as well
        lines = [line for line in body if base64.b64decode(line) not in self.public]
        whole = base64.b64encode(self.der)
        return [
            *lines,
            self.der,
            whole,
            base64.urlsafe_b64encode(self.der),
            self.der.hex().encode(),
            self.scalar,
            self.scalar.hex().encode(),
            self.scalar.hex().upper().encode(),
            base64.b64encode(self.scalar).rstrip(b"="),
            str(int.from_bytes(self.scalar)).encode(),
        ]


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    certificate: bytes
    _key: ec.EllipticCurvePrivateKey
    _name: x509.Name

    @classmethod
    def make(cls, name: str) -> Authority:
        """An authority that signs for itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        signed = (
            _build(subject, subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(signed.public_bytes(serialization.Encoding.PEM), key, subject)

    def issue(self, *hosts: str) -> KeyPair:
        """A key pair for a server with these names or addresses, and for a client as well."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            _build(_named(hosts[0]), self._name, key)
            .add_extension(
                x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
            )
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return KeyPair(
            signed.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM, *form),
            key.private_bytes(serialization.Encoding.DER, *form),
            key.private_numbers().private_value.to_bytes(32),
            key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _build(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    # captured logs carry the dates of their runs, so the certificates are good long before and after today
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
    )
