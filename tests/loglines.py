"""Lines as buildkitd writes them, for tests that need a log of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from analyzer.records import RecordReader
from analyzer.tables.exchanges import Gap
from analyzer.tables.requests import Requests, RequestsBuilder

_BARE = re.compile(r"[A-Za-z0-9\-._/@^+]*")
REFERENCE = "docker.io/library/alpine:3.20"
DIGEST = "sha256:" + "ab" * 32
START = (
    'time="2026-01-05T10:00:00Z" level=info msg="auto snapshotter: using overlayfs"',
    'time="2026-01-05T10:00:00Z" level=info msg="found worker \\"w1\\", '
    "labels=map[org.mobyproject.buildkit.worker.executor:oci org.mobyproject.buildkit.worker.network:host], "
    'platforms=[linux/amd64]"',
    'time="2026-01-05T10:00:00Z" level=info msg="found 1 workers, default=\\"w1\\""',
    'time="2026-01-05T10:00:00Z" level=info msg="running server on /run/buildkit/buildkitd.sock"',
)
HUB = {"response.header.docker-ratelimit-source": "203.0.113.7"}


def line(message: str, level: str = "debug", **fields: str | int) -> str:
    """A logrus line; ``__`` in a key stands for a dot."""
    pairs = [("time", "2026-01-05T10:00:00Z"), ("level", level), ("msg", message)]
    pairs += sorted((key.replace("__", "."), str(value)) for key, value in fields.items())
    return " ".join(f"{key}={_quote(value)}" for key, value in pairs)


def _quote(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def batches(lines: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """The records of lines."""
    reader = RecordReader("log")
    yield from reader.feed("".join(one + "\n" for one in lines).encode())
    yield from reader.finish()


def observe(*lines: str) -> Requests:
    """What the lines of a whole start tell of requests: start-up lines, then these."""
    builder = RequestsBuilder()
    for batch in batches((*START, *lines)):
        builder.update(batch)
    return builder.finish()


@dataclass(frozen=True)
class Told:
    """Requests, each with the columns of the table as attributes, and what is seen to be missing."""

    exchanges: list[Any]
    gaps: list[Gap]


def requests(*lines: str) -> Told:
    """The requests of a whole start: start-up lines, then these."""
    found = observe(*lines)
    return Told(rows_of(found.observed.batches()), found.gaps)


def rows_of(batches: Iterable[pa.RecordBatch]) -> list[Any]:
    """Rows with their columns as attributes."""
    return [SimpleNamespace(**row) for batch in batches for row in batch.to_pylist()]


class Lookup:
    """The lines of one span ``resolving REFERENCE``, as v0.16 and later write them."""

    def __init__(self, reference: str = REFERENCE, span_id: str = "aa") -> None:
        self.ids = {"span": f"resolving {reference}", "spanID": span_id, "traceID": "t1"}

    def __call__(self, message: str, level: str = "debug", **fields: str | int) -> str:
        return line(message, level, **fields, **self.ids)

    def head(self) -> str:
        return self("do request", request__method="HEAD", request__header__accept="a/b, c/d, */*")

    def get(self, media_type: str = "application/vnd.oci.image.index.v1+json") -> str:
        return self("do request", request__method="GET", request__header__accept=f"{media_type}, */*")

    def answer(self, status: str = "200 OK", **headers: str) -> str:
        return self("fetch response received", response__status=status, **headers)


def layer(
    host: str, *, mirror: bool, digest: str = DIGEST, repository: str = "library/alpine"
) -> dict[str, str]:
    """The fields of a layer's lines."""
    query = "?ns=docker.io" if mirror else ""
    return {
        "digest": digest,
        "mediatype": "application/vnd.oci.image.layer.v1.tar+gzip",
        "spanID": "bb",
        "traceID": "t1",
        "url": f"https://{host}/v2/{repository}/blobs/{digest}{query}",
    }


def fetch_layer(*hosts: tuple[str, bool, str], digest: str = DIGEST) -> list[str]:
    """A layer asked of hosts in order: (host, is a mirror, status or nothing for no answer)."""
    told: list[str] = []
    for host, mirror, status in hosts:
        fields = layer(host, mirror=mirror, digest=digest)
        if not told:
            told.append(line("fetch", **{key: value for key, value in fields.items() if key != "url"}))
        told.append(line("do request", request__method="GET", **fields))
        if status:
            told.append(line("fetch response received", response__status=status, **fields))
    return told
