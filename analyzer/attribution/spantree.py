"""The tree of spans that exported traces make up, kept as numbers: an identifier, a parent and a trace a span.

Whole spans are kept only where they are requests over HTTP; of a hundred others only the numbers are needed. So
memory is some forty bytes a span, and what the requests take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.failures import read_failure
from analyzer.tables.selection import codes_of, int64s, matches, plain, truths
from analyzer.tables.spool import Rows

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Names = np.ndarray[Any, np.dtype[np.uint64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

HTTP = r"^HTTP [A-Z]+$"
"""A request's own span (otelhttp's transport, in every version since v0.9)."""

RESOLVER = r"^remotes\.docker\.resolver\."
"""containerd's span about a request, or about signing in (remotes/docker, since v0.11): it holds the request's own
span from v0.16 on, and stands beside it before. It shows where a request's span is missing."""

_SERVER = r"^[a-z]\w*(\.\w+)+/\w+$"
"""A call answered for another process, whose own span may never come: its parent may be missing."""

SOLVE = r"^moby\.buildkit\.v1\.(Control|frontend\.LLBBridge)/Solve$"
"""The calls that make a build: of each there is a span of the caller and, in it, one of the daemon."""

_DEEPEST = 64
"""Parents that are walked up: a build's tree has ten levels, and a damaged one may be a ring."""

_MOST_FAILURES = 1000

_KEPT = {
    "source": pa.string(),
    "trace_id": pa.string(),
    "span_id": pa.string(),
    "start": pa.int64(),
    "url": pa.string(),
    "method": pa.string(),
    "status_code": pa.int64(),
    "tls": pa.string(),
    "error": pa.string(),
}


@dataclass(frozen=True, slots=True)
class SpanFailure:
    """A failure that a span tells of which is no request: a file that cannot be read, say."""

    source: str
    trace_id: str
    span_id: str
    name: str
    start: int | None
    error: str


@dataclass(eq=False)
class SpanTree:
    """The spans of all traces.

    Attributes:
        ids, parents: A name of 64 bits of each span and of its parent, 0 for none; unlike in other traces.
        trace: The trace of each, by its place in `traces`.
        traces: The IDs of the traces.
        resolver, server, solve, failed: What each span is: `RESOLVER`, `_SERVER`, `SOLVE`, ended in an error.
        http: The request spans, with the columns `_KEPT`, accept and place (which of all spans).
        failures: Failures of spans that are no requests.
        sources: The files.
        names, span_ids: Name and ID of the spans that requests lie in, by place.
    """

    ids: Names
    parents: Names
    trace: Numbers
    traces: list[str]
    resolver: Mask
    server: Mask
    solve: Mask
    failed: Mask
    starts: Numbers
    ends: Numbers
    urls: Names
    http: pa.Table
    failures: list[SpanFailure]
    sources: list[str]
    names: dict[int, str] = field(default_factory=dict)
    span_ids: dict[int, str] = field(default_factory=dict)

    @cached_property
    def _order(self) -> Numbers:
        return np.argsort(self.ids, kind="stable")

    @cached_property
    def up(self) -> Numbers:
        """The place of each span's parent, -1 where it is none or missing."""
        return self.find(self.parents)

    def find(self, names: Names) -> Numbers:
        """The places of spans by their names of 64 bits, -1 for what is not there."""
        if not len(self.ids):
            return np.full(len(names), -1, np.int64)
        order = self._order
        there = np.searchsorted(self.ids, names, sorter=order)
        place = order[np.minimum(there, len(order) - 1)]
        return np.where((self.ids[place] == names) & (names != 0), place, -1)

    def homes(self, places: Numbers) -> Numbers:
        """The nearest span above each that is not containerd's own about a request; -1 where it is missing."""
        home = self.up[places]
        for _ in range(_DEEPEST):
            again = (home >= 0) & self.resolver[home]
            if not again.any():
                break
            home = np.where(again, self.up[home], home)
        return home

    def logged(self, places: Numbers, known: Names) -> Numbers:
        """The nearest span above each whose name a log gives, -1 where there is none."""
        known = np.sort(known)
        found = np.full(len(places), -1, np.int64)
        if not len(known):
            return found
        here = self.up[places]
        for _ in range(_DEEPEST):
            open_ = (found < 0) & (here >= 0)
            if not open_.any():
                break
            ids = self.ids[here]
            near = np.minimum(np.searchsorted(known, ids), len(known) - 1)
            found = np.where(open_ & (known[near] == ids), here, found)
            here = np.where(here >= 0, self.up[here], -1)
        return found


def name_of(trace_id: str, span_id: str) -> int:
    """A span's name of 64 bits, unlike in other traces."""
    return int.from_bytes(blake2b(f"{trace_id}/{span_id}".encode(), digest_size=8).digest(), "little") or 1


def names_of(trace_ids: pa.Array, span_ids: pa.Array) -> Names:
    """The name of 64 bits of each span; 0 where the span or its trace has no ID."""
    made = [
        name_of(trace, span) if trace and span else 0
        for trace, span in zip(plain(trace_ids).to_pylist(), plain(span_ids).to_pylist(), strict=True)
    ]
    return np.array(made, np.uint64)


def read_tree(spans: Rows) -> SpanTree:
    """Read the tree out of the table ``trace_spans``."""
    reader = _Reader()
    for batch in spans.batches():
        if batch.num_rows:
            reader.take(batch)
    tree = reader.finish()
    _name_homes(tree, spans)
    return tree


class _Reader:
    """Takes spans batch by batch."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[Any]] = {name: [] for name in _NUMBERED}
        self._http: list[pa.Table] = []
        self._traces: dict[str, int] = {}
        self._sources: dict[str, None] = {}
        self._failures: list[SpanFailure] = []
        self._count = 0

    def take(self, batch: pa.RecordBatch) -> None:
        column = {name: plain(batch.column(name)) for name in batch.schema.names}
        name, url = column["name"], column["url"]
        http = truths(pc.and_(matches(name, HTTP), pc.is_valid(url)))
        codes, ids = codes_of(pc.fill_null(column["trace_id"], ""))
        numbered = np.array([self._traces.setdefault(one, len(self._traces)) for one in ids], np.int64)
        self._sources.update(dict.fromkeys(one for one in codes_of(column["source"])[1]))
        kind = matches(column["kind"], "^server$") if "kind" in column else matches(name, "^$")
        failed = truths(pc.equal(column["status"], "error"))
        found = {
            "ids": names_of(column["trace_id"], column["span_id"]),
            "parents": names_of(column["trace_id"], column["parent_span_id"]),
            "trace": numbered[codes],
            "resolver": truths(matches(name, RESOLVER)),
            "server": truths(pc.or_(kind, matches(name, _SERVER))),
            "solve": truths(matches(name, SOLVE)),
            "failed": failed,
            "starts": _times(column["start"]),
            "ends": _times(column["end"]),
            "urls": _url_names(_with_twins(url, column)),
        }
        for key, values in found.items():
            self._numbers[key].append(values)
        self._take_http(column, http)
        self._take_failures(column, failed & ~http & ~found["resolver"])
        self._count += batch.num_rows

    def _take_http(self, column: dict[str, pa.Array], mask: Mask) -> None:
        rows = np.flatnonzero(mask)
        if not len(rows):
            return
        chosen = pa.array(rows.tolist(), pa.int64())
        made = {key: column[key].take(chosen).cast(kind) for key, kind in _KEPT.items()}
        attributes = column["attributes"].take(chosen).to_pylist() if "attributes" in column else []
        accepts = [_accept(dict(one or ())) for one in attributes] or [None] * len(rows)
        made["accept"] = pa.array(accepts, pa.string())
        made["place"] = pa.array((rows + self._count).tolist(), pa.int64())
        self._http.append(pa.table(made))

    def _take_failures(self, column: dict[str, pa.Array], mask: Mask) -> None:
        told = np.flatnonzero(mask & truths(pc.is_valid(column["error"])))
        for row in told.tolist():
            if len(self._failures) >= _MOST_FAILURES:
                return
            text = column["error"][row].as_py()
            if read_failure(text).kind in TOLD_BY_SPANS:
                known = {key: column[key][row].as_py() for key in ("source", "trace_id", "span_id", "name")}
                start = column["start"][row].cast(pa.int64()).as_py()
                self._failures.append(SpanFailure(**known, start=start, error=text))

    def finish(self) -> SpanTree:
        joined: dict[str, Any] = {
            key: np.concatenate(parts) if parts else np.zeros(0, _NUMBERED[key])
            for key, parts in self._numbers.items()
        }
        http = pa.concat_tables(self._http).combine_chunks() if self._http else _no_requests()
        return SpanTree(
            **joined,
            traces=list(self._traces),
            http=http,
            failures=self._failures,
            sources=list(self._sources),
        )


TOLD_BY_SPANS = frozenset(("ca_unreadable", "keypair_unreadable", "keypair_mismatch"))
"""Failures without a request: what they are about is read before the first one (loadTLSConfig, resolver.go)."""

_NUMBERED: dict[str, Any] = {
    "ids": np.uint64,
    "parents": np.uint64,
    "trace": np.int64,
    "resolver": np.bool_,
    "server": np.bool_,
    "solve": np.bool_,
    "failed": np.bool_,
    "starts": np.int64,
    "ends": np.int64,
    "urls": np.uint64,
}

_ACCEPTS = ("http.request.header.accept", "http.accept")


def _accept(attributes: dict[str, str]) -> str | None:
    return next((attributes[key] for key in _ACCEPTS if attributes.get(key)), None)


def _times(column: pa.Array) -> Numbers:
    return int64s(pc.fill_null(column.cast(pa.int64()), 0))


def _with_twins(urls: pa.Array, column: dict[str, pa.Array]) -> pa.Array:
    """The URLs of the spans, those of containerd's own taken from their attributes."""
    twins = truths(pc.and_(matches(column["name"], RESOLVER), pc.is_null(urls)))
    rows = np.flatnonzero(twins).tolist()
    if not rows or "attributes" not in column:
        return urls
    found = [None] * len(urls)
    for row in rows:
        attributes = dict(column["attributes"][row].as_py() or ())
        found[row] = next((attributes[key] for key in _URLS if attributes.get(key)), None)
    return pc.coalesce(urls, pa.array(found, pa.string()))


_URLS = ("url.full", "http.url")


def _url_names(column: pa.Array) -> Names:
    """A number for each URL without its query, in which secrets are replaced."""
    codes, values = codes_of(column)
    bare = [one.partition("?")[0].encode() for one in values]
    made = [int.from_bytes(blake2b(one, digest_size=8).digest(), "little") or 1 for one in bare]
    chosen: Names = np.array([*made, 0], np.uint64).take(codes)
    return chosen


def _no_requests() -> pa.Table:
    fields = {**_KEPT, "accept": pa.string(), "place": pa.int64()}
    return pa.table({key: pa.array([], kind) for key, kind in fields.items()})


def _name_homes(tree: SpanTree, spans: Rows) -> None:
    """Find the names of the spans that requests lie in; a second reading costs less than to keep all names."""
    places = int64s(tree.http.column("place").combine_chunks())
    wanted = set(tree.homes(places).tolist()) - {-1}
    wanted |= set(tree.up[places].tolist()) - {-1}
    for place, name, span_id in _picked(spans, np.array(sorted(wanted), np.int64)):
        tree.names[place], tree.span_ids[place] = name, span_id


def _picked(spans: Rows, places: Numbers) -> Iterator[tuple[int, str, str]]:
    first = 0
    for batch in spans.batches():
        here = places[(places >= first) & (places < first + batch.num_rows)]
        if len(here):
            rows = pa.array((here - first).tolist(), pa.int64())
            told = (plain(batch.column(name)).take(rows).to_pylist() for name in ("name", "span_id"))
            yield from zip(here.tolist(), *([text or "" for text in texts] for texts in told), strict=True)
        first += batch.num_rows
