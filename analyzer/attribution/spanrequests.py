"""Requests as the spans of an exported trace tell them: host, object, kind and outcome of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa

from analyzer.attribution.spantree import Names, Numbers, SpanTree
from analyzer.tables.failures import read_failure
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.references import NamedReference, reference_of_span
from analyzer.tables.selection import int64s
from analyzer.tables.urls import RegistryURL, parse_url, upstream_host

_SIGN_IN = ("remotes.docker.resolver.FetchToken",)
_EXPORTING = ("exporting ", "pushing ")
_WRITING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True, eq=False)
class Sent:
    """A request's span.

    Attributes:
        place: Its place in the tree.
        start: When it started, in nanoseconds since 1970; 0 where that is not told.
        home: The place of the span that asked, -1 where it is missing.
        logged: The place of the nearest span above it that the log names, -1 without one.
        asked_by, asked_in: Name and ID of the span that asked; empty where it is missing.
        target: Its URL, taken apart.
        action: pull, push, or auth for a sign-in.
        kind: As in the table ``requests``.
        key: Equal for the requests for one object.
    """

    place: int
    source: str
    trace_id: str
    span_id: str
    start: int
    url: str
    method: str
    status_code: int | None
    tls: str | None
    error: str | None
    accept: str | None
    home: int
    logged: int
    asked_by: str
    asked_in: str
    target: RegistryURL
    action: str = "pull"
    kind: str = "other"
    key: tuple[object, ...] = ()

    @property
    def good(self) -> bool:
        """It was answered well, or led elsewhere: where that leads to is no registry's request."""
        return self.status_code is not None and 200 <= self.status_code < 400

    @property
    def reference(self) -> NamedReference | None:
        """The reference that was looked up."""
        return reference_of_span(self.asked_by)

    @property
    def repository(self) -> str | None:
        """The repository: of the reference, since a mirror may put a path of its own before it."""
        found, reference = self.target.repository, self.reference
        if reference is None or found is None or not found.endswith(reference.repository):
            return found
        return reference.repository

    @property
    def failure(self) -> str | None:
        """The failure's text as containerd and the log word it; None of a request that was answered."""
        if self.status_code is not None or not self.error:
            return None
        return f'failed to do request: {self.method.capitalize()} "{self.url}": {self.error}'

    @property
    def why(self) -> str:
        """What its host is known by."""
        return f"the span {self.span_id} of the exported trace"

    def row(self) -> dict[str, Any]:
        """What it tells of a request, as columns of the table ``requests``."""
        target, reference = self.target, self.reference
        named = target.resource == "manifests" and not target.digest and target.object
        text = reference.text if reference else None
        if text is None and named and self.kind != "token":
            text = f"{target.registry}/{self.repository}:{target.object}"
        failure = self.failure
        signing = self.action == "auth"
        upstream = target.host == upstream_host(target.registry)
        return {
            "time": self.start or None,
            "trace_id": self.trace_id,
            "method": self.method,
            "url": self.url,
            "scheme": target.scheme,
            "host": target.host,
            "host_evidence": "proof",
            "host_why": self.why,
            "role": None if signing else "upstream" if upstream else "mirror",
            "registry": None if signing else target.registry,
            "repository": None if signing else self.repository,
            "reference": text,
            "kind": self.kind,
            "digest": target.digest,
            "status_code": self.status_code,
            "error": failure,
            "error_kind": read_failure(failure).kind if failure else None,
            "action": self.action,
            "mirror": target.mirror,
            "tls": self.tls,
            "trace_span_id": self.span_id,
        }


def sent_by_trace(tree: SpanTree, known: Names) -> Iterator[tuple[int, list[Sent]]]:
    """The requests to registries and for sign-ins, trace by trace, each trace's in the order of their start.

    Args:
        tree: The spans.
        known: The spans that the log names (`names_of`).
    """
    http = tree.http
    if not http.num_rows:
        return
    places = int64s(http.column("place").combine_chunks())
    start = int64s(http.column("start").combine_chunks().fill_null(0))
    order = np.lexsort((places, start, tree.trace[places]))
    trace = tree.trace[places][order]
    for rows in np.split(order, np.flatnonzero(trace[1:] != trace[:-1]) + 1):
        chosen = places[rows]
        sent = _read(tree, http, rows, tree.homes(chosen), tree.logged(chosen, known))
        yield int(tree.trace[chosen[0]]), sent


_READ = (
    "source",
    "trace_id",
    "span_id",
    "start",
    "url",
    "method",
    "status_code",
    "tls",
    "error",
    "accept",
    "place",
)


def _read(tree: SpanTree, http: pa.Table, rows: Numbers, homes: Numbers, logged: Numbers) -> list[Sent]:
    chosen = http.select(list(_READ)).take(pa.array(rows.tolist(), pa.int64())).to_pylist()
    found = []
    for row, home, near in zip(chosen, homes.tolist(), logged.tolist(), strict=True):
        target = parse_url(row["url"])
        if target is None or not row["method"] or not row["span_id"]:
            continue
        holder = tree.names.get(int(tree.up[row["place"]]), "")
        signing = holder in _SIGN_IN or (not target.resource and _asks_for_token(row["url"]))
        if not signing and not target.resource:
            continue  # where a redirect led to
        row["start"] = row["start"] or 0
        sent = Sent(
            **row,
            home=home,
            logged=near,
            asked_by=tree.names.get(home, ""),
            asked_in=tree.span_ids.get(home, ""),
            target=target,
        )
        if signing:
            sent.action, sent.kind, sent.key = "auth", "token", ("auth", sent.place)
        found.append(sent)
    _tell_actions([one for one in found if one.action != "auth"])
    return found


def _asks_for_token(url: str) -> bool:
    """A token service's URL names what is asked for (distribution's token specification)."""
    parts = urlsplit(url)
    return "scope" in (asked := parse_qs(parts.query)) or ("service" in asked and "token" in parts.path)


def _tell_actions(sent: Sequence[Sent]) -> None:
    """Tell pulls from pushes, and what is asked for."""
    written = {
        (one.target.host, one.target.repository, one.home, one.target.object) for one in sent if _writes(one)
    }
    uploading = {(host, repository, home) for host, repository, home, _ in written}
    fetched = {
        (one.target.host, one.target.repository, one.home)
        for one in sent
        if one.method == "GET" and one.target.resource == "manifests"
    }
    for one in sent:
        target = one.target
        here = (target.host, target.repository, one.home)
        if one.asked_by.startswith(_EXPORTING) or _writes(one):
            one.action = "push"
        elif one.method == "HEAD" and one.reference is None:
            # a blob's existence is asked for before an upload only
            same = (*here, target.object) in written
            if target.resource == "blobs" or same or (here in uploading and here not in fetched):
                one.action = "push"
        one.kind = _kind(one)
    uploads: dict[tuple[object, ...], list[Sent]] = defaultdict(list)
    for one in sent:
        one.key = _key(one)
        if one.action == "push":
            uploads[one.trace_id, one.home, one.target.host, one.target.repository].append(one)
    for some in uploads.values():
        _join_uploads(some)


def _writes(one: Sent) -> bool:
    return one.method in _WRITING or one.target.resource == "uploads"


def _kind(one: Sent) -> str:
    target, told = one.target, kind_of_media_type(one.accept)
    if target.resource == "uploads" or _writes(one):
        return "upload"
    if target.resource == "manifests":
        if one.action == "push":
            return told or "manifest"
        return "resolve" if one.method == "HEAD" else told if told in ("index", "manifest") else "manifest"
    if target.resource == "blobs":
        if one.method == "HEAD" and one.action == "pull":
            return "resolve"
        return told if told in ("config", "layer") else "config" if one.reference else "layer"
    return "other"


def _key(one: Sent) -> tuple[object, ...]:
    target = one.target
    name = (target.repository or "").rpartition("/")[2]
    if one.action == "push":
        return (
            "push",
            one.trace_id,
            one.home,
            target.host,
            target.repository,
            target.resource,
            target.object,
        )
    # a look-up by digest asks for a manifest, then for a blob (containerd resolver.go)
    resource = "" if one.method == "HEAD" else target.resource
    return (one.method, one.trace_id, one.home, target.registry, name, resource, target.object)


def _join_uploads(sent: Iterable[Sent]) -> None:
    """Give uploads, whose URLs name no object, the objects that were found to be missing, in their order."""
    wanting: list[tuple[object, ...]] = []
    begun: list[tuple[object, ...]] = []
    for one in sent:
        if one.method == "HEAD" and one.target.resource == "blobs" and one.status_code == 404:
            wanting.append(one.key)
        elif one.target.resource == "uploads":
            begins = one.method == "POST"
            queue = wanting if begins else begun
            if queue:
                one.key = queue.pop(0)
            if begins:
                begun.append(one.key)
