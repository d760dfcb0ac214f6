"""The order of hosts that a daemon really used, learned per start and registry.

BuildKit asks the hosts of its loaded list strictly in order, mirrors first, upstream last, for every object anew
(containerd ``remotes/docker/fetcher.go``). So the first request for a layer, which names its URL in every version
since v0.10, goes to the first host, and each further host follows its predecessor's refusal. The intended
configuration plays no part here: a misspelt key leaves the same lines as a right one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.tables.exchanges import Exchange

Key = tuple[int, str]
"""Start of the daemon, registry."""


@dataclass(slots=True)
class Place:
    """What is known of one place in the order: the hosts seen there, and the first record that shows each."""

    seen: dict[str, Exchange] = field(default_factory=dict)
    scheme: str | None = None


@dataclass(slots=True)
class HostOrder:
    """The order of hosts of one registry in one start of the daemon.

    Attributes:
        places: What was seen, by place from 0.
        upstream_at: The place of the registry's own host, None where it was never seen.
    """

    places: dict[int, Place] = field(default_factory=dict)
    upstream_at: int | None = None

    def learn(self, exchange: Exchange) -> None:
        """Take a request whose host and place are both told by the log."""
        if exchange.position is None or exchange.host is None:
            return
        place = self.places.setdefault(exchange.position, Place())
        place.seen.setdefault(exchange.host, exchange)
        place.scheme = exchange.scheme or place.scheme
        if exchange.mirror is False and self.upstream_at is None:
            self.upstream_at = exchange.position

    def host_at(self, position: int) -> str | None:
        """The host at a place; None where none, or more than one, was seen there."""
        place = self.places.get(position)
        if place is None or len(place.seen) != 1:
            return None
        return next(iter(place.seen))

    @property
    def contradictions(self) -> list[Exchange]:
        """The later requests of places where two hosts were seen: one start has one order, so lines are missing."""
        return [
            exchange
            for place in self.places.values()
            if len(place.seen) > 1
            for exchange in list(place.seen.values())[1:]
        ]

    def agrees_with(self, hosts: list[str]) -> bool:
        """Something was seen, and all that was seen stands in this list at its place."""
        known = [(position, self.host_at(position)) for position in self.places]
        return bool(known) and all(
            position < len(hosts) and host == hosts[position] for position, host in known
        )

    def known_until(self, position: int) -> bool:
        """All places before this one are known, and there is one."""
        return position > 0 and all(self.host_at(place) is not None for place in range(position))

    def text(self) -> str:
        """The order for a person: ``mirror.example.com, registry-1.docker.io``."""
        return ", ".join(self.host_at(position) or "?" for position in sorted(self.places))


def learn_orders(exchanges: Iterable[Exchange]) -> dict[Key, HostOrder]:
    """The orders that the requests of a log show."""
    orders: dict[Key, HostOrder] = {}
    for exchange in exchanges:
        if exchange.registry is not None and exchange.action == "pull" and exchange.host is not None:
            orders.setdefault((exchange.epoch, exchange.registry), HostOrder()).learn(exchange)
    return orders
