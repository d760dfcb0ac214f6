from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from analyzer.intent.x509 import Certificate, host_name, is_signed_by, read_certificate
from tests.certificates import CLIENT, SERVER, Made, key_of, make, public_der

CA = make("Example CA")


def read(made: Made) -> Certificate:
    certificate = read_certificate(made.der)
    assert certificate is not None
    return certificate


def test_what_a_certificate_says() -> None:
    made = make(
        "mirror.example.com",
        by=CA,
        ca=False,
        names=("mirror.example.com", "*.example.org", "192.0.2.7", "2001:db8::1"),
        usages=(SERVER, CLIENT),
        signs=False,
        key=key_of("RSA"),
    )

    assert read(made) == Certificate(
        der=made.der,
        sha256=hashlib.sha256(made.der).hexdigest(),
        subject="CN=mirror.example.com",
        issuer="CN=Example CA",
        names=("mirror.example.com", "*.example.org", "192.0.2.7", "2001:db8::1"),
        common_name="mirror.example.com",
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2040, 1, 1, tzinfo=UTC),
        version=3,
        is_ca=False,
        key_usage=("digitalSignature",),
        usages=("serverAuth", "clientAuth"),
        self_signed=False,
        signature="sha256",
        key="RSA 2048",
        public=public_der(key_of("RSA")),
        supported=True,
        fault=None,
    )


@pytest.mark.parametrize(
    ("kind", "key", "supported"),
    [
        ("RSA", "RSA 2048", True),
        ("EC", "ECDSA secp256r1", True),
        ("Ed25519", "Ed25519", True),
        ("Ed448", "Ed448", False),
        ("secp256k1", "ECDSA secp256k1", False),
    ],
)
def test_keys(kind: str, key: str, supported: bool) -> None:
    certificate = read(make(kind=kind))

    assert (certificate.key, certificate.supported, certificate.self_signed) == (key, supported, True)


@pytest.mark.parametrize(
    ("more", "signs"),
    [
        ({}, True),
        ({"ca": False}, False),
        ({"ca": None}, False),
        ({"signs": True}, True),
        ({"signs": False}, False),
        ({"ca": False, "signs": True}, False),
    ],
)
def test_who_may_sign(more: dict[str, Any], signs: bool) -> None:
    assert read(make(**more)).signs is signs


def test_a_certificate_of_version_1_may_sign() -> None:
    # Go asks for basic constraints from version 3 on
    certificate = read(make(ca=None))

    assert not certificate.signs
    assert dataclasses.replace(certificate, version=1).signs


@pytest.mark.parametrize(
    ("usages", "serves", "presents"),
    [
        ((), True, True),
        ((SERVER,), True, False),
        ((CLIENT,), False, True),
        ((x509.ObjectIdentifier("2.5.29.37.0"),), True, True),
        ((x509.ObjectIdentifier("1.2.3.4"),), False, False),
    ],
)
def test_what_it_is_for(usages: tuple[Any, ...], serves: bool, presents: bool) -> None:
    certificate = read(make(usages=usages))

    assert (certificate.serves, certificate.presents) == (serves, presents)


@pytest.mark.parametrize(
    ("last", "digest", "weak"), [(0x04, "md5", True), (0x05, "sha1", True), (0x0C, "sha384", False)]
)
def test_weak_signatures(last: int, digest: str, weak: bool) -> None:
    # the library signs with neither any more, so the certificate only says that it did
    rsa_with = bytes.fromhex("2a864886f70d0101")
    der = make(key=key_of("RSA")).der.replace(rsa_with + b"\x0b", rsa_with + bytes([last]))

    certificate = read_certificate(der)

    assert certificate is not None
    assert (certificate.signature, certificate.weakly_signed) == (digest, weak)


@pytest.mark.parametrize(
    ("names", "host", "valid"),
    [
        (("mirror.example.com",), "mirror.example.com", True),
        (("mirror.example.com",), "mirror.example.com:5000", True),
        (("Mirror.Example.com",), "mirror.example.COM", True),
        (("mirror.example.com",), "mirror.example.com.", True),
        (("mirror.example.com",), "example.com", False),
        (("*.example.com",), "mirror.example.com", True),
        (("*.example.com",), "a.mirror.example.com", False),
        (("*.example.com",), "example.com", False),
        (("mirror.*.com",), "mirror.example.com", False),
        (("m*.example.com",), "mirror.example.com", False),
        (("192.0.2.7",), "192.0.2.7:5000", True),
        (("192.0.2.7",), "::ffff:192.0.2.7", True),
        (("192.0.2.7",), "192.0.2.8", False),
        (("2001:db8::1",), "[2001:db8::1]:5000", True),
        (("2001:db8::1",), "[2001:0db8::0:1]", True),
        (("mirror.example.com",), "192.0.2.7", False),
        (("192.0.2.7",), "mirror.example.com", False),
        ((), "Example CA", False),
        (("mirror.example.com",), "", False),
    ],
)
def test_hosts_as_go_matches_them(names: tuple[str, ...], host: str, valid: bool) -> None:
    assert read(make(names=names)).is_for_host(host) is valid


def test_a_common_name_is_no_name() -> None:
    certificate = read(make("mirror.example.com", ca=False))

    assert certificate.common_name == "mirror.example.com"
    assert not certificate.is_for_host("mirror.example.com")


@pytest.mark.parametrize(
    ("host", "name"),
    [("a.example:5000", "a.example"), ("[::1]:5000", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("a", "a")],
)
def test_host_names(host: str, name: str) -> None:
    assert host_name(host) == name


def test_who_signed_whom() -> None:
    other = make("Example CA", key=key_of("EC", "other"))
    leaf = make("client", by=CA, ca=False)

    assert is_signed_by(read(leaf), read(CA))
    assert not is_signed_by(read(leaf), read(other))
    assert not is_signed_by(read(CA), read(leaf))
    assert read(CA).self_signed
    assert not read(leaf).self_signed
    # one that only calls itself so
    assert not read(make("Example CA", by=other)).self_signed


def test_dates_beyond_all_measure() -> None:
    certificate = read(make(start=datetime(1950, 1, 1, tzinfo=UTC), end=datetime(9999, 12, 31, tzinfo=UTC)))

    assert (certificate.not_before, certificate.not_after) == (
        datetime(1950, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    )


def test_a_broken_part_does_not_take_the_others_with_it() -> None:
    made = make("mirror.example.com", names=("mirror.example.com",))
    # the list of names says that it is something else
    der = made.der.replace(b"\x30\x14\x82\x12mirror", b"\x31\x14\x82\x12mirror")
    assert der != made.der

    certificate = read_certificate(der)

    assert certificate is not None
    assert certificate.subject == "CN=mirror.example.com"
    assert certificate.public == public_der(made.key)
    assert certificate.names == ()
    assert certificate.fault is not None


@given(st.integers(0, len(CA.der) - 1), st.binary(min_size=1, max_size=2))
def test_any_damage_can_be_read(at: int, junk: bytes) -> None:
    der = CA.der[:at] + junk + CA.der[at + len(junk) :]

    certificate = read_certificate(der)

    assert certificate is None or certificate.der == der
    if certificate is not None and certificate != read(CA):
        # whatever changed, its own key did not sign that
        assert not certificate.self_signed
        assert not certificate.is_for_host("mirror.example.com")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate(content: bytes) -> None:
    assert read_certificate(content) is None
