"""Look-ups: the requests of a span ``resolving REFERENCE``, which since BuildKit v0.16 name no host.

Within such a span requests are strictly sequential, so an answer belongs to the latest request, and the place of
a request in the order of hosts is told by the lines around it (containerd ``remotes/docker/resolver.go`` and
``fetcher.go``; measured in logs of v0.16.0 to v0.32.2):

- resolving a tag: one ``resolving`` a host; a 401 with its second request stays with its host;
- ``fetch`` starts the next object, and every object starts again at the first host;
- since v0.23 one ``fetching layer`` a host; before, an answer that is neither good nor 401, 408 or 429, or a
  request after one that got no answer, moves on to the next host.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.tables.events import Event
from analyzer.tables.exchanges import Exchange, Ledger
from analyzer.tables.given import RESOLVE, Given
from analyzer.tables.mediatypes import kind_of_media_type
from analyzer.tables.references import NamedReference

_MOST_TRIES = 6
"""Requests to one host for one object: the first and five more (containerd resolver.go, doWithRetriesInner)."""

_SAME_HOST = (408, 429)


class Lookup:
    """The state of one such span."""

    def __init__(self, ledger: Ledger, reference: NamedReference) -> None:
        self.ledger = ledger
        self.reference = reference
        self.phase = "start"
        self.object: int | None = None
        self.position = 0
        self.tries = 0
        self.latest: Exchange | Given | None = None
        self.layered = False
        self.announced = False
        self.told = False
        self.challenged = False
        self.challenge = ""
        self.token_failed = False
        self.digestless = False
        self.failed: Exchange | Given | None = None
        self.last: Event | Given | None = None
        self.lost = False
        self.silent = False
        """The place hangs on a request that got no answer, and no line says why."""

    def _miss(self, reason: str, at: Event | Exchange | Given) -> None:
        """Note what is missing; from here on places in this span are doubtful."""
        self.ledger.gap(reason, at)
        self.lost = True

    def handle(self, event: Event) -> None:
        """Take the next event of the span."""
        message = event.message
        self.last = event
        if self.challenged and message != "Unauthorized":
            self._miss("a 401 without the line that follows it", event)
            self.challenged = False
        if message == "do request":
            self._request(event)
        elif message == "fetch response received":
            self._answer(event)
        elif message == "resolving":
            self._resolving(event)
        elif message == "resolved":
            self._resolved(event)
        elif message == "fetch":
            self._fetch(event)
        elif message == "fetching layer":
            self._fetching(event)
        elif message == "Unauthorized":
            self._unauthorized(event)
        elif message == "token request failed":
            self.token_failed = True
        elif message.startswith("no Docker-Content-Digest"):
            self.digestless = True
        elif message.startswith("transient transport error"):
            self._fail(event)
        elif message.startswith(("trying next host", "fetch failed")):
            self._fail(event)
            self.told = True

    def handle_given(self, given: Given) -> bool:
        """Take a request that was answered well at once, with the lines that led to it.

        Returns:
            False where what came before makes it another case, and its events must be taken one by one.
        """
        latest = self.latest
        if self.announced or self.challenged or self.failed is not None:
            return False
        if self.phase == "fetch" and latest is not None and not latest.good:
            return False
        if self.phase == "resolve":
            refused = latest is not None and latest.closed and not latest.good
            if given.way != RESOLVE or not refused or not self.told:
                return False
            self.position += 1
        elif given.way == RESOLVE:
            self.phase = "resolve"
            self.object, self.position = None, 0
        else:
            if self.phase == "start" or (self.layered and given.announced < 0):
                return False
            self.phase = "fetch"
            self.silent = False
            self.layered = self.layered or given.announced >= 0
            self.object, self.position = None, 0
        if self.object is None:
            self.object = self.ledger.new_object()
        given.object, given.position = self.object, self.position
        self.tries = 1
        self.told = self.token_failed = self.digestless = False
        self.challenge = ""
        given.doubtful = self.silent or self.lost
        given.settled = False  # its body may still fail
        self.last = given
        self._follow(given)
        self.ledger.take(given)
        return True

    def finish(self, explains: Callable[[Event | Given], bool]) -> None:
        """No more events come for this span.

        Args:
            explains: Whether the end of a build explains what it did not do any more.
        """
        if self.announced and self.last is not None and not explains(self.last):
            self._miss("a host was to be asked and no request follows", self.last)
        self._follow(None)

    def _resolving(self, event: Event) -> None:
        latest = self.latest
        if self.announced:
            self._miss("a host was to be asked and no request follows", event)
        if self.phase == "resolve":
            if latest is not None and not latest.closed:
                self._miss("a request without answer or error", latest)
                latest.closed = True
            elif latest is not None and latest.good:
                self._miss("a good answer without the line that follows it", event)
            elif latest is not None and latest.status_code == 404 and not self.told:
                self._miss("a 404 without the line that follows it", event)
            self.position += 1
        else:
            self._check_object_done(event)
            self.phase = "resolve"
            self.object = None
            self.position = 0
        self.announced = True
        self.told = False
        self.tries = 0

    def _fetch(self, event: Event) -> None:
        if self.phase == "resolve":
            self._miss("a look-up without its `resolved`", event)
        if self.announced:
            self._miss("a host was to be asked and no request follows", event)
            self.announced = False
        failed = self.latest if self.phase == "fetch" and self.latest and not self.latest.good else None
        self._start_fetch()
        self.failed = failed

    def _check_object_done(self, event: Event) -> None:
        """What was asked for before must have been given, or the build would not have gone on."""
        if self.phase == "fetch" and self.latest is not None and not self.latest.good:
            self._miss("an object that was asked for and never given", event)

    def _take_up_again(self, event: Event) -> None:
        """A fetch that every host refused is tried again (util/resolver/retryhandler); nothing else may follow."""
        failed, self.failed = self.failed, None
        if failed is None:
            return
        if failed.accept == event.fields.get("request.header.accept"):
            self.object = failed.object
        else:
            self._miss("an object that was asked for and never given", event)

    def _fetching(self, event: Event) -> None:
        if self.phase != "fetch":
            self._miss("a fetch without the line before it", event)
            self._start_fetch()
        if self.announced:
            self._miss("a host was to be asked and no request follows", event)
        if not self.layered:
            self.layered = True
            if self.latest is None:
                self.position = -1
        resumed = self.latest is not None and self.latest.good
        if self.latest is not None and not self.latest.closed:
            self._miss("a request without answer or error", self.latest)
            self.latest.closed = True
        self.position = 0 if resumed else self.position + 1
        self.announced = True
        self.tries = 0

    def _start_fetch(self) -> None:
        self.phase = "fetch"
        self.silent = False
        self.object = None
        self.position = -1 if self.layered else 0
        self.tries = 0
        self._follow(None)

    def _follow(self, exchange: Exchange | Given | None) -> None:
        """Turn to the next request; the lines to come are no longer about the one before."""
        if self.latest is not None:
            self.latest.settled = True
        self.latest = exchange

    def _request(self, event: Event) -> None:
        method = event.fields.get("request.method")
        latest = self.latest
        if self.phase == "start" or self.phase == "resolved":
            self._miss("a request without the line before it", event)
            if method == "HEAD":
                self.phase, self.object, self.position = "resolve", None, 0
            else:
                self._start_fetch()
                self.position = max(self.position, 0)
        elif self.phase == "resolve" or self.layered:
            if not self.announced and not self._may_repeat(method):
                self._miss("a request without the line before it", event)
        elif latest is not None and latest.accept != event.fields.get("request.header.accept"):
            self._miss("a request without the line before it", event)
            self._start_fetch()
        elif self._moves_on():
            self.silent = latest is not None and not latest.closed
            self.position = 0 if latest is not None and latest.good else self.position + 1
            self.tries = 0
        if latest is not None and not latest.closed:
            latest.closed = True
        self._take_up_again(event)
        exchange = self.ledger.open(event)
        if self.object is None:
            self.object = self.ledger.new_object()
        exchange.object = self.object
        exchange.position = max(self.position, 0)
        exchange.doubtful = self.silent or self.lost
        exchange.reference = self.reference.text
        exchange.registry = self.reference.registry
        exchange.repository = self.reference.repository
        exchange.kind = (
            "resolve" if self.phase == "resolve" else kind_of_media_type(exchange.accept) or "other"
        )
        self._follow(exchange)
        self.tries += 1
        self.announced = False
        self.token_failed = False
        self.digestless = False

    def _may_repeat(self, method: str | None) -> bool:
        """A further request to the same host is in order."""
        latest = self.latest
        if latest is None:
            return False
        if not latest.closed or latest.status_code is None:
            return latest.error is not None
        if self.digestless and method == "GET":
            return True
        return latest.status_code in (401, 403, 405, *_SAME_HOST) or latest.status_code >= 500

    def _moves_on(self) -> bool:
        """Before v0.23: this request goes to another host than the one before (or starts over after success)."""
        latest = self.latest
        if latest is None:
            return False
        if not latest.closed or latest.status_code is None:
            return True
        if latest.status_code == 401:
            usable = self.challenge.lower().startswith(("bearer", "basic"))
            return not usable or self.token_failed or self.tries >= _MOST_TRIES
        if latest.status_code in _SAME_HOST:
            return self.tries >= _MOST_TRIES
        return True

    def _answer(self, event: Event) -> None:
        exchange = self.latest
        if exchange is None or isinstance(exchange, Given) or exchange.closed:
            self._miss("an answer without its request", event)
            exchange = self.ledger.open(event)
            exchange.registry, exchange.repository = self.reference.registry, self.reference.repository
            exchange.reference = self.reference.text
            exchange.kind = "other"
            if self.object is None:
                self.object = self.ledger.new_object()
            exchange.object = self.object
            exchange.answer(event, "none")
            self._follow(exchange)
        else:
            exchange.answer(event, "exact")
        self.challenged = exchange.status_code == 401
        self.challenge = ""
        self.told = False

    def _unauthorized(self, event: Event) -> None:
        if not self.challenged:
            self._miss("`Unauthorized` without its 401", event)
        self.challenged = False
        self.challenge = event.fields.get("header", "")

    def _resolved(self, event: Event) -> None:
        latest = self.latest
        if self.phase != "resolve" or latest is None or not latest.good:
            self._miss("`resolved` without a good answer", event)
        elif latest.digest is None:
            latest.digest = event.fields.get("desc.digest")
        self.phase = "resolved"
        self.announced = False

    def _fail(self, event: Event) -> None:
        latest = self.latest
        if latest is None or self.announced:
            self._miss("a failure without its request", event)
            self.announced = False
            return
        by_status = " after status: " in event.message
        if not latest.closed and (by_status or "StatusNotFound" in event.message):
            self._miss("a status without its answer", event)
        if isinstance(latest, Given):
            latest.failures = (*latest.failures, event)
        else:
            latest.fail(event)
