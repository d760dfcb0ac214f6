"""Traces made span by span, for tests that need one of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from analyzer.tables.spool import Rows
from analyzer.tables.trace_spans import SPEC

MIRROR, UPSTREAM = "mirror.example.com", "registry-1.docker.io"
AT = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000_000
"""The second at which the made logs were written."""

SOLVE = "moby.buildkit.v1.Control/Solve"
HTTP_REQUEST = "remotes.docker.resolver.HTTPRequest"


def url_of(host: str, rest: str = "manifests/3.20", repository: str = "library/alpine") -> str:
    """A request's URL; every host but Docker Hub's own is told whom it stands for."""
    return f"https://{host}/v2/{repository}/{rest}" + ("" if host == UPSTREAM else "?ns=docker.io")


@dataclass
class MadeTrace:
    """A build's trace: the client's call, the daemon's, and within it what is added."""

    trace_id: str = "t1"
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("root", None, "build")
        self.add("call", "root", SOLVE, kind="client")
        self.add("solve", "call", SOLVE, kind="server")

    def add(self, span_id: str, parent: str | None, name: str, **more: Any) -> str:
        start = AT + len(self.rows) * 1_000_000
        row: dict[str, Any] = {
            "source": "trace",
            "trace_id": self.trace_id,
            "span_id": span_id,
            "parent_span_id": parent,
            "name": name,
            "kind": "internal",
            "start": start,
            "end": start + 500_000,
            "status": "unset",
            "tls": "none",
            "attributes": [],
        }
        self.rows.append(row | more)
        return span_id

    def resolving(
        self, reference: str = "docker.io/library/alpine:3.20", span_id: str = "aa", **more: Any
    ) -> str:
        return self.add(span_id, "solve", f"resolving {reference}", **more)

    def ask(
        self, parent: str, host: str, code: int | None = 200, *, rest: str = "manifests/3.20", **more: Any
    ) -> str:
        """A request: containerd's span about it, and its own."""
        method = more.pop("method", "HEAD")
        number = len(self.rows)
        url = url_of(host, rest)
        outer = self.add(f"o{number}", parent, HTTP_REQUEST, kind="client", attributes=[("url.full", url)])
        known: dict[str, Any] = {
            "kind": "client",
            "url": url,
            "host": host,
            "method": method,
            "status_code": code,
        }
        return self.add(f"h{number}", outer, f"HTTP {method}", **(known | more))

    def rows_of(self, *others: MadeTrace, without: tuple[str, ...] = ()) -> Rows:
        """The table ``trace_spans``, but for some spans."""
        rows = [row for one in (self, *others) for row in one.rows if row["span_id"] not in without]
        return Rows.of(SPEC.build(rows))


def table_of(rows: Rows) -> list[dict[str, Any]]:
    """Rows as dictionaries, without times: in Python they have no nanoseconds."""
    table = rows.table()
    timed = [one.name for one in table.schema if pa.types.is_timestamp(one.type)]
    found: list[dict[str, Any]] = table.drop_columns(timed).to_pylist()
    return found
