"""Given: requests that were answered well at once, found and made rows on whole columns.

They are most of a log. A span says `fetch`, since v0.23 `fetching layer`, then `do request` and `fetch response
received` with a good status, one after the other about one object; a look-up begins with `resolving` instead. Of
these nothing is left to find out but the object and the place of the host, which hang on what came before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.arrays import to_arrow
from analyzer.tables.eventfields import EventFields, Mask, Numbers, strings_of
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.references import reference_of_span
from analyzer.tables.selection import codes_of, int64s, truths
from analyzer.tables.urls import DOCKER_HUB, DOCKER_HUB_HOST

REACH = 1 << 17
"""Records (some 40 MB of log) over which what a log tells of one request may be spread. Longer silence ends it: a
late answer then stands alone, which the coverage tells."""

LAYER, RESOLVE, FETCH = range(3)
"""How a request came to be: by its URL, in a look-up, or for what a look-up found."""

_KINDS = {
    "fetch": 1,
    "fetching layer": 2,
    "do request": 3,
    "fetch response received": 4,
    "resolving": 5,
}
_FETCHED, _ANNOUNCED, _REQUEST, _ANSWER, _RESOLVING = _KINDS.values()

_PLAIN_URL = (
    r"^(?P<scheme>https?)://(?P<host>[a-z0-9.:-]+)(?:/[A-Za-z0-9._/-]+)?/v2/(?P<repository>[a-z0-9._/-]+?)"
    r"/(?P<resource>manifests|blobs)/sha256:[0-9a-f]{64}(?:\?ns=(?P<registry>[a-z0-9.:-]+))?$"
)
"""A URL of which nothing but its parts can be meant; every other is read by `parse_url`."""

COLUMNS = (
    "record",
    "response_record",
    "line",
    "response_line",
    "source",
    "stream",
    "time",
    "response_time",
    "trace_id",
    "span_id",
    "span",
    "method",
    "url",
    "scheme",
    "host",
    "host_evidence",
    "host_why",
    "role",
    "registry",
    "repository",
    "reference",
    "kind",
    "digest",
    "media_type",
    "size",
    "status_code",
    "fingerprint",
    "mirror",
)
"""What is known of each, as in the table ``requests``; what is not here is null, but for action and pairing."""


@dataclass(slots=True, eq=False)
class Given:
    """A request that was answered well at once. It stands where an exchange does, and changes no more.

    Attributes:
        row: Its row in the columns of its batch.
        way: LAYER, RESOLVE or FETCH.
        announced: The record of the `fetching layer` before it, -1 without one.
        content_digest: The answer's digest.
        content_length: The answer's length, as text.
        object: The object's number.
        position: The place of the host.
        settled: Nothing will change it any more.
        failures: Events that tell of a failure after the answer.
    """

    row: int
    way: int
    announced: int
    record: int
    line: int
    source: str
    stream: str | None
    trace_id: str | None
    span_id: str | None
    span: str | None
    url: str | None
    scheme: str | None
    host: str | None
    registry: str | None
    repository: str | None
    digest: str | None
    accept: str | None
    content_digest: str | None
    content_length: str | None
    status_code: int
    object: int | None = None
    position: int | None = None
    doubtful: bool = False
    epoch: int = 0
    good: bool = True
    closed: bool = True
    settled: bool = True
    error: str | None = None
    failures: tuple[Any, ...] = ()
    columns: pa.RecordBatch | None = field(default=None, repr=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Given:
        return Given(*_FIELDS(self))


_FIELDS = attrgetter(*(one.name for one in fields(Given)))


@dataclass(frozen=True, slots=True)
class GivenColumns:
    """The given requests of a batch.

    Attributes:
        columns: `COLUMNS` of each, and accept, content_digest and content_length.
        ways: How each came to be.
        announced: The record of the `fetching layer` before each, -1 without one.
        rows: The events that make up each, in their order; -1 where there is none.
    """

    columns: pa.RecordBatch
    ways: Numbers
    announced: Numbers
    rows: Numbers

    def build(self) -> list[Given]:
        """Each of them."""
        column = {name: self.columns.column(name) for name in self.columns.schema.names}
        # many requests say the same, and wait long: equal texts are one
        known: dict[str | None, str | None] = {}
        texts = (
            "source",
            "stream",
            "trace_id",
            "span_id",
            "span",
            "url",
            "scheme",
            "host",
            "registry",
            "repository",
            "digest",
            "accept",
            "content_digest",
            "content_length",
        )
        return list(
            map(
                Given,
                range(len(self.ways)),
                self.ways.tolist(),
                self.announced.tolist(),
                column["record"].to_pylist(),
                column["line"].to_pylist(),
                *([known.setdefault(text, text) for text in strings_of(column[name])] for name in texts),
                column["status_code"].to_pylist(),
            )
        )


def find_given(columns: pa.RecordBatch, fields: EventFields) -> GivenColumns:
    """Find the given requests among the events of a batch.

    Args:
        columns: record, line, source, stream, time, message, trace_id, span_id and span of each event.
        fields: Their fields.
    """
    codes, names = codes_of(columns.column("message"))
    kind = np.array([*(_KINDS.get(name, 0) for name in names), 0], np.int64)[codes]
    record = int64s(columns.column("record"))
    named = fields.has("url") | fields.has("host") | fields.has("digest")
    usable = _Usable(kind, fields)
    found = [
        _find(kind, record, usable, _objects(columns, fields, named), lookups=False),
        _find(kind, record, usable, _lookups(columns, named), lookups=True),
    ]
    rows = np.concatenate([rows for rows, _ in found])
    ways = np.concatenate([ways for _, ways in found])
    plain = pc.extract_regex(fields.texts("url", rows[:, 2]), _PLAIN_URL)
    order = np.flatnonzero((ways != LAYER) | truths(pc.is_valid(plain)))
    order = order[np.argsort(rows[order, 2], kind="stable")]
    rows, ways, plain = rows[order], ways[order], plain.take(to_arrow(order))
    made = _columns(columns, fields, rows, ways, plain)
    announced = np.where((rows[:, 1] >= 0) & (ways != RESOLVE), record[rows[:, 1]], -1)
    return GivenColumns(made, ways, announced, rows)


class _Usable:
    """Which requests and answers are of the plain kind."""

    def __init__(self, kind: Numbers, fields: EventFields) -> None:
        plain_size = ~fields.has("size") | fields.matches("size", r"^[0-9]{1,18}$")
        request = (kind == _REQUEST) & ~fields.has("request.header.range") & ~fields.has("host") & plain_size
        answer = (kind == _ANSWER) & fields.matches("response.status", r"^[23][0-9][0-9]( |$)")
        self.answer = answer & ~fields.has("response.header.www-authenticate") & ~fields.has("host")
        self.fetch = request & fields.matches("request.method", "^GET$")
        self.resolve = request
        self.told_digest = fields.has("response.header.docker-content-digest")
        self.url = fields.codes("url")


def _objects(columns: pa.RecordBatch, fields: EventFields, named: Mask) -> tuple[Numbers, Numbers]:
    """The events that name an object, and a number for their span and object."""
    digest = fields.codes("digest")
    rows = np.flatnonzero(named & (digest >= 0))
    group = _codes(columns, "trace_id", "span_id")[rows] * (int(digest.max(initial=0)) + 1) + digest[rows]
    return rows, group


def _lookups(columns: pa.RecordBatch, named: Mask) -> tuple[Numbers, Numbers]:
    """The events of look-ups that name neither host nor object, and a number for their span."""
    codes, names = codes_of(columns.column("span"))
    looking = np.array([*(reference_of_span(name) is not None for name in names), False], np.bool_)[codes]
    rows = np.flatnonzero(looking & ~named)
    return rows, _codes(columns, "trace_id", "span_id", "span")[rows]


def _codes(columns: pa.RecordBatch, *names: str) -> Numbers:
    """A number for each combination of values."""
    joined = np.zeros(columns.num_rows, np.int64)
    for name in names:
        codes, values = codes_of(columns.column(name))
        joined = joined * (len(values) + 1) + codes
    return joined


def _find(
    kind: Numbers, record: Numbers, usable: _Usable, grouped: tuple[Numbers, Numbers], *, lookups: bool
) -> tuple[Numbers, Numbers]:
    """The events of given requests, four each, and how each came to be."""
    rows, group = grouped
    sort = np.argsort(group, kind="stable")
    rows, group = rows[sort], group[sort]
    none = np.zeros((0, 4), np.int64), np.zeros(0, np.int64)
    if len(rows) < 2:
        return none
    place = np.arange(len(rows))
    first = np.concatenate(([True], group[1:] != group[:-1]))
    start = np.maximum.accumulate(np.where(first, place, 0))
    kinds = kind[rows]

    def before(steps: int, wanted: int) -> Mask:
        """Where the event some steps before, in the same group, is of a kind."""
        found = np.zeros(len(rows), np.bool_)
        found[steps:] = kinds[:-steps] == wanted
        return found & (place - steps >= start)

    answered = np.zeros(len(rows), np.bool_)
    answered[:-1] = usable.answer[rows[1:]] & ~first[1:]
    announced = before(1, _ANNOUNCED)
    if lookups:
        told = np.zeros(len(rows), np.bool_)
        told[:-1] = usable.told_digest[rows[1:]]
        resolve = answered & usable.resolve[rows] & before(1, _RESOLVING) & told
        fetch = answered & usable.fetch[rows] & (before(1, _FETCHED) | (announced & before(2, _FETCHED)))
        chosen = np.flatnonzero(resolve | fetch)
        ways = np.where(resolve[chosen], RESOLVE, FETCH)
    else:
        # its fetch is in the batch: nothing else need be known to tell that none is missing
        fetched = np.maximum.accumulate(np.where(kinds == _FETCHED, place, -1)) >= start
        answered[:-1] &= usable.url[rows[:-1]] == usable.url[rows[1:]]
        chosen = np.flatnonzero(answered & usable.fetch[rows] & (usable.url[rows] >= 0) & fetched)
        ways = np.full(len(chosen), LAYER, np.int64)
    if not len(chosen):
        return none
    second = np.where((announced | before(1, _RESOLVING))[chosen], rows[chosen - 1], -1)
    begun = np.where(announced, 2, 1)[chosen]
    fetch_row = np.where(ways == FETCH, rows[chosen - begun], -1)
    events = np.stack([fetch_row, second, rows[chosen], rows[chosen + 1]], axis=1)
    # what lies further apart is let go of in between
    earliest = np.where(fetch_row >= 0, fetch_row, np.where(second >= 0, second, rows[chosen]))
    near = record[events[:, 3]] - record[earliest] <= REACH
    return events[near], ways[near]


def _columns(
    columns: pa.RecordBatch, fields: EventFields, rows: Numbers, ways: Numbers, plain: pa.Array
) -> pa.RecordBatch:
    """What is known of given requests; ``plain`` are the parts of their URLs."""
    asked, answered = rows[:, 2], rows[:, 3]
    request, answer = columns.take(to_arrow(asked)), columns.take(to_arrow(answered))
    made: dict[str, pa.Array] = {
        name: request.column(name)
        for name in ("record", "line", "source", "stream", "time", "trace_id", "span_id", "span")
    }
    for name, key in (
        ("method", "request.method"),
        ("url", "url"),
        ("media_type", "mediatype"),
        ("accept", "request.header.accept"),
    ):
        made[name] = fields.texts(key, asked)
    for name in ("record", "line", "time"):
        made[f"response_{name}"] = answer.column(name)
    made["content_digest"] = fields.texts("response.header.docker-content-digest", answered)
    made["content_length"] = fields.texts("response.header.content-length", answered)
    status = pc.utf8_slice_codeunits(fields.texts("response.status", answered), 0, 3)
    made["status_code"] = status.cast(pa.int64())
    made["size"] = fields.texts("size", asked).cast(pa.int64())
    made["digest"] = pc.coalesce(fields.texts("digest", asked), made["content_digest"])
    made["fingerprint"] = _fingerprints(fields, answered)
    made["kind"] = _object_kinds(made, fields.texts("response.header.content-type", answered), ways)
    made |= _hosts(plain, made["span"])
    return pa.RecordBatch.from_pydict(made)


def _fingerprints(fields: EventFields, answered: Numbers) -> pa.Array:
    hub = fields.has("response.header.docker-ratelimit-source")[answered]
    google = fields.has_any("response.header.x-g")[answered]
    codes = np.where(hub, 0, np.where(google, 1, -1)).astype(np.int64)
    return _words(("docker-hub", "google"), codes)


def _words(words: tuple[str, ...], codes: Numbers) -> pa.Array:
    there = codes >= 0
    return pa.array(words, pa.string()).take(to_arrow(np.where(there, codes, 0), there))


def _object_kinds(made: dict[str, pa.Array], content_type: pa.Array, ways: Numbers) -> pa.Array:
    """What each request is for; of few distinct media types, so each is read once."""
    parts = [codes_of(one) for one in (made["media_type"], made["accept"], content_type)]
    manifest = pc.fill_null(pc.match_substring(made["url"], "/manifests/"), False)
    joined = ways * 2 + int64s(manifest.cast(pa.int64()))
    for codes, values in parts:
        joined = joined * (len(values) + 1) + codes
    _, where, inverse = np.unique(joined, return_index=True, return_inverse=True)
    kinds = []
    for place in where.tolist():
        media, accept, content = ([*values, None][codes[place]] for codes, values in parts)
        kind = kind_of_media_type(media if ways[place] == LAYER else None) or kind_of_media_type(accept)
        if ways[place] == RESOLVE:
            kind = "resolve"
        elif kind is None and manifest[place].as_py():
            kind = "manifest"
        kinds.append(kind or kind_of_media_type(content) or "other")
    return pa.array(kinds, pa.string()).take(to_arrow(inverse.astype(np.int64)))


def _hosts(parts: pa.Array, span: pa.Array) -> dict[str, pa.Array]:
    """Host and registry, of the URL's parts or, where there is none, of the look-up's reference."""
    scheme, host, repository, named = (
        pc.struct_field(parts, name) for name in ("scheme", "host", "repository", "registry")
    )
    by_url = pc.is_valid(parts)
    nothing = pa.scalar(None, pa.string())
    mirror = pc.if_else(by_url, pc.greater(pc.utf8_length(named), 0), pa.scalar(None, pa.bool_()))
    own = pc.if_else(pc.equal(host, DOCKER_HUB_HOST), DOCKER_HUB, host)
    codes, names = codes_of(span)
    references = [reference_of_span(name) for name in names]
    looked_up = [
        pa.array([*(getattr(one, name) if one else None for one in references), None], pa.string()).take(
            to_arrow(codes)
        )
        for name in ("registry", "repository", "text")
    ]
    registry = pc.if_else(by_url, pc.if_else(mirror, named, own), looked_up[0])
    upstream = pc.if_else(pc.equal(registry, DOCKER_HUB), DOCKER_HUB_HOST, registry)
    return {
        "scheme": scheme,
        "host": host,
        "mirror": mirror,
        "registry": registry,
        "repository": pc.if_else(by_url, repository, looked_up[1]),
        "reference": pc.if_else(by_url, nothing, looked_up[2]),
        "role": pc.if_else(by_url, pc.if_else(pc.equal(host, upstream), "upstream", "mirror"), nothing),
        "host_why": pc.if_else(by_url, "the URL is logged", nothing),
        "host_evidence": pc.if_else(by_url, "proof", "none"),
    }
