"""Exchanges: requests with their answers while a log is read, and what is seen to be missing on the way.

The sequences (module ``sequences``) fill these; ``requests`` makes the table of them.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from analyzer.tables.events import WANTED, Event
from analyzer.tables.failures import read_failure
from analyzer.tables.given import REACH, Given
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.urls import RegistryURL, find_url, parse_url, upstream_host

_REALM = re.compile(r'realm="https?://(?P<host>[^/"]+)')
_RANGE = re.compile(r"bytes=(\d+)-")
_DOCKER_HUB_REALM = "auth.docker.io"

_GOOGLE_HEADERS = frozenset(key for key in WANTED if key.startswith("response.header.x-g"))


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and, once it came, its answer. Attributes are the columns of the table ``requests``."""

    record: int
    line: int
    source: str
    stream: str | None
    epoch: int
    time: int | None
    trace_id: str | None
    span_id: str | None
    span: str | None
    method: str | None
    url: str | None = None
    scheme: str | None = None
    host: str | None = None
    host_why: str | None = None
    mirror: bool | None = None
    registry: str | None = None
    repository: str | None = None
    reference: str | None = None
    kind: str = "other"
    digest: str | None = None
    media_type: str | None = None
    accept: str | None = None
    offset: int | None = None
    size: int | None = None
    action: str = "pull"
    object: int | None = None
    position: int | None = None
    response_record: int | None = None
    response_line: int | None = None
    response_time: int | None = None
    status_code: int | None = None
    error: str | None = None
    fingerprint: str | None = None
    pairing: str = "none"
    inferred: bool = False
    """The host is not named by the log; `host_why` says what it is known by."""
    last: bool = False
    """Its refusal is logged as the last host's (``fetch failed`` at level info, since v0.19)."""
    doubtful: bool = False
    """Its place hangs on an earlier request that got no answer, and no line says why; or lines before it are lost."""
    closed: bool = False
    """Nothing more is expected: it was answered, failed, or was given up for another host."""
    settled: bool = False
    """Nothing will change it any more: it can leave for the table."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Exchange:
        return Exchange(*_FIELDS(self))  # nothing in it changes by itself

    @property
    def good(self) -> bool:
        """The answer gave what was asked for (redirects are followed before they are logged)."""
        return self.status_code is not None and 200 <= self.status_code < 400

    @property
    def role(self) -> str | None:
        """Mirror or upstream; None where host or registry are not known."""
        if self.host is None or self.registry is None:
            return None
        return "upstream" if self.host == upstream_host(self.registry) else "mirror"

    @property
    def host_evidence(self) -> str:
        """How the host is known: proof, inference or none."""
        if self.host is None:
            return "none"
        return "inference" if self.inferred else "proof"

    @property
    def error_kind(self) -> str | None:
        """The failure, classified as in the table ``problems``."""
        return read_failure(self.error).kind if self.error else None

    @property
    def outcome(self) -> str:
        """The answer in a word: a status code, the kind of the failure, or ``no answer``."""
        if self.status_code is not None:
            return str(self.status_code)
        return self.error_kind or "no answer"

    def name_host(self, url: RegistryURL, why: str) -> None:
        """Take the host from a URL, unless it is known already."""
        if self.host is not None:
            return
        self.host, self.scheme, self.host_why = url.host, url.scheme, why
        self.mirror = url.mirror
        self.registry = self.registry or url.registry
        self.repository = self.repository or url.repository
        if url.digest and not self.digest:
            self.digest = url.digest

    def answer(self, event: Event, pairing: str) -> None:
        """Take the answer from its record."""
        self.response_record, self.response_line = event.record, event.line
        self.response_time = event.time
        self.status_code = status_of(event)
        self.pairing = pairing
        self.fingerprint = fingerprint_of(event)
        self.closed = True
        told = event.fields.get("response.header.docker-content-digest")
        if told and self.digest is None and self.action == "pull" and self.good:
            self.digest = told
        if self.kind == "other" and self.action == "pull":
            self.kind = kind_of_media_type(event.fields.get("response.header.content-type")) or self.kind

    def fail(self, event: Event) -> None:
        """Take the failure from a record that tells of it."""
        self.closed = True
        self.last = event.level == "info" and event.message.startswith("fetch failed")
        if self.error is None:
            self.error = event.error
        url = find_url(event.error)
        if url is not None:
            self.name_host(url, "the error names the URL")


_FIELDS = attrgetter(*(one.name for one in fields(Exchange)))


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is seen to be missing: why, and the record that shows it."""

    reason: str
    record: int
    line: int
    source: str
    stream: str | None

    def __deepcopy__(self, memo: dict[int, Any]) -> Gap:
        return self


OBJECT_REACH = 2 * REACH
"""Records over which the requests for one object may be spread; what is asked for later is asked for anew."""

MOST_GAPS = 100
"""Gaps of one kind that are noted of one start: more say nothing new."""


@dataclass(slots=True)
class Window:
    """The exchanges that may still change, of all starts, in the order of their records.

    Memory holds what was asked lately, whatever the size of the log; what is settled leaves by `release`.
    """

    exchanges: deque[Exchange | Given] = field(default_factory=deque)
    gaps: list[Gap] = field(default_factory=list)
    objects: int = 0

    def release(self) -> Iterator[Exchange | Given]:
        """The exchanges that are settled, up to the first that is not."""
        exchanges = self.exchanges
        while exchanges and exchanges[0].settled:
            yield exchanges.popleft()


class Ledger:
    """The exchanges and gaps of one start of the daemon, noted as they come.

    Args:
        window: Where exchanges and gaps of all starts are kept in order.
        epoch: The number of the start.
    """

    def __init__(self, window: Window, epoch: int) -> None:
        self.epoch = epoch
        self._window = window
        self._noted: Counter[str] = Counter()

    def new_object(self) -> int:
        """A number for the next object fetched or pushed."""
        self._window.objects += 1
        return self._window.objects - 1

    def open(self, event: Event) -> Exchange:
        """Note a request (or an answer whose request is lost)."""
        fields = event.fields
        get = fields.get
        size, resumed = get("size"), get("request.header.range")
        exchange = Exchange(
            event.record,
            event.line,
            event.source,
            event.stream,
            self.epoch,
            event.time,
            event.trace_id,
            event.span_id,
            event.span,
            get("request.method"),
            get("url"),
            digest=get("digest"),
            media_type=get("mediatype"),
            accept=get("request.header.accept"),
            size=_number(size) if size else None,
        )
        if resumed and (found := _RANGE.match(resumed)):
            exchange.offset = _number(found[1])
        url = parse_url(exchange.url) if exchange.url else None
        if url is not None:
            exchange.name_host(url, "the URL is logged")
        elif "host" in fields:
            exchange.host, exchange.host_why = fields["host"], "host= is logged"
        self._window.exchanges.append(exchange)
        return exchange

    def take(self, given: Given) -> None:
        """Note a request that was answered well at once."""
        given.epoch = self.epoch
        self._window.exchanges.append(given)

    def gap(self, reason: str, at: Event | Exchange | Given) -> None:
        """Note what is missing, at the record that shows it."""
        self._noted[reason] += 1
        if self._noted[reason] <= MOST_GAPS:
            self._window.gaps.append(Gap(reason, at.record, at.line, at.source, at.stream))


def _number(text: str | None) -> int | None:
    """A number of a log as a table holds it; None for what is none, or too large for one."""
    try:
        number = int(text) if text else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1 << 63 else None


def status_of(event: Event) -> int | None:
    """The status code of an answer; Go writes ``404 Not Found``."""
    return _status(event.fields.get("response.status", ""))


@lru_cache(maxsize=256)
def _status(text: str) -> int | None:
    return _number(text.partition(" ")[0])


def fingerprint_of(event: Event) -> str | None:
    """Whose headers an answer carries.

    Returns:
        ``docker-hub`` for the headers that only Docker Hub sends (its token realm, its rate limit's source
        address), ``google`` for those of Google's storage (``x-goog-*``, as mirror.gcr.io answers),
        ``realm:HOST`` for a challenge that names another token service, None for none of them.
    """
    fields = event.fields
    challenge = fields.get("response.header.www-authenticate")
    realm = _REALM.search(challenge) if challenge else None
    if "response.header.docker-ratelimit-source" in fields or (realm and realm["host"] == _DOCKER_HUB_REALM):
        return "docker-hub"
    if not _GOOGLE_HEADERS.isdisjoint(fields):
        return "google"
    return f"realm:{realm['host'].lower()}" if realm else None
