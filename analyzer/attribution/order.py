"""The order of hosts that a daemon really used, learned per start and registry.

BuildKit asks the hosts of its loaded list strictly in order, mirrors first, upstream last, for every object anew
(containerd ``remotes/docker/fetcher.go``). So the first request for a layer, which names its URL in every version
since v0.10, goes to the first host, and each further host follows its predecessor's refusal. The intended
configuration plays no part here: a misspelt key leaves the same lines as a right one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.exchanges import Gap
from analyzer.tables.selection import is_one_of

Key = tuple[int, str]
"""Start of the daemon, registry."""


@dataclass(slots=True)
class Place:
    """What is known of one place in the order: the hosts seen there, and the request that first shows each."""

    seen: dict[str, Gap] = field(default_factory=dict)
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

    def learn(self, position: int, host: str, scheme: str | None, mirror: bool | None, at: Gap) -> None:
        """Take a request whose host and place are both told by the log.

        Args:
            position: The place.
            host: The host.
            scheme: http or https, where known.
            mirror: Whether its URL names another registry than its host.
            at: What to say if another host was seen there before.
        """
        place = self.places.setdefault(position, Place())
        place.seen.setdefault(host, at)
        place.scheme = scheme or place.scheme
        if mirror is False and self.upstream_at is None:
            self.upstream_at = position

    def host_at(self, position: int) -> str | None:
        """The host at a place; None where none, or more than one, was seen there."""
        place = self.places.get(position)
        if place is None or len(place.seen) != 1:
            return None
        return next(iter(place.seen))

    @property
    def contradictions(self) -> list[Gap]:
        """Places where two hosts were seen: one start has one order, so lines are missing before the later one."""
        return [
            gap
            for place in self.places.values()
            if len(place.seen) > 1
            for gap in list(place.seen.values())[1:]
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


_KEYS = ["epoch", "registry", "position", "host", "scheme", "mirror"]


def learn_orders(orders: dict[Key, HostOrder], batch: pa.RecordBatch) -> None:
    """Learn the orders that requests show.

    Args:
        orders: What is known so far; it grows.
        batch: Requests in the order of their records, with the columns of ``OBSERVED``; those before them were
            learned before.
    """
    told = pc.and_(is_one_of(batch.column("action"), ("pull",)), pc.is_valid(batch.column("host")))
    told = pc.and_(
        told, pc.and_(pc.is_valid(batch.column("registry")), pc.is_valid(batch.column("position")))
    )
    shown = batch.filter(told)
    if shown.num_rows == 0:
        return
    numbered = pa.Table.from_batches([shown.select([*_KEYS, "record"])])
    # each order, place and host once, at the first and at the last request that shows it
    groups = numbered.group_by(_KEYS, use_threads=False).aggregate([("record", "min"), ("record", "max")])
    rows = groups.to_pylist()
    at = dict(zip(shown.column("record").to_pylist(), range(shown.num_rows), strict=True))
    for row in sorted(rows, key=lambda row: int(row["record_min"])):
        first = shown.slice(at[row["record_min"]], 1).select(["record", "line", "source", "stream"])
        gap = Gap(CONTRADICTION, **first.to_pylist()[0])
        order = orders.setdefault((row["epoch"], row["registry"]), HostOrder())
        order.learn(row["position"], row["host"], row["scheme"], row["mirror"], gap)
    for row in sorted(rows, key=lambda row: int(row["record_max"])):
        place = orders[row["epoch"], row["registry"]].places[row["position"]]
        place.scheme = row["scheme"] or place.scheme


CONTRADICTION = "the order of hosts contradicts itself, so lines are missing"
