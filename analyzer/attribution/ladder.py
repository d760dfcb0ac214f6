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

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from analyzer.attribution.order import HostOrder, Key, learn_orders
from analyzer.tables.exchanges import Exchange, Gap
from analyzer.tables.urls import DOCKER_HUB, DOCKER_HUB_HOST, upstream_host

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


def attribute_hosts(
    exchanges: Sequence[Exchange], configuration: Configuration | None, *, cut: bool = False
) -> list[Gap]:
    """Give every request that names no host the one that the ladder finds, in place.

    Args:
        exchanges: The requests of a log in the order of their records.
        configuration: What was loaded, where that is known, else what was meant.
        cut: Lines are seen to be missing. Then a request without an answer may have had one, and does not show
            that the next request went to the next host: doubtful places give no host.

    Returns:
        What contradicts itself.
    """
    orders = learn_orders(exchanges)
    gaps: list[Gap] = []
    for order in orders.values():
        for exchange in order.contradictions:
            gaps.append(_gap("the order of hosts contradicts itself, so lines are missing", exchange))
    nameless = [exchange for exchange in exchanges if exchange.host is None and exchange.action == "pull"]
    learn_from_headers(nameless, orders)
    for exchange in nameless:
        if exchange.registry is None:
            _by_headers_alone(exchange, configuration)
        elif exchange.position is not None and not (cut and exchange.doubtful):
            gaps.extend(_by_place(exchange, orders, configuration, cut))
        elif _is_upstreams_own(exchange):
            _name(
                exchange,
                upstream_host(exchange.registry),
                f"the answer carries {exchange.registry}'s own headers",
            )
    _share_within_objects(nameless)
    return gaps


def learn_from_headers(nameless: Iterable[Exchange], orders: dict[Key, HostOrder]) -> None:
    """Put a registry's own host at the place where its headers were seen, unless a URL says who stands there."""
    for exchange in nameless:
        if exchange.registry is not None and exchange.position is not None and _is_upstreams_own(exchange):
            order = orders.setdefault((exchange.epoch, exchange.registry), HostOrder())
            if order.upstream_at is None and exchange.position not in order.places:
                order.upstream_at = exchange.position


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


def _share_within_objects(nameless: Iterable[Exchange]) -> None:
    """After a challenge the same host is asked again for the same object."""
    challenged: dict[int, Exchange] = {}
    for exchange in nameless:
        if exchange.object is None or (exchange.registry is not None and exchange.position is not None):
            continue
        if exchange.status_code == 401 and exchange.host is not None:
            challenged[exchange.object] = exchange
        elif exchange.host is None and (earlier := challenged.pop(exchange.object, None)):
            exchange.registry = earlier.registry
            assert earlier.host is not None
            _name(exchange, earlier.host, f"asked again after its challenge; {earlier.host_why}")


def _name(exchange: Exchange, host: str, why: str) -> None:
    exchange.host, exchange.host_why, exchange.inferred = host, why, True


def _gap(reason: str, exchange: Exchange) -> Gap:
    return Gap(reason, exchange.record, exchange.line, exchange.source, exchange.stream)
