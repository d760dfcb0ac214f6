"""Per image, which host gave each manifest and layer: who was asked, in what order, and how that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.limits import LIMITS

if TYPE_CHECKING:
    from analyzer.checks.engine import Engine

KINDS = ("resolve", "index", "manifest", "config", "layer", "upload", "other")
"""In the order in which BuildKit asks for them."""


@dataclass(frozen=True)
class Attempt:
    """A host that was asked for an object, and what it answered."""

    host: str | None
    role: str | None
    outcome: str

    @property
    def good(self) -> bool:
        """It gave what it was asked for."""
        return self.outcome[:1] == "2"


@dataclass(frozen=True)
class ImageObject:
    """An object of an image, and how it was come by.

    Attributes:
        kind: resolve, index, manifest, config or layer.
        name: Its digest, or the reference that was resolved.
        size: Bytes, where a request tells them.
        attempts: The hosts asked, in order.
        served_by: The host that gave it.
        role: mirror or upstream.
        outcome: served, failed or unfinished.
        evidence: proof, inference or none.
        why: What the host is known by.
        times: How often it was fetched in just this way.
        line: The line of the first request.
    """

    kind: str
    name: str | None
    size: int | None
    attempts: tuple[Attempt, ...]
    served_by: str | None
    role: str | None
    outcome: str
    evidence: str
    why: str | None
    times: int
    line: int | None

    @property
    def smooth(self) -> bool:
        """The first host that was asked gave it."""
        return self.outcome == "served" and len(self.attempts) <= 1


@dataclass(frozen=True)
class Image:
    """A repository and what was fetched of it, or pushed to it.

    Attributes:
        action: pull or push.
        name: Registry and repository.
        tags: The references by which it was asked for, where they say more than the name.
        objects: What was fetched; those that another host than the first gave come first.
        hidden: Objects that are not listed.
        givers: Hosts that served it, each with its role and how many objects; the most first.
        rough: Objects that not the first host gave, or nobody.
        unserved: Objects that nobody gave.
    """

    action: str
    name: str
    tags: tuple[str, ...]
    objects: tuple[ImageObject, ...]
    hidden: int
    givers: tuple[tuple[str | None, str | None, int], ...]
    rough: int
    unserved: int


@dataclass(frozen=True)
class Images:
    """The images of a source.

    Attributes:
        shown: Those that are listed; those with a host other than the first come first.
        hidden: How many are not.
    """

    shown: tuple[Image, ...]
    hidden: int


_NAME = "coalesce(registry || '/' || repository, reference, 'an image that the log does not name')"

# objects that were come by in the same way are one row: a base image of a hundred builds is read in a glance
_OBJECTS = f"""
WITH fetched AS (
    SELECT 'pull' AS action, {_NAME} AS image, * FROM pulls
    UNION ALL
    SELECT 'push', {_NAME}, * FROM pushes
),
sizes AS (SELECT digest, max(size) AS size FROM requests WHERE digest IS NOT NULL GROUP BY digest),
places AS (SELECT record, min(line) AS line FROM requests WHERE record IS NOT NULL GROUP BY record)
SELECT action, image, kind, fetched.digest, served_by, role, outcome, evidence, attempts,
       any_value(sizes.size) AS size, count(*) AS times, min(places.line) AS line,
       min(fetched.records[1]) AS first, arg_min(evidence_why, coalesce(fetched.records[1], 0)) AS why,
       list_sort(list_distinct(list(reference))) AS references
FROM fetched
LEFT JOIN sizes ON sizes.digest = fetched.digest
LEFT JOIN places ON places.record = fetched.records[1]
GROUP BY action, image, kind, fetched.digest, served_by, role, outcome, evidence, attempts
ORDER BY first NULLS LAST, image, kind, fetched.digest, served_by, outcome, evidence, CAST(attempts AS VARCHAR)
"""


def find_images(engine: Engine) -> Images:
    """The images of a source, those first of which a host other than the first gave something."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in engine.rows(_OBJECTS):
        grouped.setdefault((row["action"], row["image"]), []).append(row)
    images = [_image(action, name, rows) for (action, name), rows in grouped.items()]
    images.sort(key=lambda image: (not image.unserved, not image.rough))
    return Images(tuple(images[: LIMITS.page_images]), max(len(images) - LIMITS.page_images, 0))


def _image(action: str, name: str, rows: Sequence[dict[str, Any]]) -> Image:
    objects = [_object(row) for row in rows]
    order = {kind: place for place, kind in enumerate(KINDS)}
    objects.sort(key=lambda one: (one.smooth, order.get(one.kind, len(order))))
    references = dict.fromkeys(
        reference for row in rows for reference in row["references"] or () if reference
    )
    givers: Counter[tuple[str | None, str | None]] = Counter()
    for one in objects:
        if one.outcome == "served":
            givers[one.served_by, one.role] += one.times
    return Image(
        action,
        name,
        tuple(reference.removeprefix(name) for reference in references if reference != name),
        tuple(objects[: LIMITS.page_objects]),
        max(len(objects) - LIMITS.page_objects, 0),
        tuple((host, role, number) for (host, role), number in givers.most_common()),
        sum(one.times for one in objects if not one.smooth),
        sum(one.times for one in objects if one.outcome != "served"),
    )


def _object(row: dict[str, Any]) -> ImageObject:
    attempts = tuple(
        Attempt(one["host"], one["role"], one["outcome"] or "no answer") for one in row["attempts"] or ()
    )
    return ImageObject(
        row["kind"],
        row["digest"] or next(iter(row["references"] or ()), None),
        row["size"],
        attempts,
        row["served_by"],
        row["role"],
        row["outcome"],
        row["evidence"],
        row["why"],
        row["times"],
        row["line"],
    )
