"""Crowds: spans whose requests run side by side and carry neither URL nor digest.

Two of them exist: the whole build up to BuildKit v0.9 (``log.G`` ignored containerd's context logger,
cmd/buildkitd/main.go:82), and the span ``exporting to image`` of v0.16 to v0.22, whose requests are named by the
line ``checking and pushing to`` before them. Answers are matched to the oldest request that they fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analyzer.tables.events import Event
from analyzer.tables.exchanges import Exchange, Ledger, status_of
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.urls import RegistryURL, parse_url

_FITS = {201: ("PUT", "POST"), 202: ("POST", "PATCH"), 206: ("GET",), 307: ("GET",), 302: ("GET",)}


class Crowd:
    """The state of one such span."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.waiting: list[Exchange] = []
        self.answered: dict[str | None, Exchange] = {}
        self.targets: list[RegistryURL] = []
        self.target: RegistryURL | None = None
        self.again: dict[tuple[str | None, str | None], list[Exchange]] = {}
        self.uploads: dict[str | None, int] = {}
        self.counts: Counter[str] = Counter()
        self.last: Event | None = None

    def handle(self, event: Event) -> None:
        """Take the next event of the span."""
        message = event.message
        self.last = event
        if message == "do request":
            self._request(event)
        elif message == "fetch response received":
            self._answer(event)
        elif message == "checking and pushing to":
            target = parse_url(event.fields.get("url", ""))
            if target is not None:
                self.target = target
                self.targets.append(target)
        elif message == "resolved":
            self.counts["resolved"] += 1
            if self.counts["resolved"] > self.counts["good resolve"]:
                self.ledger.gap("`resolved` without a good answer", event)
                self.counts["resolved"] = self.counts["good resolve"]
        elif message == "Unauthorized":
            self.counts["unauthorized"] += 1
            if self.counts["unauthorized"] > self.counts["401"]:
                self.ledger.gap("`Unauthorized` without its 401", event)
                self.counts["unauthorized"] = self.counts["401"]
        elif message.startswith(("trying next host", "fetch failed")):
            self._fail(event)

    def finish(self) -> None:
        """No more events come for this span."""
        self._give_up(self.waiting)
        self.waiting = []
        if self.last is not None and self.counts["unauthorized"] < self.counts["401"]:
            self.ledger.gap("a 401 without the line that follows it", self.last)

    def forget(self, before: int) -> None:
        """Let go of what was asked before a record: memory must not grow with the log."""
        self._give_up([exchange for exchange in self.waiting if exchange.record < before])
        self.waiting = [exchange for exchange in self.waiting if exchange.record >= before]
        for key, earlier in list(self.again.items()):
            self.again[key] = [one for one in earlier if one.record >= before]

    def _give_up(self, waiting: Sequence[Exchange]) -> None:
        """Requests that got no answer belong to the object of the one that did."""
        for exchange in waiting:
            heir = self.answered.get(exchange.accept)
            if heir is not None and exchange.method == "GET" and exchange.record < heir.record:
                exchange.object, exchange.closed = heir.object, True
            exchange.settled = True

    def _request(self, event: Event) -> None:
        exchange = self.ledger.open(event)
        method = exchange.method
        kind = kind_of_media_type(exchange.accept)
        if method in ("POST", "PUT", "PATCH") or (method == "HEAD" and self.targets):
            self._name_push(exchange, kind)
        elif method == "HEAD" or (exchange.accept or "").count(",") > 1:
            exchange.kind = "resolve"
        else:
            exchange.kind = kind or "other"
        if exchange.action == "pull":
            key = (method, exchange.accept)
            earlier = self.again.get(key)
            if earlier:
                exchange.object = earlier.pop(0).object
            else:
                exchange.object = self.ledger.new_object()
        self.waiting.append(exchange)

    def _name_push(self, exchange: Exchange, kind: str | None) -> None:
        exchange.action = "push"
        exchange.kind = kind or "upload"
        target = self.target
        if exchange.method == "HEAD":
            target = self.targets.pop(0)
            if target.resource == "manifests":
                exchange.kind = "manifest"
        if target is not None:
            exchange.name_host(target, "the line before it, `checking and pushing to`, names the URL")
            if exchange.method != "HEAD":
                exchange.digest = None
        repository = exchange.repository
        if exchange.method == "HEAD" or repository not in self.uploads:
            exchange.object = self.ledger.new_object()
            self.uploads[repository] = exchange.object
        else:
            exchange.object = self.uploads[repository]

    def _answer(self, event: Event) -> None:
        exchange = self._match(event)
        if exchange is None:
            self.ledger.gap("an answer without its request", event)
            exchange = self.ledger.open(event)
            exchange.object = self.ledger.new_object()
            exchange.answer(event, "none")
        else:
            alone = len(self.waiting) == 1
            self.waiting.remove(exchange)
            exchange.answer(event, "exact" if alone else "inferred")
            if exchange.action == "pull":
                self.answered[exchange.accept] = exchange
        exchange.settled = True
        if exchange.status_code == 401:
            self.counts["401"] += 1
        if exchange.good and exchange.kind == "resolve":
            self.counts["good resolve"] += 1
        if not exchange.good and exchange.action == "pull" and exchange.object is not None:
            self.again.setdefault((exchange.method, exchange.accept), []).append(exchange)

    def _match(self, event: Event) -> Exchange | None:
        """The waiting request that this answer fits: of GETs the newest, of others the oldest.

        A fetch that cannot reach its host leaves no line but the request to the next host, so of two GETs that
        could be meant the newer one is the one that still lives.
        """
        if not self.waiting:
            return None
        status = status_of(event)
        media_type = event.fields.get("response.header.content-type", "").partition(";")[0]
        methods = _FITS.get(status or 0)
        named = kind_of_media_type(media_type)
        if methods:
            fitting = [exchange for exchange in self.waiting if exchange.method in methods]
        elif status == 200 and named:
            fitting = [exchange for exchange in self.waiting if media_type in (exchange.accept or "")]
        elif status == 200:
            fitting = [exchange for exchange in self.waiting if exchange.kind in ("layer", "config")]
        else:
            fitting = []
        fitting = (
            fitting or [exchange for exchange in self.waiting if exchange.method == "GET"] or self.waiting
        )
        return fitting[-1] if fitting[0].method == "GET" else fitting[0]

    def _fail(self, event: Event) -> None:
        if event.error is None:
            return
        for exchange in self.waiting:
            if exchange.method == "HEAD":
                exchange.fail(event)
                exchange.settled = True
                self.waiting.remove(exchange)
                if exchange.object is not None and exchange.action == "pull":
                    self.again.setdefault((exchange.method, exchange.accept), []).append(exchange)
                return
        self.ledger.gap("a failure without its request", event)
