"""Certificates and keys out of the bytes of a file, as BuildKit would find them; private keys leave nothing.

What counts as a block is decided as Go's ``encoding/pem`` decides it (Decode in ``pem.go``): a line that
starts with ``-----BEGIN``, headers, base64, an END line of the same words. What Go passes over without a word, and a
person takes for a certificate, is kept as a block with a fault. Of a private key only the public half is kept.
"""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from analyzer.limits import LIMITS
from analyzer.sources.surroundings import CertificateFile, PemBlock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MOST_BLOCKS: Final = 1024
"""Blocks that are read of a file; all system authorities are some 150."""

_KEY_BYTES: Final = 16 << 10
"""A key larger than this is no key: RSA of 16384 bits needs 10 KiB."""

CERTIFICATE: Final = "CERTIFICATE"
PUBLIC_KEY: Final = "PUBLIC KEY"

FAULTS: Final = {
    "broken": "BuildKit does not see it: its BEGIN or END line or its base64 is broken",
    "damaged": "what it holds cannot be read",
    "encrypted": "the key is encrypted, and BuildKit asks for no password",
    "headers": "it has PEM headers, and BuildKit passes such a certificate over",
    "unsupported": "it is of a kind that Go does not know",
    "openssh": "the key is in OpenSSH's own format, which Go does not load for TLS",
    "other": "it is neither a certificate nor a key",
}
"""What can be wrong with a block, in words."""

OTHER_KINDS: Final = {
    "utf-16": "it is text in UTF-16, and BuildKit reads PEM in plain text only",
    "der-certificate": "it is a certificate in DER, and BuildKit reads PEM only",
    "der-key": "it is a private key in DER, and BuildKit reads PEM only",
    "der": "it is DER, such as PKCS #12 or PKCS #7, and BuildKit reads PEM only",
}
"""What a file without a block may be: its `error`, so that people are told."""

_WITH_PUBLIC: Final = frozenset({"", "headers", "unsupported"})
"""Faults of blocks that have a public part all the same."""

_LABELS: Final = frozenset(
    {
        CERTIFICATE,
        PUBLIC_KEY,
        "TRUSTED CERTIFICATE",
        "X509 CERTIFICATE",
        "ATTRIBUTE CERTIFICATE",
        "CERTIFICATE REQUEST",
        "NEW CERTIFICATE REQUEST",
        "X509 CRL",
        "PKCS7",
        "CMS",
        "EC PARAMETERS",
        "DH PARAMETERS",
        "DSA PARAMETERS",
        "RSA PUBLIC KEY",
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ANY PRIVATE KEY",
    }
)
"""The labels that are kept as they are. Another could hold anything, parts of a key too."""

_OTHER_KEY: Final = "ANY PRIVATE KEY"
_OTHER: Final = "UNKNOWN"

_BEGIN = re.compile(rb"^-----BEGIN ([^\n]*)\n?", re.M)
_INDENTED = re.compile(rb"^(?:[ \t]+|\xef\xbb\xbf)-----BEGIN ([ -~]{1,40}?)-----", re.M)
"""After blanks or a byte order mark: Go does not see the line."""

_CURVES: Final = frozenset({"secp224r1", "secp256r1", "secp384r1", "secp521r1"})
"""The curves of Go's crypto/x509."""


def read_pem(
    path: str, content: bytes, *, size: int | None = None, modified: datetime | None = None
) -> CertificateFile:
    """Find certificates and keys in the bytes of a file.

    Args:
        path: Where the daemon looks for it.
        content: Its bytes, or the first of them.
        size: How many it has, where `content` is not all of it.
        modified: When it was last written.

    Returns:
        The file with its blocks, without a byte of a private key. Whatever the bytes are, nothing is raised. A
        file of another kind has no block, and its `error` names the kind where it can be told.
    """
    blocks = tuple(_take(content[: LIMITS.given_file_bytes]))
    return CertificateFile(
        path,
        exists=True,
        error=None if blocks else _kind_of(content[: LIMITS.given_file_bytes]),
        size=len(content) if size is None else size,
        blocks=blocks,
        modified=modified,
    )


def public_pem(file: CertificateFile) -> str:
    """The public parts of a file as PEM: certificates, and the public halves of its keys.

    Together with `labels` it is all that `restore` needs.
    """
    parts = []
    for block in file.blocks:
        if block.public is not None:
            label = CERTIFICATE if block.label == CERTIFICATE else PUBLIC_KEY
            body = base64.encodebytes(block.public).decode().replace("\n", "")
            lines = [body[start : start + 64] for start in range(0, len(body), 64)]
            parts.append("\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")))
    return "".join(parts)


def labels(file: CertificateFile) -> tuple[str, ...]:
    """What `restore` must know of each block beside its public part: ``EC PRIVATE KEY``, ``CERTIFICATE: damaged``."""
    return tuple(f"{block.label}: {block.fault}" if block.fault else block.label for block in file.blocks)


def restore(
    path: str,
    labels: Sequence[str],
    text: str,
    *,
    exists: bool | None = True,
    error: str | None = None,
    size: int | None = None,
    modified: datetime | None = None,
) -> CertificateFile:
    """A file again, from what `labels` and `public_pem` gave.

    Args:
        path: Where the daemon looks for it.
        labels: One a block.
        text: The public parts.
        exists: As it was.
        error: As it was.
        size: As it was.
        modified: As it was.

    Returns:
        A file equal to the first one. A block whose public part is not in the text, or is no certificate or public
        key, is ``damaged``; private keys in the text are not taken.
    """
    known = [
        block
        for block in _take(text.encode(errors="replace")[: LIMITS.given_file_bytes])
        if block.public is not None
    ]
    waiting = iter([block for block in known if not block.is_private_key])
    blocks = []
    for written in labels[:MOST_BLOCKS]:
        label, _, fault = str(written).partition(": ")
        label = _plain_label(label)
        if fault not in _WITH_PUBLIC:
            blocks.append(PemBlock(label, None, fault if fault in FAULTS else "damaged"))
            continue
        block = next(waiting, None)
        if block is None or (block.label == CERTIFICATE) != (label == CERTIFICATE):
            blocks.append(PemBlock(label, None, "damaged"))
        else:
            blocks.append(PemBlock(label, block.public, fault or None))
    return CertificateFile(path, exists, error, size, tuple(blocks), modified)


def _take(data: bytes) -> Iterator[PemBlock]:
    for number, (label, headers, body) in enumerate(_decode(data)):
        if number == MOST_BLOCKS:
            return
        yield _block(label, headers, body)


def _block(label: str, headers: bool, body: bytes | None) -> PemBlock:
    """The public part of what a block holds."""
    if body is None:
        return PemBlock(label, None, "broken")
    if label == CERTIFICATE:
        certificate, fault = _certificate(body)
        return PemBlock(label, certificate, fault or ("headers" if headers else None))
    if label.endswith("PRIVATE KEY"):
        # Go looks neither at the label nor at headers: what is encrypted is to it what cannot be parsed
        public, fault = _public_half(body)
        if public is None and (headers or label == "ENCRYPTED PRIVATE KEY"):
            fault = "encrypted"
        elif public is None and label == "OPENSSH PRIVATE KEY":
            fault = "openssh"
        return PemBlock(label, public, fault)
    if label.endswith(PUBLIC_KEY):
        half = _public_key(body)
        return PemBlock(label, half, None if half else "damaged")
    return PemBlock(label, None, "other")


def _decode(data: bytes) -> Iterator[tuple[str, bool, bytes | None]]:
    """Label, whether there are headers, and content of each block; no content of one that Go does not see."""
    ends = _Ends(data)
    at = 0
    while begin := _BEGIN.search(data, at):
        yield from _hidden(data, at, begin.start())
        at = begin.end()
        words = _line(begin[1])
        if not words.endswith(b"-----"):
            yield _label(words), False, None
            continue
        written = words.removesuffix(b"-----")
        headers = False
        while at < len(data):
            stop = data.find(b"\n", at)
            stop = len(data) if stop < 0 else stop
            if data.find(b":", at, stop) < 0:
                break
            headers = True
            at = stop + 1
        end = ends.after(at, at_once=not headers)
        body = None
        if end >= 0:
            trailer = data[end + len(b"-----END ") : end + len(b"-----END ") + len(written) + 80]
            last, _, _ = trailer.partition(b"\n")
            if _line(last) == written + b"-----":
                body = _base64(data, at, end)
        yield _label(written), headers, body
        if body is not None:
            stop = data.find(b"\n", end)
            at = len(data) if stop < 0 else stop + 1
    yield from _hidden(data, at, len(data))


class _Ends:
    """The next END line, found once: a file of many BEGIN lines must not be searched to its end for each."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._next = 0

    def after(self, at: int, *, at_once: bool) -> int:
        """Where the first END line from `at` on starts, -1 for none; without `at_once` not at `at` itself."""
        first = at if at_once else at + 1
        if 0 <= self._next < first:
            if at_once and self._data.startswith(b"-----END ", at):
                self._next = at
            else:
                found = self._data.find(b"\n-----END ", at)
                self._next = found + 1 if found >= 0 else -1
        return self._next


def _hidden(data: bytes, start: int, stop: int) -> Iterator[tuple[str, bool, None]]:
    """What looks like a block between two places, and is none since its BEGIN does not start a line."""
    for found in _INDENTED.finditer(data, start, stop):
        yield _label(found[1]), False, None


def _line(line: bytes) -> bytes:
    return line.removesuffix(b"\r").rstrip(b" \t")


def _label(words: bytes) -> str:
    return _plain_label(words.partition(b"--")[0].decode("ascii", "replace"))


def _plain_label(label: str) -> str:
    if label in _LABELS:
        return label
    return _OTHER_KEY if label.endswith("PRIVATE KEY") else _OTHER


def _base64(data: bytes, start: int, stop: int) -> bytes | None:
    if data.find(b"-", start, stop) >= 0:
        return None  # the usual reason, and found without copying what may be megabytes
    try:
        return binascii.a2b_base64(data[start:stop].translate(None, b" \t\r\n"), strict_mode=True)
    except ValueError:
        return None


def _certificate(body: bytes) -> tuple[bytes | None, str | None]:
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x509.load_der_x509_certificate(body)
    except Exception:
        return None, "damaged"
    return body, None


def _public_half(body: bytes) -> tuple[bytes | None, str | None]:
    """The public half of a private key, and its fault. Nothing of the key stands in what leaves this function."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if len(body) > _KEY_BYTES:
        return None, "damaged"
    try:
        # the library's own check would look for primes, for minutes in a key made for that
        key = load_der_private_key(body, None, unsafe_skip_rsa_key_validation=True)
        fault = _fault_of_key(key)
        return (None if fault == "damaged" else _public_bytes(key.public_key())), fault
    except TypeError:
        return None, "encrypted"
    except Exception:
        return None, "damaged"


def _fault_of_key(key: PrivateKeyTypes) -> str | None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        # as Go's Validate (crypto/rsa/rsa.go): the parts must fit together, or the key is refused
        numbers = key.private_numbers()
        p, q, exponent = numbers.p, numbers.q, numbers.d * numbers.public_numbers.e
        fits = p * q == numbers.public_numbers.n and exponent % (p - 1) == 1 and exponent % (q - 1) == 1
        return None if fits else "damaged"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return None if key.curve.name in _CURVES else "unsupported"
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else "unsupported"


def _public_key(body: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return _public_bytes(load_der_public_key(body))
    except Exception:
        return None


def _public_bytes(key: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return made


def _kind_of(content: bytes) -> str | None:
    """What a file without a block is, where its first bytes tell."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) and b"-\0-\0-\0" in content:
        return OTHER_KINDS["utf-16"]
    if content[:1] != b"\x30":
        return None
    if _certificate(content)[0] is not None:
        return OTHER_KINDS["der-certificate"]
    if _public_half(content)[0] is not None:
        return OTHER_KINDS["der-key"]
    # the length of anything longer than 127 bytes has its highest bit set, which a text has not
    return OTHER_KINDS["der"] if content[1:2] >= b"\x80" else None
