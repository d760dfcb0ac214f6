"""Named requests: those that carry their URL, whatever the version.

All requests of BuildKit v0.10 to v0.15 and of dockerd, and layers, cache imports and most pushes of later ones.
Answers are found by span and URL. The hosts asked for one object, in their order, tell the loaded list of hosts:
containerd asks mirrors first to last, then upstream, and starts again at the first for each object and for
each resumed read (``remotes/docker/fetcher.go``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from analyzer.tables.digests import Digests
from analyzer.tables.events import Event
from analyzer.tables.exchanges import OBJECT_REACH, Exchange, Ledger
from analyzer.tables.given import Given
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.urls import RegistryURL, find_url, parse_url

Endpoint = tuple[str | None, str, str | None]
"""Scheme, host and repository: two mirrors may be two paths of one host."""


@dataclass(slots=True)
class _Object:
    """An object that is fetched or pushed: the hosts asked in this round, and the first and latest request."""

    number: int
    repository: str | None
    first: int
    hosts: list[Endpoint] = field(default_factory=list)
    latest: Exchange | Given | None = None


class NamedRequests:
    """The state of the named requests of one span, or of all of a daemon that writes no trace IDs.

    Args:
        ledger: Where requests and gaps are noted.
        fetched: Digests that any span of this start fetched.
    """

    def __init__(self, ledger: Ledger, fetched: Digests) -> None:
        self.ledger = ledger
        self.fetched = fetched
        self.last = 0
        self.waiting: dict[str, list[Exchange]] = {}
        self.latest_of_digest: dict[str, Exchange | Given] = {}
        self.latest_of_host: dict[str, Exchange] = {}
        self.objects: dict[tuple[object, ...], list[_Object]] = {}
        self.pushed: dict[str, int] = {}
        self.resolving: dict[str, list[int]] = {}
        self.resolved: dict[str, list[int]] = {}
        self.announced: dict[str, Event] = {}
        self.layered: dict[str, int] = {}
        self.challenged: dict[str, list[Exchange]] = {}

    @property
    def size(self) -> int:
        """How much is kept in mind."""
        return len(self.objects) + len(self.waiting) + len(self.pushed) + len(self.resolving)

    def handle(self, event: Event) -> None:
        """Take the next event."""
        self.last = event.record
        message, fields = event.message, event.fields
        if message == "do request":
            self._request(event)
        elif message == "fetch response received":
            self._answer(event)
        elif message == "fetching layer" and "digest" in fields:
            self._fetching(event)
        elif message == "fetch" and "digest" in fields:
            self.fetched.add(fields["digest"])
        elif message == "checking and pushing to":
            self.pushed[fields["url"]] = event.record
        elif message == "resolving" and "host" in fields:
            self.resolving.setdefault(fields["host"], []).append(event.record)
        elif message == "resolved" and "host" in fields:
            self._resolved(event)
        elif message == "Unauthorized":
            self._unauthorized(event)
        elif message.startswith(("trying next host", "fetch failed")):
            self._fail(event)

    def handle_given(self, given: Given) -> bool:
        """Take a request that was answered well at once, and whose digest a `fetch` told before.

        Returns:
            False where what came before makes it another case, and its events must be taken one by one.
        """
        url, digest = given.url, given.digest
        assert url is not None
        assert digest is not None
        if url in self.waiting or url in self.pushed or digest in self.announced:
            return False
        if given.announced >= 0:
            self.layered[digest] = given.announced
        elif digest in self.layered:
            return False
        self.last = given.record
        registry, repository, host = given.registry, given.repository, given.host
        assert registry is not None
        assert host is not None
        state = self._state_of(("pull", False, registry, digest), repository, given.record)
        given.object = state.number
        given.position = _take_place(state, (given.scheme, host, repository))
        if state.latest is not None and not state.latest.closed and state.latest.host != host:
            state.latest.closed = True
        state.latest = self.latest_of_digest[digest] = given
        self.ledger.take(given)
        return True

    def finish(self, explains: Callable[[Event], bool]) -> None:
        """No more events come.

        Args:
            explains: Whether the end of a build explains what it did not do any more.
        """
        self.forget(None, explains)

    def forget(self, before: int | None, explains: Callable[[Event], bool]) -> None:
        """Let go of what nothing was heard of since a record: memory must not grow with the log.

        Args:
            before: The record; None lets go of everything.
            explains: Whether the end of a build explains what it did not do any more.
        """
        for challenged in _drop_old(self.challenged, before, lambda refused: refused[-1].record):
            for exchange in challenged:
                self.ledger.gap("a 401 without the line that follows it", exchange)
        for event in _drop_old(self.announced, before, lambda event: event.record):
            if not explains(event):
                self.ledger.gap("a host was to be asked and no request follows", event)
        for url, waiting in list(self.waiting.items()):
            for exchange in waiting:
                exchange.settled = before is None or exchange.record < before
            kept = [exchange for exchange in waiting if not exchange.settled]
            if kept:
                self.waiting[url] = kept
            else:
                del self.waiting[url]
        if before is None:
            return
        _drop_old(self.latest_of_digest, before, lambda exchange: exchange.record)
        _drop_old(self.latest_of_host, before, lambda exchange: exchange.record)
        _drop_old(self.objects, before, lambda states: max(state.first for state in states))
        for records in (self.pushed, self.layered):
            _drop_old(records, before, lambda record: record)
        for counted in (self.resolving, self.resolved):
            _drop_old(counted, before, lambda records: records[-1] if records else 0)

    def _request(self, event: Event) -> None:
        exchange = self.ledger.open(event)
        text = exchange.url or ""
        url = parse_url(text)
        method = exchange.method
        if method in ("POST", "PUT", "PATCH", "DELETE") or text in self.pushed:
            exchange.action = "push"
        exchange.kind = _kind(exchange, url)
        pull = exchange.action == "pull"
        if pull and method == "HEAD" and "host" in event.fields:
            self._expect_resolving(event, event.fields["host"])
        elif pull and method == "GET" and exchange.digest:
            self._expect_fetch(event, exchange.digest)
            self._expect_announcement(event, exchange)
        self._place(exchange, url)
        waiting = self.waiting.get(text)
        if waiting is None:
            self.waiting[text] = [exchange]
        else:
            waiting.append(exchange)

    def _place(self, exchange: Exchange, url: RegistryURL | None) -> None:
        """Give a request its object, and its place in the order of hosts."""
        state = self._object_of(exchange, url)
        exchange.object = state.number
        if exchange.action == "pull" and exchange.host:
            exchange.position = _take_place(state, (exchange.scheme, exchange.host, exchange.repository))
        if state.latest is not None and not state.latest.closed and state.latest.host != exchange.host:
            state.latest.closed = True
        state.latest = exchange
        if exchange.digest:
            self.latest_of_digest[exchange.digest] = exchange
        if exchange.host and not (exchange.digest and exchange.method == "GET"):
            self.latest_of_host[exchange.host] = exchange

    def _expect_resolving(self, event: Event, host: str) -> None:
        """A look-up's first request to a host follows its ``resolving``; further ones follow a refusal."""
        announced = self.resolving.get(host)
        if announced:
            announced.pop()
            return
        earlier = self.latest_of_host.get(host)
        if earlier is None or earlier.good:
            self.ledger.gap("a request without the line before it", event)

    def _expect_fetch(self, event: Event, digest: str) -> None:
        """An image's object is asked for after ``fetch``; a cache import, which names no media type, is not."""
        if "mediatype" in event.fields and digest not in self.fetched:
            self.ledger.gap("a request without its `fetch`", event)
            self.fetched.add(digest)

    def _expect_announcement(self, event: Event, exchange: Exchange) -> None:
        """Since v0.23 a ``fetching layer`` stands before the first request to each host."""
        digest = exchange.digest or ""
        if digest not in self.layered:
            return
        if self.announced.pop(digest, None) is not None or exchange.offset:
            return
        latest = self.latest_of_digest.get(digest)
        if latest is None or latest.good or latest.host != exchange.host:
            self.ledger.gap("a request without the line before it", event)

    def _object_of(self, exchange: Exchange, url: RegistryURL | None) -> _Object:
        """The object that a request is for; path mirrors put their own path before the repository."""
        if url is None:
            return _Object(self.ledger.new_object(), None, exchange.record)
        item = exchange.digest or url.object or url.resource
        # looking a tag up is one object and fetching what it names another; a push asks before it sends
        looked_up = exchange.action == "pull" and exchange.method == "HEAD"
        key = (exchange.action, looked_up, url.registry, item)
        return self._state_of(key, url.repository, exchange.record)

    def _state_of(self, key: tuple[object, ...], repository: str | None, record: int) -> _Object:
        found = self.objects.get(key)
        if found is None:
            found = self.objects[key] = []
        for place, state in enumerate(found):
            if _same_repository(state.repository, repository):
                if record - state.first <= OBJECT_REACH:
                    return state
                # so long after, it is asked for anew
                found[place] = _Object(self.ledger.new_object(), repository, record)
                return found[place]
        state = _Object(self.ledger.new_object(), repository, record)
        found.append(state)
        return state

    def _answer(self, event: Event) -> None:
        text = event.fields.get("url", "")
        exchange = self._take_waiting(text)
        if exchange is not None:
            exchange.answer(event, "inferred" if text in self.waiting else "exact")
            exchange.settled = True
        else:
            self.ledger.gap("an answer without its request", event)
            exchange = self.ledger.open(event)
            url = parse_url(text)
            exchange.kind = _kind(exchange, url)
            if text in self.pushed:
                exchange.action = "push"
            state = self._object_of(exchange, url)
            exchange.object = state.number
            state.latest = exchange
            exchange.answer(event, "none")
            exchange.settled = True
        if exchange.status_code == 401:
            self.challenged.setdefault(_refusal_key(event), []).append(exchange)
        if "host" in event.fields and exchange.good:
            self.resolved.setdefault(event.fields["host"], []).append(event.record)

    def _take_waiting(self, url: str) -> Exchange | None:
        """The oldest request to this URL that still waits for its answer."""
        waiting = self.waiting.get(url)
        if not waiting:
            return None
        exchange = waiting.pop(0)
        if not waiting:
            del self.waiting[url]
        return exchange

    def _resolved(self, event: Event) -> None:
        answered = self.resolved.get(event.fields["host"])
        if answered:
            answered.pop()
        else:
            self.ledger.gap("`resolved` without a good answer", event)

    def _fetching(self, event: Event) -> None:
        digest = event.fields["digest"]
        self._expect_fetch(event, digest)
        if digest in self.announced:
            self.ledger.gap("a host was to be asked and no request follows", event)
        self.layered[digest] = event.record
        self.announced[digest] = event

    def _unauthorized(self, event: Event) -> None:
        refused = self.challenged.get(_refusal_key(event))
        if refused:
            refused.pop(0)
            if not refused:
                del self.challenged[_refusal_key(event)]
        else:
            self.ledger.gap("`Unauthorized` without its 401", event)

    def _fail(self, event: Event) -> None:
        """Give a failure to its request: by the URL in its text, else by host, else by digest."""
        if event.error is None:
            return
        url = find_url(event.error)
        host = url.host if url else event.fields.get("host")
        digest = event.fields.get("digest")
        for text, waiting in self.waiting.items():
            if url and parse_url(text) != url:
                continue
            exchange = waiting[0]
            if not url and not digest and exchange.digest and exchange.method == "GET":
                continue  # what is said of an object's request names the object
            if (host and exchange.host != host) or (digest and exchange.digest != digest):
                continue
            exchange.fail(event)
            exchange.settled = True
            self._take_waiting(text)
            return


K = TypeVar("K")
V = TypeVar("V")


def _drop_old(known: dict[K, V], before: int | None, record_of: Callable[[V], int]) -> list[V]:
    """Take the entries out that nothing was heard of since a record, or all; their values."""
    old = [key for key, value in known.items() if before is None or record_of(value) < before]
    return [known.pop(key) for key in old]


def _kind(exchange: Exchange, url: RegistryURL | None) -> str:
    if url is None:
        return "other"
    if url.resource == "uploads":
        return "upload"
    told = kind_of_media_type(exchange.media_type) or kind_of_media_type(exchange.accept)
    if exchange.action == "push":
        return "manifest" if url.resource == "manifests" else told or "other"
    if url.resource == "manifests":
        by_tag = url.digest is None
        return "resolve" if by_tag or exchange.method == "HEAD" else told or "manifest"
    return told or "other"


def _take_place(state: _Object, endpoint: Endpoint) -> int:
    """The place of a host in the order in which hosts are asked for this object."""
    hosts = state.hosts
    if hosts and endpoint == hosts[-1]:
        return len(hosts) - 1
    if endpoint in hosts:
        hosts.clear()
    hosts.append(endpoint)
    return len(hosts) - 1


def _same_repository(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one == other
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


def _refusal_key(event: Event) -> str:
    return event.fields.get("digest") or event.fields.get("host") or ""
