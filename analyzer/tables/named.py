"""Named requests: those that carry their URL, whatever the version.

All requests of BuildKit v0.10 to v0.15 and of dockerd, and layers, cache imports and most pushes of later ones.
Answers are found by span and URL. The hosts asked for one object, in their order, tell the loaded list of hosts:
containerd asks mirrors first to last, then upstream, and starts again at the first for each object and for
each resumed read (``remotes/docker/fetcher.go``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.tables.events import Event
from analyzer.tables.exchanges import Exchange, Ledger, kind_of_media_type
from analyzer.tables.urls import RegistryURL, find_url, parse_url

Where = tuple[str | None, str | None]
Endpoint = tuple[str | None, str, str | None]
"""Scheme, host and repository: two mirrors may be two paths of one host."""


@dataclass(slots=True)
class _Object:
    """An object that is fetched or pushed: the hosts asked in this round, and the latest request."""

    number: int
    repository: str | None
    hosts: list[Endpoint] = field(default_factory=list)
    latest: Exchange | None = None


class NamedRequests:
    """The state of all named requests of one start of the daemon."""

    def __init__(self, ledger: Ledger, epoch: int) -> None:
        self.ledger = ledger
        self.epoch = epoch
        self.waiting: dict[Where, dict[str, list[Exchange]]] = {}
        self.latest_of_digest: dict[tuple[Where, str], Exchange] = {}
        self.latest_of_host: dict[tuple[Where, str], Exchange] = {}
        self.objects: dict[tuple[object, ...], list[_Object]] = {}
        self.pushed: set[tuple[Where, str]] = set()
        self.resolving: Counter[tuple[Where, str]] = Counter()
        self.resolved: Counter[tuple[Where, str]] = Counter()
        self.fetched: set[str] = set()
        self.announced: dict[tuple[Where, str], Event] = {}
        self.layered: set[tuple[Where, str]] = set()
        self.challenged: dict[tuple[Where, str], list[Exchange]] = {}

    def handle(self, event: Event) -> None:
        """Take the next event."""
        message = event.message
        where: Where = (event.trace_id, event.span_id)
        if message == "do request":
            self._request(event, where)
        elif message == "fetch response received":
            self._answer(event, where)
        elif message == "checking and pushing to":
            self.pushed.add((where, event.fields["url"]))
        elif message == "resolving" and "host" in event.fields:
            self.resolving[where, event.fields["host"]] += 1
        elif message == "resolved" and "host" in event.fields:
            self._resolved(event, where)
        elif message == "fetch" and "digest" in event.fields:
            self.fetched.add(event.fields["digest"])
        elif message == "fetching layer" and "digest" in event.fields:
            self._fetching(event, where)
        elif message == "Unauthorized":
            self._unauthorized(event, where)
        elif message.startswith(("trying next host", "fetch failed")):
            self._fail(event, where)

    def finish(self, explains: Callable[[Event], bool]) -> None:
        """No more events come for this start.

        Args:
            explains: Whether the end of a build explains what it did not do any more.
        """
        for exchanges in self.challenged.values():
            for exchange in exchanges:
                self.ledger.gap_at("a 401 without the line that follows it", exchange)
        for event in self.announced.values():
            if explains(event):
                continue
            self.ledger.gap("a host was to be asked and no request follows", event)

    def _request(self, event: Event, where: Where) -> None:
        exchange = self.ledger.open(event, self.epoch)
        url = parse_url(exchange.url or "")
        method = exchange.method
        fields = event.fields
        if method in ("POST", "PUT", "PATCH", "DELETE") or (where, exchange.url) in self.pushed:
            exchange.action = "push"
        exchange.kind = _kind(exchange, url)
        if method == "HEAD" and "host" in fields and exchange.action == "pull":
            self._expect_resolving(event, where, fields["host"])
        if exchange.action == "pull" and exchange.digest and method == "GET":
            self._expect_fetch(event, exchange.digest)
            self._expect_announcement(event, where, exchange)
        state = self._object_of(exchange, url, where)
        exchange.object = state.number
        if exchange.action == "pull" and exchange.host:
            exchange.position = _take_place(state, (exchange.scheme, exchange.host, exchange.repository))
        if state.latest is not None and not state.latest.closed and state.latest.host != exchange.host:
            state.latest.closed = True
        state.latest = exchange
        if exchange.digest:
            self.latest_of_digest[where, exchange.digest] = exchange
        if exchange.host:
            self.latest_of_host[where, exchange.host] = exchange
        self.waiting.setdefault(where, {}).setdefault(exchange.url or "", []).append(exchange)

    def _expect_resolving(self, event: Event, where: Where, host: str) -> None:
        """A look-up's first request to a host follows its ``resolving``; further ones follow a refusal."""
        if self.resolving[where, host] > 0:
            self.resolving[where, host] -= 1
            return
        earlier = self.latest_of_host.get((where, host))
        if earlier is None or earlier.good:
            self.ledger.gap("a request without the line before it", event)

    def _expect_fetch(self, event: Event, digest: str) -> None:
        """An image's object is asked for after ``fetch``; a cache import, which names no media type, is not."""
        if "mediatype" in event.fields and digest not in self.fetched:
            self.ledger.gap("a request without its `fetch`", event)
            self.fetched.add(digest)

    def _expect_announcement(self, event: Event, where: Where, exchange: Exchange) -> None:
        """Since v0.23 a ``fetching layer`` stands before the first request to each host."""
        key = (where, exchange.digest or "")
        if key not in self.layered:
            return
        if self.announced.pop(key, None) is not None or exchange.offset:
            return
        latest = self.latest_of_digest.get(key)
        if latest is None or latest.good or latest.host != exchange.host:
            self.ledger.gap("a request without the line before it", event)

    def _object_of(self, exchange: Exchange, url: RegistryURL | None, where: Where) -> _Object:
        """The object that a request is for; path mirrors put their own path before the repository."""
        if url is None:
            return _Object(self.ledger.new_object(), None)
        item = exchange.digest or url.object or url.resource
        # looking a tag up is one object and fetching what it names another; a push asks before it sends
        looked_up = exchange.action == "pull" and exchange.method == "HEAD"
        key = (where, exchange.action, looked_up, url.registry, item)
        found = self.objects.setdefault(key, [])
        for state in found:
            if _same_repository(state.repository, url.repository):
                return state
        state = _Object(self.ledger.new_object(), url.repository)
        found.append(state)
        return state

    def _answer(self, event: Event, where: Where) -> None:
        text = event.fields.get("url", "")
        exchange = self._take_waiting(where, text)
        if exchange is not None:
            exchange.answer(event, "inferred" if self.waiting.get(where, {}).get(text) else "exact")
        else:
            self.ledger.gap("an answer without its request", event)
            exchange = self.ledger.open(event, self.epoch)
            url = parse_url(text)
            exchange.kind = _kind(exchange, url)
            if (where, text) in self.pushed:
                exchange.action = "push"
            state = self._object_of(exchange, url, where)
            exchange.object = state.number
            state.latest = exchange
            exchange.answer(event, "none")
        if exchange.status_code == 401:
            self.challenged.setdefault(_refusal_key(event, where), []).append(exchange)
        if exchange.good and "host" in event.fields:
            self.resolved[where, event.fields["host"]] += 1

    def _take_waiting(self, where: Where, url: str) -> Exchange | None:
        """The oldest request to this URL that still waits for its answer."""
        here = self.waiting.get(where, {})
        waiting = here.get(url)
        if not waiting:
            return None
        exchange = waiting.pop(0)
        if not waiting:
            del here[url]
        return exchange

    def _resolved(self, event: Event, where: Where) -> None:
        key = (where, event.fields["host"])
        if self.resolved[key] > 0:
            self.resolved[key] -= 1
        else:
            self.ledger.gap("`resolved` without a good answer", event)

    def _fetching(self, event: Event, where: Where) -> None:
        digest = event.fields["digest"]
        key = (where, digest)
        self._expect_fetch(event, digest)
        if key in self.announced:
            self.ledger.gap("a host was to be asked and no request follows", event)
        self.layered.add(key)
        self.announced[key] = event

    def _unauthorized(self, event: Event, where: Where) -> None:
        refused = self.challenged.get(_refusal_key(event, where))
        if refused:
            refused.pop(0)
        else:
            self.ledger.gap("`Unauthorized` without its 401", event)

    def _fail(self, event: Event, where: Where) -> None:
        """Give a failure to its request: by the URL in its text, else by host, else by digest."""
        if event.error is None:
            return
        url = find_url(event.error)
        host = url.host if url else event.fields.get("host")
        digest = event.fields.get("digest")
        for text, waiting in self.waiting.get(where, {}).items():
            if url and parse_url(text) != url:
                continue
            exchange = waiting[0]
            if (host and exchange.host != host) or (digest and exchange.digest != digest):
                continue
            exchange.fail(event)
            self._take_waiting(where, text)
            return


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


def _refusal_key(event: Event, where: Where) -> tuple[Where, str]:
    return where, event.fields.get("digest") or event.fields.get("host") or ""
