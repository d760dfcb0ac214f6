"""The evidence ladder: how each request gets its host, strongest rung first.

1. The log names it: URL, ``host=``, the URL inside an error. Proof, and done before this layer.
2. Its place in the order of hosts that the daemon really used (module ``order``).
3. Headers that only one known host sends (Docker Hub's rate limit and token realm, another registry's own token
   realm, Google's storage). A proxy may pass its upstream's headers on, so the order beats them.
4. The order seen so far agrees with the configuration, which goes on to say who comes next; or the number of
   hosts tried before Docker Hub equals the configured mirrors; or, since v0.19, ``fetch failed`` at level info on
   the first attempt, which only the last host's refusal writes (containerd resolver.go, nextHostOrFail).

Rungs 2 to 4 are inference. The intended configuration alone gives no host: it is what has to be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.attribution.order import HostOrder, Key, learn_orders
from analyzer.tables.exchanges import MOST_GAPS, OBJECT_REACH, Exchange, Gap
from analyzer.tables.selection import codes_of, int64_array, is_one_of, rows_of, truths
from analyzer.tables.urls import DOCKER_HUB, DOCKER_HUB_HOST, upstream_host

Numbers = np.ndarray[Any, np.dtype[np.int64]]

_GOOGLE = ("gcr.io", "pkg.dev", "googleapis.com")


class Candidate(Protocol):
    """A host that a configuration predicts; ``analyzer.intent.Host`` is one."""

    @property
    def name(self) -> str:
        """Host, with the port where one is stated."""

    @property
    def role(self) -> str:
        """Mirror or upstream."""

    @property
    def scheme(self) -> str:
        """https, http or https-then-http."""


Candidates = Callable[[str], Sequence[Candidate]]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration as this layer needs it.

    Attributes:
        name: ``intended`` or ``effective``.
        hosts: The predicted hosts of a registry, in order.
        mirrored: The registries that have mirrors.
    """

    name: str
    hosts: Candidates
    mirrored: tuple[str, ...]


class Ladder:
    """The ladder over the requests of a log, which come twice: to learn the orders of hosts, and to be named.

    Args:
        configuration: What was loaded, where that is known, else what was meant.
        cut: Lines are seen to be missing. Then a request without an answer may have had one, and does not show
            that the next request went to the next host: doubtful places give no host.

    Attributes:
        gaps: What contradicts itself.
    """

    def __init__(self, configuration: Configuration | None, *, cut: bool = False) -> None:
        self.gaps: list[Gap] = []
        self._configuration = configuration
        self._cut = cut
        self._orders: dict[Key, HostOrder] = {}
        self._own_headers: dict[Key, dict[int, None]] = {}
        self._challenged: dict[int, Exchange] = {}

    def learn(self, batch: pa.RecordBatch) -> None:
        """Learn from requests, in the order of their records, with the columns of ``OBSERVED``."""
        learn_orders(self._orders, batch)
        marked = pc.and_(_is_nameless(batch), pc.is_valid(batch.column("fingerprint")))
        for exchange in _exchanges(batch.filter(marked)):
            if (
                exchange.registry is not None
                and exchange.position is not None
                and _is_upstreams_own(exchange)
            ):
                places = self._own_headers.setdefault((exchange.epoch, exchange.registry), {})
                places.setdefault(exchange.position)

    def learned(self) -> None:
        """All requests have come once."""
        for order in self._orders.values():
            self.gaps += order.contradictions
        # a registry's own host stands where its headers were seen, unless a URL says who stands there
        for key, positions in self._own_headers.items():
            order = self._orders.setdefault(key, HostOrder())
            for position in positions:
                if order.upstream_at is None and position not in order.places:
                    order.upstream_at = position

    def name(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The requests, each that names no host with the one that the ladder finds."""
        nameless = _is_nameless(batch)
        placed = pc.and_(pc.is_valid(batch.column("registry")), pc.is_valid(batch.column("position")))
        if self._cut:
            placed = pc.and_(placed, pc.invert(batch.column("doubtful")))
        batch = self._name_placed(batch, pc.and_(nameless, placed))
        return self._name_others(batch, pc.and_(nameless, pc.invert(placed)))

    def _name_placed(self, batch: pa.RecordBatch, mask: pa.Array) -> pa.RecordBatch:
        """Requests whose place is known: what is found of one holds for all that are alike in what it hangs on."""
        rows = np.flatnonzero(truths(mask))
        if not len(rows):
            return batch
        asked = batch.take(int64_array(rows))
        good = pc.and_(
            pc.greater_equal(asked.column("status_code"), 200), pc.less(asked.column("status_code"), 400)
        )
        columns = [asked.column(name) for name in ("epoch", "registry", "position", "fingerprint", "last")]
        alike = np.zeros(len(rows), np.int64)
        for column in (*columns, pc.fill_null(good, False)):
            codes, values = codes_of(column)
            alike = alike * (len(values) + 1) + codes
        _, first, kind = np.unique(alike, return_index=True, return_inverse=True)
        examples = list(_exchanges(asked.take(int64_array(first))))
        for number, exchange in enumerate(examples):
            if _by_place(exchange, self._orders, self._configuration, self._cut):
                for one in _exchanges(asked.take(int64_array(np.flatnonzero(kind == number)[:MOST_GAPS]))):
                    self.gaps += _by_place(one, self._orders, self._configuration, self._cut)
        named = np.array([exchange.host is not None for exchange in examples])[kind]
        return _with_names(batch, rows[named], examples, kind[named])

    def _name_others(self, batch: pa.RecordBatch, mask: pa.Array) -> pa.RecordBatch:
        """Requests whose registry or place nothing tells: headers are left, and what stands beside them."""
        rows = np.flatnonzero(truths(mask))
        if not len(rows):
            return batch
        exchanges = list(_exchanges(batch.take(int64_array(rows))))
        for exchange in exchanges:
            if exchange.registry is None:
                _by_headers_alone(exchange, self._configuration)
            elif _is_upstreams_own(exchange):
                why = f"the answer carries {exchange.registry}'s own headers"
                _name(exchange, upstream_host(exchange.registry), why)
            self._share_within_object(exchange)
        self._forget(exchanges[-1].record - OBJECT_REACH)
        named = np.array([exchange.host is not None for exchange in exchanges])
        return _with_names(batch, rows[named], exchanges, np.flatnonzero(named))

    def _share_within_object(self, exchange: Exchange) -> None:
        """After a challenge the same host is asked again for the same object."""
        if exchange.object is None or (exchange.registry is not None and exchange.position is not None):
            return
        if exchange.status_code == 401 and exchange.host is not None:
            self._challenged[exchange.object] = exchange
        elif exchange.host is None and (earlier := self._challenged.pop(exchange.object, None)):
            exchange.registry = earlier.registry
            assert earlier.host is not None
            _name(exchange, earlier.host, f"asked again after its challenge; {earlier.host_why}")

    def _forget(self, before: int) -> None:
        old = [key for key, exchange in self._challenged.items() if exchange.record < before]
        for key in old:
            del self._challenged[key]


_READ = (
    "record",
    "line",
    "source",
    "stream",
    "epoch",
    "registry",
    "object",
    "position",
    "status_code",
    "fingerprint",
    "doubtful",
    "last",
)


def _is_nameless(batch: pa.RecordBatch) -> pa.Array:
    """Where a pull has no host."""
    return pc.and_(is_one_of(batch.column("action"), ("pull",)), pc.is_null(batch.column("host")))


def _exchanges(batch: pa.RecordBatch) -> Iterator[Exchange]:
    """Requests as far as the ladder needs them."""
    for row in rows_of(batch, pc.is_valid(batch.column("record")), _READ):
        yield Exchange(time=None, trace_id=None, span_id=None, span=None, method=None, **row)


_NAMED = ("host", "host_why", "scheme", "registry", "host_evidence", "role")


def _with_names(
    batch: pa.RecordBatch, rows: Numbers, found: Sequence[Exchange], which: Numbers
) -> pa.RecordBatch:
    """The requests with what the ladder found.

    Args:
        batch: The requests.
        rows: Those of which something was found.
        found: What was found.
        which: For each of the rows its place in what was found.
    """
    if not len(rows):
        return batch
    flags = np.zeros(batch.num_rows, np.int8)
    flags[rows] = 1
    mask = pc.equal(pa.Array.from_buffers(pa.int8(), len(flags), [None, pa.py_buffer(flags)]), 1)
    for name in _NAMED:
        place = batch.schema.get_field_index(name)
        values = pa.array([getattr(exchange, name) for exchange in found], pa.string())
        new = values.take(int64_array(which))
        column = pc.replace_with_mask(batch.column(place), mask, new)
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def _is_upstreams_own(exchange: Exchange) -> bool:
    """The answer carries headers that only the registry's own host sends."""
    if exchange.registry == DOCKER_HUB:
        return exchange.fingerprint == "docker-hub"
    return exchange.fingerprint is not None and exchange.fingerprint == f"realm:{exchange.registry}"


def _by_place(
    exchange: Exchange, orders: dict[Key, HostOrder], configuration: Configuration | None, cut: bool
) -> list[Gap]:
    assert exchange.registry is not None
    assert exchange.position is not None
    registry, position = exchange.registry, exchange.position
    order = orders.get((exchange.epoch, registry), HostOrder())
    upstream = upstream_host(registry)
    own = _is_upstreams_own(exchange)
    if order.upstream_at is not None and position > order.upstream_at:
        # a look-up by digest goes through the hosts twice: for the manifest, then for the blob
        position %= order.upstream_at + 1
    host = order.host_at(position)
    if cut and own and host not in (None, upstream):
        return [_gap(f"an answer with {registry}'s own headers at the place of {host}", exchange)]
    if host is not None:
        _name(exchange, host, f"place {position + 1} of the hosts seen to be asked: {order.text()}")
        exchange.scheme = order.places[position].scheme
    elif own:
        _name(exchange, upstream, f"the answer carries {registry}'s own headers")
        exchange.scheme = "https"
    elif order.upstream_at == position and position not in order.places:
        _name(exchange, upstream, f"place {position + 1}, where {registry}'s own headers were seen")
        exchange.scheme = "https"
    elif configuration is not None and position not in order.places:
        _by_configuration(exchange, position, order, configuration)
    return []


def _by_configuration(
    exchange: Exchange, position: int, order: HostOrder, configuration: Configuration
) -> None:
    """Let the configuration say who comes next, where something independent of it agrees with it."""
    assert exchange.registry is not None
    candidates = list(configuration.hosts(exchange.registry))
    names = [candidate.name for candidate in candidates]
    if position >= len(names):
        return
    if configuration.name == "effective" and (not order.places or order.agrees_with(names)):
        why = "the configuration that the daemon was given names it at this place"
    elif order.agrees_with(names) and (not exchange.good or order.known_until(position)):
        why = f"the order seen so far ({order.text()}) is the configured one, which names it next"
    elif not exchange.good and not order.places and order.upstream_at == len(names) - 1:
        why = f"{names[-1]} came after {order.upstream_at} other hosts, as many as are configured"
    elif not order.places and exchange.last and position == len(names) - 1 == 0:
        why = "its refusal was the last host's, on the first attempt"
    else:
        return
    _name(exchange, names[position], why)
    exchange.scheme = "https" if candidates[position].scheme != "http" else "http"


def _by_headers_alone(exchange: Exchange, configuration: Configuration | None) -> None:
    """BuildKit up to v0.9 names neither host nor reference: headers are all there is."""
    mark = exchange.fingerprint
    if mark == "docker-hub":
        exchange.registry = DOCKER_HUB
        _name(exchange, DOCKER_HUB_HOST, "only Docker Hub sends such headers")
        return
    if mark is None or configuration is None:
        return
    found = {
        (registry, candidate.name)
        for registry in configuration.mirrored
        for candidate in configuration.hosts(registry)
        if candidate.role == "mirror" and _speaks_for(mark, candidate.name)
    }
    if len(found) == 1:
        registry, host = found.pop()
        exchange.registry = registry
        headers = (
            "x-goog-* headers, as Google's registries send them"
            if mark == "google"
            else "its own token realm"
        )
        _name(exchange, host, f"the answer carries {headers}")


def _speaks_for(mark: str, host: str) -> bool:
    name = host.partition(":")[0]
    if mark == "google":
        return name.endswith(_GOOGLE)
    return mark in (f"realm:{host}", f"realm:{name}")


def _name(exchange: Exchange, host: str, why: str) -> None:
    exchange.host, exchange.host_why, exchange.inferred = host, why, True


def _gap(reason: str, exchange: Exchange) -> Gap:
    return Gap(reason, exchange.record, exchange.line, exchange.source, exchange.stream)
