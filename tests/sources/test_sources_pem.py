from __future__ import annotations

import base64
import json
import pickle
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sources import pem as module
from analyzer.sources.pem import OTHER_KINDS, labels, public_pem, read_pem, restore
from analyzer.sources.surroundings import CertificateFile, PemBlock
from tests.certificates import key_of, make, private_der, private_pem, public_der

CA = make("Example CA")
LEAF = make("client", by=CA, ca=False)
PATH = "/etc/buildkit/certs/mirror.example.com/ca.pem"
ONE_LINE = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(CA.der) + b"\n-----END CERTIFICATE-----"
CUT = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
MOMENT = datetime(2026, 1, 5, tzinfo=UTC)


def blocks(content: bytes) -> list[tuple[str, str | None]]:
    return [(block.label, block.fault) for block in read_pem(PATH, content).blocks]


def again(file: CertificateFile) -> CertificateFile:
    return restore(
        file.path,
        labels(file),
        public_pem(file),
        exists=file.exists,
        error=file.error,
        size=file.size,
        modified=file.modified,
    )


def test_a_certificate() -> None:
    file = read_pem(PATH, CA.pem, modified=MOMENT)

    block = PemBlock("CERTIFICATE", CA.der)
    assert file == CertificateFile(PATH, True, None, len(CA.pem), (block,), MOMENT)


def test_the_size_of_a_file_cut_short_is_that_of_the_whole() -> None:
    assert read_pem(PATH, CA.pem, size=1 << 30).size == 1 << 30


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"not PEM\n", []),
        (CA.pem + LEAF.pem, [("CERTIFICATE", None)] * 2),
        (CA.pem.replace(b"\n", b"\r\n"), [("CERTIFICATE", None)]),
        (b"# the CA\n" + CA.pem + b"subject=client\n\n" + LEAF.pem + b"end", [("CERTIFICATE", None)] * 2),
        (CA.pem.rstrip(b"\n"), [("CERTIFICATE", None)]),
        (CA.pem.replace(b"-----\n", b"-----  \t\n"), [("CERTIFICATE", None)]),
        (b"\n\n" + CA.pem.replace(b"\n", b" \n"), [("CERTIFICATE", None)]),
        # in one long line of base64
        (ONE_LINE, [("CERTIFICATE", None)]),
        # what Go does not see
        (b"\xef\xbb\xbf" + CA.pem, [("CERTIFICATE", "broken")]),
        (b"\xef\xbb\xbf" + CA.pem + LEAF.pem, [("CERTIFICATE", "broken"), ("CERTIFICATE", None)]),
        (CA.pem.replace(b"\n", b"\n  ").replace(b"-----BEGIN", b"  -----BEGIN"), [("CERTIFICATE", "broken")]),
        (CA.pem.replace(b"\n", b"\\n"), [("CERTIFICATE", "broken")]),
        (CA.pem.replace(b"\n", b"\r"), [("CERTIFICATE", "broken")]),
        (CA.pem[:-40], [("CERTIFICATE", "broken")]),
        (CA.pem.replace(b"MII", b"M*I"), [("CERTIFICATE", "broken")]),
        (CA.pem.replace(b"END CERT", b"END TEST"), [("CERTIFICATE", "broken")]),
        (CA.pem[:200] + b"\n" + LEAF.pem, [("CERTIFICATE", "broken"), ("CERTIFICATE", None)]),
        (b"-----BEGIN CERTIFICATE----\n", [("CERTIFICATE", "broken")]),
        # what Go sees, and cannot take
        (CUT + CA.pem, [("CERTIFICATE", "damaged"), ("CERTIFICATE", None)]),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", [("CERTIFICATE", "damaged")]),
        (CA.pem.replace(b"-----\nMII", b"-----\nName: my CA\n\nMII"), [("CERTIFICATE", "headers")]),
        (CA.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), [("TRUSTED CERTIFICATE", "other")]),
        (CA.pem.replace(b"CERTIFICATE", b"MY OWN"), [("UNKNOWN", "other")]),
        # a paragraph that only speaks of it
        (b"# paste -----BEGIN CERTIFICATE----- here\n", []),
    ],
)  # fmt: skip
def test_blocks_are_those_of_go(content: bytes, found: list[tuple[str, str | None]]) -> None:
    assert blocks(content) == found


@pytest.mark.parametrize(
    ("kind", "form", "label"),
    [
        ("RSA", "PKCS1", "RSA PRIVATE KEY"),
        ("RSA", "PKCS8", "PRIVATE KEY"),
        ("EC", "SEC1", "EC PRIVATE KEY"),
        ("EC", "PKCS8", "PRIVATE KEY"),
        ("Ed25519", "PKCS8", "PRIVATE KEY"),
    ],
)
def test_of_a_key_the_public_half_is_kept(kind: str, form: str, label: str) -> None:
    key = key_of(kind)

    assert read_pem(PATH, private_pem(key, form)).blocks == (PemBlock(label, public_der(key)),)
    # Go goes by the content, whatever the label says
    odd = private_pem(key, form).replace(label.encode(), b"MY PRIVATE KEY")
    assert read_pem(PATH, odd).blocks == (PemBlock("ANY PRIVATE KEY", public_der(key)),)


def test_parameters_may_stand_before_a_key() -> None:
    content = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

    assert blocks(content + private_pem(key_of(), "SEC1")) == [
        ("EC PARAMETERS", "other"),
        ("EC PRIVATE KEY", None),
    ]


def spoilt_rsa() -> bytes:
    """An RSA key whose private exponent is not that of its primes."""
    der = bytearray(private_der(key_of("RSA"), "PKCS1"))
    exponent = key_of("RSA").private_numbers().d
    size = (exponent.bit_length() + 7) // 8
    at = bytes(der).index(exponent.to_bytes(size, "big"))
    der[at + size // 2] ^= 0x55
    return wrapped("RSA PRIVATE KEY", bytes(der))


def wrapped(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (private_pem(key_of("RSA"), "PKCS8", b"secret"), "encrypted"),
        (private_pem(key_of("RSA"), "PKCS1", b"secret"), "encrypted"),
        (private_pem(key_of("EC"), "SEC1", b"secret"), "encrypted"),
        (wrapped("PRIVATE KEY", private_der(key_of())[:-3]), "damaged"),
        (wrapped("PRIVATE KEY", b"junk" * 8000), "damaged"),
        (wrapped("PRIVATE KEY", b""), "damaged"),
        (spoilt_rsa(), "damaged"),
        (private_pem(key_of("Ed448")), "unsupported"),
        (private_pem(key_of("DSA")), "unsupported"),
        (private_pem(key_of("secp256k1")), "unsupported"),
        (private_pem(key_of())[:-20], "broken"),
        (
            key_of("Ed25519").private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            ),
            "openssh",
        ),
    ],
)
def test_keys_that_go_does_not_load(content: bytes, fault: str) -> None:
    (block,) = read_pem(PATH, content).blocks

    assert block.fault == fault
    assert block.is_private_key
    assert (block.public is not None) == (fault == "unsupported")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (CA.der, "der-certificate"),
        (private_der(key_of()), "der-key"),
        (private_der(key_of("RSA"), "PKCS1"), "der-key"),
        (b"\x30\x82\x0a\x00\x02\x01\x03" + b"x" * 64, "der"),
        ("﻿".encode("utf-16-le") + CA.pem.decode().encode("utf-16-le"), "utf-16"),
        ("﻿".encode("utf-16-be") + CA.pem.decode().encode("utf-16-be"), "utf-16"),
    ],
)
def test_what_is_no_pem_is_named(content: bytes, kind: str) -> None:
    file = read_pem(PATH, content)

    assert (file.blocks, file.error) == ((), OTHER_KINDS[kind])
    assert again(file) == file


@pytest.mark.parametrize("content", [b"", b"0", b"0 is a number", b"text", b"\xff\xfe"])
def test_what_is_nothing_known_is_not_named(content: bytes) -> None:
    assert read_pem(PATH, content) == CertificateFile(PATH, True, size=len(content))


@given(st.binary())
def test_any_bytes_can_be_read(content: bytes) -> None:
    file = read_pem(PATH, content)

    assert again(file) == file


PARTS = [
    CA.pem,
    LEAF.pem,
    CA.pem.replace(b"\n", b"\r\n"),
    private_pem(key_of("RSA"), "PKCS1"),
    private_pem(key_of(), "SEC1"),
    private_pem(key_of("Ed25519")),
    private_pem(key_of("Ed448")),
    private_pem(key_of("RSA"), "PKCS1", b"secret"),
    private_pem(key_of(), "PKCS8", b"secret"),
    wrapped("PUBLIC KEY", public_der(key_of())),
    wrapped("X509 CRL", b"crl"),
    CA.pem.replace(b"-----\nMII", b"-----\nName: my CA\n\nMII"),
    b"# a comment\n",
    b"\r\n",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"\xef\xbb\xbf",
    b"  ",
    b"\0\xff",
]
pieces = st.one_of(st.sampled_from(PARTS), st.binary(max_size=40))
damaged = st.tuples(st.sampled_from(PARTS), st.integers(0, 2000), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
)
contents = st.lists(st.one_of(pieces, damaged), max_size=6).map(b"".join)


@given(contents)
def test_the_public_parts_give_an_equal_file(content: bytes) -> None:
    file = read_pem(PATH, content, modified=MOMENT)

    assert again(file) == file
    # what was stored is plain text, and stays the same when stored again
    assert json.loads(json.dumps([labels(file), public_pem(file)])) == [list(labels(file)), public_pem(file)]
    assert public_pem(again(file)) == public_pem(file)


@given(st.lists(st.text(max_size=30), max_size=5), st.one_of(st.text(), contents.map(repr)))
def test_any_text_can_be_restored(written: list[str], text: str) -> None:
    assert len(restore(PATH, written, text).blocks) == len(written)


def test_what_is_missing_of_a_stored_file_is_damaged() -> None:
    file = read_pem(PATH, CA.pem + private_pem(key_of()))

    assert restore(PATH, labels(file), "").blocks == (
        PemBlock("CERTIFICATE", None, "damaged"),
        PemBlock("PRIVATE KEY", None, "damaged"),
    )
    # a key where a certificate should be, and a private key in a place of its public half
    swapped = restore(PATH, ["CERTIFICATE"], wrapped("PUBLIC KEY", public_der(key_of())).decode())
    assert swapped.blocks == (PemBlock("CERTIFICATE", None, "damaged"),)
    private = restore(PATH, ["PRIVATE KEY"], private_pem(key_of()).decode())
    assert private.blocks == (PemBlock("PRIVATE KEY", None, "damaged"),)


def test_a_large_file_is_read_to_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BLOCKS", 3)

    assert len(read_pem(PATH, CA.pem * 10).blocks) == 3


def test_a_file_of_begin_lines_is_not_searched_for_each() -> None:
    # each line alone would be searched to the end of the file: minutes
    content = b"-----BEGIN CERTIFICATE-----\n" * (1 << 17)

    assert len(read_pem(PATH, content).blocks) == module.MOST_BLOCKS
    assert len(read_pem(PATH, content + b"\n-----END X-----\n").blocks) == module.MOST_BLOCKS


# Secrets


def numbers_of(key: Any) -> list[int]:
    numbers = key.private_numbers() if hasattr(key, "private_numbers") else None
    names = ("d", "p", "q", "dmp1", "dmq1", "iqmp", "private_value", "x")
    found = [getattr(numbers, name) for name in names if hasattr(numbers, name)]
    return found or [int.from_bytes(key.private_bytes_raw(), "big")]


def secrets_of(key: Any) -> list[bytes]:
    """Everything by which a private key could be known: whole, in parts, as text and as numbers."""
    found = []
    for form in ("PKCS8", "PKCS1"):
        if form == "PKCS8" or not isinstance(key, type(key_of("Ed25519"))):
            der = private_der(key, form)
            found += [der, base64.b64encode(der), der.hex().encode()]
            lines = private_pem(key, form).split(b"\n")[1:-2]
            # the first lines hold the kind of the key and, for RSA, what is public of it
            found += [line for line in lines if len(line) > 40][-5:]
    for number in numbers_of(key):
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        found += [raw, raw[::-1], raw.hex().encode(), base64.b64encode(raw), str(number).encode()]
    return [secret for secret in found if len(secret) > 20]


KINDS = ["RSA", "EC", "Ed25519"]


def shown(file: CertificateFile) -> bytes:
    """Everything that a program could write of a file."""
    parts = [
        pickle.dumps(file),
        repr(file).encode(),
        json.dumps(asdict(file), default=lambda value: getattr(value, "hex", value.__str__)()).encode(),
        public_pem(file).encode(),
        *(block.public or b"" for block in file.blocks),
        *(base64.b64encode(block.public or b"") for block in file.blocks),
        json.dumps(labels(file)).encode(),
    ]  # fmt: skip
    return b"\0".join(parts)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_private_key_is_kept(kind: str) -> None:
    key = key_of(kind)
    secrets = secrets_of(key)
    pem = private_pem(key)
    body = b"".join(pem.split(b"\n")[1:-2])
    contents = [
        pem,
        CA.pem + pem + LEAF.pem,
        pem.replace(b"PRIVATE KEY", b"CERTIFICATE"),
        pem.replace(b"PRIVATE KEY", b"PUBLIC KEY"),
        pem.replace(b"PRIVATE KEY", body),
        pem.replace(b"-----BEGIN", b" -----BEGIN"),
        pem.replace(b"\n", b"\\n"),
        pem.replace(b"\n", b"\r"),
        pem[:-30],
        pem.replace(b"-----\nM", b"-----\nComment: " + body + b"\n\nM", 1),
        private_der(key),
        wrapped("CERTIFICATE", CA.der + private_der(key)),
        wrapped("PUBLIC KEY", public_der(key) + private_der(key)),
        pem.decode().encode("utf-16"),
    ]
    for content in contents:
        seen = shown(read_pem(PATH, content))
        assert [secret for secret in secrets if secret in seen] == []


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_would_be_found(kind: str) -> None:
    # the test above can fail: a file that keeps the key shows it
    key = key_of(kind)
    leak = CertificateFile(PATH, True, blocks=(PemBlock("PRIVATE KEY", private_der(key)),))

    assert any(secret in shown(leak) for secret in secrets_of(key))


@pytest.mark.parametrize("kind", KINDS)
def test_no_stored_text_gives_a_private_key_back(kind: str) -> None:
    key = key_of(kind)
    texts = [private_pem(key).decode(), private_pem(key).decode().replace("PRIVATE KEY", "PUBLIC KEY")]
    for text in texts:
        for written in (["PRIVATE KEY"], ["CERTIFICATE"], ["PUBLIC KEY"], [text], [f"PRIVATE KEY: {text}"]):
            seen = shown(restore(PATH, written, text))
            assert [secret for secret in secrets_of(key) if secret in seen] == []


def test_a_failing_library_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = key_of()

    def fail(data: bytes, *rest: object, **more: object) -> object:
        raise ValueError(f"cannot load {data!r} {base64.b64encode(data)!r}")

    monkeypatch.setattr(serialization, "load_der_private_key", fail)
    file = read_pem(PATH, private_pem(key))

    assert file.blocks == (PemBlock("PRIVATE KEY", None, "damaged"),)
    assert "".join(capfd.readouterr()) == ""
    assert not any(secret in shown(file) for secret in secrets_of(key))
