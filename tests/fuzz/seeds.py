"""What the fuzzer starts from: parts of captured logs, files beside them, and what is made for want of them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from analyzer.checks.baselines import Baseline, Known, write_baseline
from analyzer.checks.loading import builtin_rules
from tests.bundles import as_builder, changed, log_member, members_of, packed
from tests.certificates import key_of, make, private_pem, public_der
from tests.trust.planted import plant

SEED_BYTES = 6_000
"""What is taken of a log at one place: fuzzers do best with small inputs."""


def pieces(folders: list[Path]) -> Iterator[bytes]:
    """Pieces of logs, from the start of a line on."""
    for folder in folders:
        data = (folder / "buildkitd.log").read_bytes()
        for at in (0, len(data) // 2):
            start = data.rfind(b"\n", 0, at) + 1
            yield data[start : start + SEED_BYTES]


def single(folders: list[Path]) -> Iterator[bytes]:
    """Lines that differ in kind: the first of each length by tens."""
    seen = set()
    for folder in folders:
        for line in (folder / "buildkitd.log").read_bytes().splitlines()[:400]:
            if len(line) // 10 not in seen and len(line) < SEED_BYTES:
                seen.add(len(line) // 10)
                yield line


def values(folders: list[Path]) -> Iterator[bytes]:
    """What stands between quotes."""
    for line in single(folders):
        yield from line.split(b'"')[1::2]


def files_of(*names: str) -> Callable[[list[Path]], Iterator[bytes]]:
    """Files of these names, each once, where they are small."""

    def files(folders: list[Path]) -> Iterator[bytes]:
        seen = set()
        for folder in folders:
            for path in (path for name in names for path in folder.glob(name)):
                data = path.read_bytes()[: 4 * SEED_BYTES]
                if data not in seen:
                    seen.add(data)
                    yield data

    return files


_INSPECTION = b"""Name:          builder
Driver:        docker-container

Nodes:
Name:                  builder0
Endpoint:              unix:///var/run/docker.sock
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
BuildKit version:      v0.17.3
Platforms:             linux/amd64
File#buildkitd.toml:
 > debug = true
 > [registry."docker.io"]
 > mirrors = ["mirror.example.com"]
"""
_CONTAINER = b"""[{"Id": "c1", "Name": "/buildx_buildkit_builder0", "Path": "buildkitd",
"Args": ["--debug", "--config", "/x.toml"],
"Config": {"Image": "moby/buildkit:v0.17.3-rootless", "Cmd": null, "Entrypoint": ["buildkitd"], "Env": ["A=b"]},
"HostConfig": {"NetworkMode": "host", "Privileged": true}, "State": {"StartedAt": "2026-01-05T10:00:00Z"}}]"""


def inspections(folders: list[Path]) -> Iterator[bytes]:
    yield from (_INSPECTION, _CONTAINER)
    yield from files_of("*-inspect.*")(folders)


def secrets(folders: list[Path]) -> Iterator[bytes]:
    for one in plant():
        yield from one.lines.splitlines()


def certificates(folders: list[Path]) -> Iterator[bytes]:
    authority, key = make().pem, key_of()
    yield from (
        authority,
        private_pem(key),
        authority * 2 + private_pem(key, password=b"x"),
        public_der(key),
        b"",
    )
    for label in ("X509 CRL", "RSA PRIVATE KEY", "TRUSTED CERTIFICATE", "PARAMETERS"):
        yield f"words\n-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END {label}-----\n".encode()


def rules(folders: list[Path]) -> Iterator[bytes]:
    for path in filter(None, (rule.path for rule in builtin_rules())):
        yield path.read_bytes().split(b"[[example]]")[0]


def commands(folders: list[Path]) -> Iterator[bytes]:
    yield from files_of("cmdline.txt")(folders)
    yield b"buildkitd --config=/etc/x.toml --oci-worker-net host --debug 'a b' --allow-insecure-entitlement=x"


def projects(folders: list[Path]) -> Iterator[bytes]:
    yield b'config = "a.toml"\nrequire-proof = true\nselect = ["mirror-served"]\nbuildkit-version = ">=0.16, <0.33"\n'
    yield b'[severity]\nmirror-healthy = "warning"\n[[waivers]]\nrule = "x"\nreason = "y"\nexpires = 2027-01-31\n'


def baselines(folders: list[Path]) -> Iterator[bytes]:
    known = Known("mirror-served", "docker.io", "fail", "the message")
    text = io.StringIO()
    write_baseline(Baseline("b", (known,)), text)
    yield text.getvalue().encode()


def tars(folders: list[Path]) -> Iterator[bytes]:
    for data in files_of("buildkitd.toml")(folders[:6]):
        yield packed({"buildkitd.toml": data, "certs/ca.pem": b"-----BEGIN CERTIFICATE-----\n"})


def bundles(folders: list[Path]) -> Iterator[bytes]:
    for folder in folders[:3]:
        made = members_of(as_builder(folder / "buildkitd.log", folder / "buildkitd.toml"))
        log = log_member(made)
        whole = packed(changed(made, {log: made[log][:1000]}))
        yield from (whole, gzip.compress(whole, mtime=0))


def compressed(folders: list[Path]) -> Iterator[bytes]:
    import bz2
    import lzma

    import zstandard

    for data in list(pieces(folders))[:6]:
        yield gzip.compress(data, mtime=0)
        yield bz2.compress(data)
        yield lzma.compress(data)
        yield zstandard.ZstdCompressor().compress(data)


def framed(folders: list[Path]) -> Iterator[bytes]:
    for piece in list(pieces(folders))[:6]:
        yield b"".join(
            bytes([1 + number % 2, 0, 0, 0]) + (len(line) + 32).to_bytes(4, "big")
            + b"2026-11-24T22:07:10.000000001Z " + line + b"\n"
            for number, line in enumerate(piece.splitlines()[:8])
        )  # fmt: skip


def names(folders: list[Path]) -> Iterator[bytes]:
    yield from (
        b"docker.io/library/alpine:3.20",
        b"localhost:5000/a@sha256:" + b"0" * 64,
        b"a:b@c",
        b"[::1]:5000/x",
    )
    for value in values(folders):
        if b"://" in value or b"/" in value:
            yield value[:500]
