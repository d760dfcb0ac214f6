from __future__ import annotations

import base64
import json
import pickle
import posixpath
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.intent import parse_config
from analyzer.intent.buildx import COPIED_BYTES
from analyzer.intent.trust import examine
from analyzer.sources.pem import read_pem
from analyzer.sources.surroundings import CertificateFile
from analyzer.tables.certificate_files import SPEC
from analyzer.tables.failures import KINDS
from tests.certificates import CLIENT, SERVER, Made, key_of, make, private_der, private_pem

HOST = "mirror.example.com"
CA = make("Example CA")
OTHER = make("Other CA")
MIDDLE = make("Middle CA", by=CA)
SERVED = make(HOST, by=CA, ca=False, names=(HOST,), usages=(SERVER,))
ELSEWHERE = make("other.example.com", by=CA, ca=False, names=("other.example.com",))
USER = make("client", by=CA, ca=False, usages=(CLIENT,))
RSA_USER = make("rsa client", by=CA, ca=False, key=key_of("RSA"))

ONE_CA = """
[registry."mirror.example.com"]
  ca = ["/c/ca.pem"]
"""
PAIR = """
[registry."mirror.example.com"]
  ca = ["/c/ca.pem"]
  [[registry."mirror.example.com".keypair]]
    key = "/c/key.pem"
    cert = "/c/cert.pem"
"""
FOLDER = """
[registry."mirror.example.com"]
  tlsconfigdir = ["/c/tls/"]
"""
GRPC = """
[grpc.tls]
  ca = "/c/ca.pem"
  cert = "/c/cert.pem"
  key = "/c/key.pem"
"""

Content = bytes | CertificateFile


def look(config: str, files: Mapping[str, Content], *, intended: str | None = None) -> list[dict[str, Any]]:
    given = {
        path: content if isinstance(content, CertificateFile) else read_pem(path, content)
        for path, content in files.items()
    }
    meant = parse_config(intended, name="mine.toml") if intended else None
    table = examine(given, parse_config(config, name="b.toml"), source="folder", intended=meant)
    rows: list[dict[str, Any]] = table.to_pylist()
    assert table.schema == SPEC.schema
    for row in rows:
        assert set(row["explains"] or ()) <= set(KINDS)
        assert (row["defect"] is None) == (row["fix"] is None)
        assert (row["defect"] is None) <= (row["explains"] is None)
    return rows


def defects(config: str, files: Mapping[str, Content]) -> list[tuple[str, str | None, bool | None]]:
    return [(row["path"], row["defect"], row["certain"]) for row in look(config, files)]


def test_a_sound_authority() -> None:
    (row,) = look(ONE_CA, {"/c/ca.pem": CA.pem})

    assert row == {
        **dict.fromkeys(SPEC.schema.names),
        "source": "folder",
        "path": "/c/ca.pem",
        "exists": True,
        "kind": "ca",
        "position": 0,
        "subject": "CN=Example CA",
        "issuer": "CN=Example CA",
        "names": [],
        "not_before": datetime(2020, 1, 1, tzinfo=UTC),
        "not_after": datetime(2040, 1, 1, tzinfo=UTC),
        "is_ca": True,
        "sha256": row["sha256"],
        "host": HOST,
        "used": True,
        "counts": True,
        "setting": 'ca of [registry."mirror.example.com"] (b.toml line 3)',
        "file": "b.toml",
        "line": 3,
        "label": "CERTIFICATE",
        "size": len(CA.pem),
        "self_signed": True,
        "signature": "sha256",
        "key_type": "ECDSA secp256r1",
    }


def ca_defect(content: Content | None, config: str = ONE_CA) -> list[tuple[str | None, bool | None]]:
    files = {} if content is None else {"/c/ca.pem": content}
    return [(defect, certain) for _, defect, certain in defects(config, files)]


def absent(path: str, exists: bool | None, error: str | None = None) -> CertificateFile:
    return CertificateFile(path, exists, error)


KEY = private_pem(key_of("EC", "client"))
DAMAGED = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, [("not-looked-at", None)]),
        (absent("/c/ca.pem", None, "the engine does not answer"), [("not-looked-at", None)]),
        (absent("/c/ca.pem", False), [("missing", True)]),
        (absent("/c/ca.pem", True, "permission denied"), [("unreadable", True)]),
        (b"", [("empty", True)]),
        (b"hello\n", [("not-pem", True)]),
        (CA.der, [("der", True)]),
        (private_der(CA.key), [("der", True)]),
        (CA.pem.decode().encode("utf-16"), [("not-pem", True)]),
        (KEY, [("no-certificate", True)]),
        (CA.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), [("no-certificate", True)]),
        (CA.pem + OTHER.pem, [(None, None), (None, None)]),
        (KEY + CA.pem, [(None, None)]),
        (DAMAGED, [("damaged-certificate", True)]),
        (DAMAGED + CA.pem, [("damaged-certificate", False), (None, None)]),
        (CA.pem[:-30], [("damaged-certificate", True)]),
        (b"\xef\xbb\xbf" + CA.pem + OTHER.pem, [("damaged-certificate", False), (None, None)]),
        (SERVED.pem, [("not-a-ca", False)]),
        (SERVED.pem + CA.pem, [(None, None), (None, None)]),
        (ELSEWHERE.pem, [("other-host", True)]),
        (make(HOST, ca=False).pem, [("other-host", True)]),
        (make("Example CA", signs=False).pem, [("other-host", True)]),
        (make(HOST, names=(HOST,), signs=False).pem, [("not-a-ca", False)]),
        (make("Example CA", usages=(CLIENT,)).pem, [("wrong-usage", False)]),
        (make(kind="secp256k1").pem, [("unsupported-key", True)]),
        (make(kind="secp256k1").pem + CA.pem, [("unsupported-key", False), (None, None)]),
        (CA.pem + b"#" * (COPIED_BYTES - len(CA.pem)), [("larger-than-copied", False)]),
        (CA.pem + b"#" * COPIED_BYTES, [("larger-than-copied", False)]),
    ],
)  # fmt: skip
def test_authorities(content: Content | None, found: list[tuple[str | None, bool | None]]) -> None:
    assert ca_defect(content) == found


@pytest.mark.parametrize("setting", ["insecure = true", "http = true"])
def test_an_authority_that_is_not_used_must_only_be_there(setting: str) -> None:
    config = f"{ONE_CA}  {setting}\n"

    assert ca_defect(b"hello\n", config) == [(None, None)]
    assert ca_defect(ELSEWHERE.pem, config) == [(None, None)]
    assert ca_defect(absent("/c/ca.pem", False), config) == [("missing", True)]
    (row,) = look(config, {"/c/ca.pem": CA.pem})
    assert row["counts"] is False
    assert "not used" in row["defect_detail"]


def test_the_host_that_a_certificate_must_name_is_the_one_asked() -> None:
    hub = make("registry-1.docker.io", ca=False, names=("registry-1.docker.io",))
    config = ONE_CA.replace(HOST, "docker.io")
    assert ca_defect(hub.pem, config) == [("not-a-ca", False)]

    address = make("192.0.2.7", ca=False, names=("192.0.2.7",))
    config = ONE_CA.replace(HOST, "192.0.2.7:5000")
    assert ca_defect(address.pem, config) == [("not-a-ca", False)]
    assert ca_defect(SERVED.pem, config) == [("other-host", True)]


def test_what_is_said_of_a_common_name() -> None:
    (row,) = look(ONE_CA, {"/c/ca.pem": make(HOST, ca=False).pem})

    assert "as its common name only, which does not count" in row["defect_detail"]
    assert "x509_name_mismatch" in row["explains"]


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (absent("/c/ca.pem", False), ["ca_unreadable"]),
        (b"hello\n", ["x509_unknown_authority"]),
        (SERVED.pem, ["x509_unknown_authority"]),
        (ELSEWHERE.pem, ["x509_unknown_authority", "x509_name_mismatch"]),
    ],
)
def test_what_a_defect_explains(content: Content, kinds: list[str]) -> None:
    (row,) = look(ONE_CA, {"/c/ca.pem": content})

    assert row["explains"] == kinds
    assert "b.toml line 3" in row["fix"]


def test_a_key_where_an_authority_should_be_is_named() -> None:
    (row,) = look(ONE_CA, {"/c/ca.pem": KEY})

    assert "a private key" in row["defect_detail"]


# Key pairs


def pair(cert: Content | None, key: Content | None, config: str = PAIR) -> list[tuple[str, str | None]]:
    files = {path: content for path, content in (("/c/cert.pem", cert), ("/c/key.pem", key)) if content}
    rows = look(config, {"/c/ca.pem": CA.pem, **files})
    return [(row["kind"], row["defect"]) for row in rows if row["kind"] != "ca"]


@pytest.mark.parametrize(
    ("cert", "key", "found"),
    [
        (USER.pem, USER.key_pem, (None, None)),
        (USER.pem, private_pem(USER.key, "SEC1"), (None, None)),
        (RSA_USER.pem, private_pem(RSA_USER.key, "PKCS1"), (None, None)),
        (USER.pem + USER.key_pem, USER.pem + USER.key_pem, (None, None)),
        (USER.pem, OTHER.key_pem, ("key-mismatch", "key-mismatch")),
        (USER.pem, RSA_USER.key_pem, ("key-mismatch", "key-mismatch")),
        (USER.key_pem, USER.pem, ("swapped", "swapped")),
        (USER.pem, None, (None, "not-looked-at")),
        (USER.pem, absent("/c/key.pem", False), (None, "missing")),
        (absent("/c/cert.pem", False), USER.key_pem, ("missing", None)),
        (USER.pem, absent("/c/key.pem", True, "permission denied"), (None, "unreadable")),
        (USER.pem, b"hello\n", (None, "not-pem")),
        (USER.pem, private_der(USER.key), (None, "der")),
        (USER.der, USER.key_pem, ("der", None)),
        (USER.pem, USER.pem, (None, "no-key")),
        (USER.key_pem, USER.key_pem, ("no-certificate", None)),
        (USER.pem, private_pem(USER.key, "PKCS8", b"secret"), (None, "encrypted-key")),
        (RSA_USER.pem, private_pem(RSA_USER.key, "PKCS1", b"secret"), (None, "encrypted-key")),
        (USER.pem, USER.key_pem[:-30], (None, "damaged-key")),
        (DAMAGED, USER.key_pem, ("damaged-certificate", None)),
        (make(kind="Ed448").pem, private_pem(key_of("Ed448", "Example CA")), ("unsupported-key", "unsupported-key")),
        (SERVED.pem, SERVED.key_pem, ("wrong-usage", None)),
    ],
)  # fmt: skip
def test_key_pairs(cert: Content | None, key: Content | None, found: tuple[str | None, str | None]) -> None:
    assert pair(cert, key) == [("cert", found[0]), ("key", found[1])]


def pair_rows(cert: bytes, key: bytes, ca: bytes = CA.pem) -> list[dict[str, Any]]:
    rows = look(PAIR, {"/c/ca.pem": ca, "/c/cert.pem": cert, "/c/key.pem": key})
    return [row for row in rows if row["kind"] != "ca"]


def test_what_a_pair_says() -> None:
    cert, key = pair_rows(USER.pem, private_pem(USER.key, "SEC1"))

    assert (cert["key_matches"], cert["signed_by_ca"], cert["pair"], cert["line"]) == (True, True, 0, 6)
    assert (key["key_matches"], key["label"], key["sha256"], key["line"]) == (True, "EC PRIVATE KEY", None, 5)
    cert, key = pair_rows(USER.pem, OTHER.key_pem)
    assert (cert["key_matches"], key["key_matches"]) == (False, False)
    assert "/c/key.pem" in cert["defect_detail"]
    assert cert["explains"] == ["keypair_mismatch"]


@pytest.mark.parametrize(
    ("cert", "ca", "signed"),
    [
        (USER, CA.pem, True),
        (USER, OTHER.pem, False),
        (USER, OTHER.pem + CA.pem, True),
        (make("Example CA", key=key_of("EC", "third")), CA.pem, False),
        (make("deep", by=MIDDLE, ca=False), CA.pem, False),
        (make("deep", by=MIDDLE, ca=False), MIDDLE.pem, True),
    ],
)
def test_who_signed_the_client(cert: Made, ca: bytes, signed: bool) -> None:
    assert pair_rows(cert.pem, cert.key_pem, ca)[0]["signed_by_ca"] is signed


def test_a_chain_may_stand_in_the_client_s_own_file() -> None:
    deep = make("deep", by=MIDDLE, ca=False)

    leaf, middle, key = pair_rows(deep.pem + MIDDLE.pem, deep.key_pem)

    assert (leaf["signed_by_ca"], leaf["position"]) == (True, 0)
    assert (middle["signed_by_ca"], middle["position"]) == (None, 1)
    assert key["key_matches"] is True


def test_a_self_signed_client_may_be_its_own_authority() -> None:
    own = make("client", key=USER.key)

    # nobody but itself signed it, and it is not given
    assert pair_rows(own.pem, own.key_pem, CA.pem)[0]["signed_by_ca"] is False
    assert pair_rows(own.pem, own.key_pem, CA.pem + own.pem)[0]["signed_by_ca"] is True


def test_authorities_of_one_name_are_not_tried_for_ever() -> None:
    alike = b"".join(make("Example CA", key=key_of("EC", f"alike {number}")).pem for number in range(102))

    assert pair_rows(USER.pem, USER.key_pem, alike + CA.pem)[0]["signed_by_ca"] is None
    assert pair_rows(USER.pem, USER.key_pem, CA.pem + alike)[0]["signed_by_ca"] is True


def test_without_an_authority_nobody_signed_the_client() -> None:
    config = PAIR.replace('ca = ["/c/ca.pem"]', "")
    rows = look(config, {"/c/cert.pem": USER.pem, "/c/key.pem": USER.key_pem})

    assert [row["signed_by_ca"] for row in rows] == [None, None]
    assert [row["defect"] for row in rows] == [None, None]


def test_go_takes_the_first_certificate_that_it_sees() -> None:
    # Go does not see the first one, so the second is the client's
    cert, second, key = pair_rows(b" " + OTHER.pem + USER.pem, USER.key_pem)

    assert (cert["defect"], cert["certain"], cert["key_matches"]) == ("damaged-certificate", False, None)
    assert (second["defect"], second["key_matches"], key["key_matches"]) == (None, True, True)


def test_half_a_pair() -> None:
    config = PAIR.replace('    key = "/c/key.pem"\n', "")
    assert pair(USER.pem, None, config) == [("cert", "pair-incomplete")]
    config = PAIR.replace('    cert = "/c/cert.pem"\n', "")
    assert pair(None, USER.key_pem, config) == [("key", "pair-incomplete")]


def with_sha1(made: Made) -> bytes:
    """The certificate, saying that it is signed with SHA-1: the library does not sign so any more."""
    rsa_with = bytes.fromhex("2a864886f70d0101")
    return wrapped(made.der.replace(rsa_with + b"\x0b", rsa_with + b"\x05"))


def wrapped(der: bytes) -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode()


def test_weak_signatures_matter_where_somebody_checks_them() -> None:
    old = make("old client", by=make("RSA CA", kind="RSA"), ca=False, key=key_of("RSA"))
    assert pair(with_sha1(old), private_pem(old.key)) == [("cert", "weak-signature"), ("key", None)]
    (cert, *_) = pair_rows(with_sha1(old), private_pem(old.key))
    assert (cert["certain"], cert["explains"]) == (False, ["client_certificate_rejected"])
    # what is trusted by itself needs no signature
    assert ca_defect(with_sha1(make("RSA CA", kind="RSA"))) == [(None, None)]


def test_a_certificate_of_which_a_part_cannot_be_read_is_doubtful() -> None:
    made = make(HOST, names=(HOST,))
    broken = made.der.replace(b"\x30\x14\x82\x12mirror", b"\x31\x14\x82\x12mirror")

    assert broken != made.der
    assert ca_defect(wrapped(broken)) == [("damaged-certificate", False)]
    assert pair(wrapped(broken), made.key_pem) == [("cert", "damaged-certificate"), ("key", None)]


@pytest.mark.parametrize(
    ("path", "size", "defect"),
    [
        ("/etc/buildkit/certs/mirror.example.com/ca.pem", COPIED_BYTES - 1, None),
        ("/etc/buildkit/certs/mirror.example.com/ca.pem", COPIED_BYTES, "larger-than-copied"),
        # so large it was not copied by buildx
        ("/etc/buildkit/certs/mirror.example.com/ca.pem", COPIED_BYTES + 1, None),
        ("certs/ca.pem", COPIED_BYTES + 1, "larger-than-copied"),
    ],
)
def test_what_buildx_cuts(path: str, size: int, defect: str | None) -> None:
    (row,) = look(ONE_CA.replace("/c/ca.pem", path), {path: read_pem(path, CA.pem, size=size)})

    assert row["defect"] == defect


# Folders


def folder(files: Mapping[str, Content]) -> list[tuple[str, str, str | None, bool | None]]:
    rows = look(FOLDER, files)
    return [(row["path"], row["kind"], row["defect"], row["used"]) for row in rows]


def test_a_folder_of_certificates() -> None:
    files = {
        "/c/tls/ca.crt": CA.pem,
        "/c/tls/client.cert": USER.pem,
        "/c/tls/client.key": USER.key_pem,
        "/c/tls/lonely.cert": USER.pem,
        "/c/tls/ca.pem": CA.pem,
        "/c/tls/more/deep.crt": CA.pem,
    }

    assert folder(files) == [
        ("/c/tls/", "directory", None, True),
        ("/c/tls/ca.crt", "ca", None, True),
        ("/c/tls/client.cert", "cert", None, True),
        ("/c/tls/client.key", "key", None, True),
        ("/c/tls/lonely.cert", "cert", None, True),
        ("/c/tls/lonely.key", "key", "missing", True),
        ("/c/tls/ca.pem", "ca", None, False),
        ("/c/tls/more/deep.crt", "ca", None, False),
    ]
    rows = look(FOLDER, files)
    assert [row["pair"] for row in rows] == [None, None, 0, 0, 1, 1, None, None]
    assert [row["line"] for row in rows] == [3] * 6 + [None] * 2


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ("not-looked-at", None, None)),
        ({"/c/tls": absent("/c/tls", False)}, ("directory-missing", False, False)),
        ({"/c/tls": absent("/c/tls", None)}, ("not-looked-at", None, None)),
        ({"/c/tls": absent("/c/tls", True)}, ("directory-empty", False, True)),
        ({"/c/tls/ca.pem": CA.pem}, ("directory-empty", False, True)),
        ({"/c/tls": CA.pem}, ("not-a-directory", True, True)),
    ],
)
def test_folders_without_certificates(
    files: Mapping[str, Content], found: tuple[str, bool | None, bool | None]
) -> None:
    row = look(FOLDER, files)[0]

    assert (row["defect"], row["certain"], row["exists"]) == found


def test_dockerd_reads_the_folder_of_each_host() -> None:
    config = '{"registry-mirrors": ["https://mirror.example.com"]}'
    files = {
        "/etc/docker/certs.d/mirror.example.com/ca.crt": ELSEWHERE.pem,
        "/etc/docker/certs.d/other.example.com/ca.crt": CA.pem,
    }
    rows = look(config, files)

    assert [(row["host"], row["used"], row["defect"]) for row in rows] == [
        (HOST, True, "other-host"),
        (None, False, None),
    ]


# The API


def test_the_files_of_the_api() -> None:
    server = make("buildkitd", by=CA, ca=False, usages=(SERVER,))
    sound: dict[str, Content] = {"/c/ca.pem": CA.pem, "/c/cert.pem": server.pem, "/c/key.pem": server.key_pem}

    rows = look(GRPC, sound)
    assert [(row["host"], row["kind"], row["defect"], row["line"]) for row in rows] == [
        ("grpc", "ca", None, 3),
        ("grpc", "cert", None, 4),
        ("grpc", "key", None, 5),
    ]
    cases: list[tuple[dict[str, Content], str, str]] = [
        ({"/c/ca.pem": b"hello\n"}, "not-pem", "startup_failed"),
        ({"/c/ca.pem": absent("/c/ca.pem", False)}, "missing", "ca_unreadable"),
        ({"/c/key.pem": OTHER.key_pem}, "key-mismatch", "keypair_unreadable"),
        ({"/c/key.pem": absent("/c/key.pem", False)}, "missing", "keypair_unreadable"),
        ({"/c/cert.pem": USER.pem, "/c/key.pem": USER.key_pem}, "wrong-usage", ""),
    ]
    for changed, defect, explained in cases:
        wrong = [row for row in look(GRPC, {**sound, **changed}) if row["defect"]]
        assert {row["defect"] for row in wrong} == {defect}
        assert all(explained in row["explains"] or not explained for row in wrong)


def test_without_a_pair_the_api_s_authority_is_not_read() -> None:
    (row,) = look('[grpc.tls]\nca = "/c/ca.pem"\n', {"/c/ca.pem": absent("/c/ca.pem", False)})

    assert (row["used"], row["defect"]) == (False, None)


def test_a_registry_may_be_called_as_the_api() -> None:
    rows = look(
        GRPC + '[registry."grpc"]\nca = ["/c/other.pem"]\n', {"/c/ca.pem": CA.pem, "/c/other.pem": CA.pem}
    )

    assert rows[0]["setting"] == 'ca of [registry."grpc"] (b.toml line 7)'
    assert rows[1]["setting"] == "ca of [grpc.tls] (b.toml line 3)"


# Places


def test_a_file_that_two_settings_name_has_a_row_for_each() -> None:
    config = ONE_CA + '[registry."other.example.com"]\nca = ["/c/ca.pem"]\n'

    rows = look(config, {"/c/ca.pem": ELSEWHERE.pem})

    assert [(row["host"], row["defect"], row["line"]) for row in rows] == [
        (HOST, "other-host", 3),
        ("other.example.com", "not-a-ca", 5),
    ]


def test_fixes_name_the_file_that_somebody_can_edit() -> None:
    inside = "/etc/buildkit/certs/mirror.example.com/ca.pem"
    given = f'[registry."mirror.example.com"]\nca = ["{inside}"]\n'
    meant = '\n\n\n[registry."mirror.example.com"]\nca = ["certs/ca.pem"]\n'

    (row,) = look(given, {inside: b"hello\n"}, intended=meant)

    assert (row["path"], row["file"], row["line"]) == (inside, "mine.toml", 5)
    assert "mine.toml line 5" in row["fix"]
    assert "create the builder anew" in row["fix"]


def test_paths_are_compared_as_the_system_reads_them() -> None:
    config = ONE_CA.replace("/c/ca.pem", "/c/../c//ca.pem")

    (row,) = look(config, {"/c/ca.pem": CA.pem})

    assert (row["exists"], row["path"], row["defect"]) == (True, "/c/../c//ca.pem", None)


def test_buildx_copies_no_file_of_the_api() -> None:
    path = "/etc/buildkit/certs/grpc/key.pem"
    config = f'[grpc.tls]\ncert = "/c/cert.pem"\nkey = "{path}"\n'
    cert, key = look(config, {"/c/cert.pem": SERVED.pem, path: absent(path, False)})

    assert (cert["defect"], key["defect"]) == (None, "missing")
    assert "anew" not in key["fix"]


def test_a_flag_names_a_file_too() -> None:
    config = parse_config("", name="b.toml").with_flags("--tlscert /c/cert.pem --tlskey /c/key.pem")
    files = {"/c/cert.pem": read_pem("/c/cert.pem", SERVED.pem), "/c/key.pem": read_pem("/c/key.pem", b"")}

    cert, key = examine(files, config, source="folder").to_pylist()

    assert (cert["defect"], key["defect"]) == (None, "empty")
    assert key["line"] is None
    assert "--tlskey" in key["file"]
    assert "--tlskey" in key["fix"]


def test_dates_that_no_clock_reaches_are_drawn_near() -> None:
    forever = make("Example CA", end=datetime(9999, 12, 31, tzinfo=UTC))
    (row,) = look(ONE_CA, {"/c/ca.pem": forever.pem})

    assert row["not_after"] == datetime(2262, 1, 1, tzinfo=UTC)


def test_nothing_named_and_nothing_found() -> None:
    assert look("debug = true\n", {}) == []
    (row,) = look("debug = true\n", {"/c/x.txt": b"hello\n"})
    assert (row["kind"], row["used"], row["defect"]) == ("other", False, None)
    (row,) = look("debug = true\n", {"/c/key.pem": KEY})
    assert row["kind"] == "key"


CONTENTS = [
    CA.pem, OTHER.pem, SERVED.pem, ELSEWHERE.pem, USER.pem, USER.key_pem, KEY, DAMAGED, CA.der, b"", b"hello\n",
    private_pem(key_of("Ed448")), private_pem(USER.key, "PKCS8", b"secret"), make(kind="Ed448").pem,
]  # fmt: skip
anything = st.one_of(
    st.lists(st.sampled_from(CONTENTS), max_size=3).map(b"".join),
    st.binary(max_size=30),
    st.sampled_from([absent("", False), absent("", None), absent("", True, "permission denied")]),
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["/c/ca.pem", "/c/cert.pem", "/c/key.pem", "/c/tls", "/c/tls/a.crt", "/c/tls/a.cert"]
        ),
        anything,
    ),
    st.sampled_from([ONE_CA, PAIR, FOLDER, GRPC, GRPC + PAIR, PAIR + "[worker.oci]\n"]),
)
def test_any_files_can_be_examined(files: dict[str, Content], config: str) -> None:
    rows = look(config, files)

    named = {row["path"] for row in rows if row["used"]}
    # what the configuration names has a verdict, whatever is found, and nothing that was found is lost
    assert {posixpath.normpath(row["path"]) for row in rows} >= set(files)
    assert all(row["defect"] or row["exists"] for row in rows if row["path"] in named)


def test_no_key_is_in_the_table() -> None:
    files = {
        path: read_pem(path, USER.pem + USER.key_pem) for path in ("/c/ca.pem", "/c/cert.pem", "/c/key.pem")
    }
    table = examine(files, parse_config(PAIR), source="folder")
    written = pickle.dumps(table) + json.dumps(table.to_pylist(), default=str).encode()

    secret = USER.key.private_numbers().private_value.to_bytes(32, "big")
    lines = private_pem(USER.key).split(b"\n")
    for piece in (secret, secret.hex().encode(), *(line for line in lines[1:-2] if len(line) > 30)):
        assert piece not in written
