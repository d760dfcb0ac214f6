"""The scoreboard: what each host was asked, what it answered, what it gave, and the time that took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.checks.engine import Engine


@dataclass(frozen=True)
class Answer:
    """An answer, or the kind of failure instead of one, and how often it came.

    Attributes:
        label: ``200``, or ``connection_refused``.
        number: How often.
        tone: good, token (a 401: BuildKit fetches a token and asks again), bad or none (no answer is known).
    """

    label: str
    number: int
    tone: str


@dataclass(frozen=True)
class Host:
    """A host and what it did.

    Attributes:
        name: Its name; None for requests of which nothing tells the host.
        roles: mirror, upstream or both.
        registries: The registries that it was asked for.
        requests: How often it was asked.
        share: Thousandths of all requests.
        size: Bytes of layers that it gave.
        answers: What it answered, the most frequent first.
        failures: Requests that ended in an error, or in an answer from 400 on other than 401.
        evidence: How it is known, the weakest first.
        took: Seconds of all its requests together, where an exported trace tells them.
        slowest: Seconds of its slowest request, where a trace tells them.
        first: When it was asked first, as microseconds since 1970.
        last: When it was asked last.
    """

    name: str | None
    roles: tuple[str, ...]
    registries: tuple[str, ...]
    requests: int
    share: int
    size: int
    answers: tuple[Answer, ...]
    failures: int
    evidence: tuple[str, ...]
    took: float | None
    slowest: float | None
    first: int | None
    last: int | None


_FAILED = "(coalesce(requests.status_code >= 400 AND requests.status_code <> 401, false) OR requests.error IS NOT NULL)"

_HOSTS = f"""
WITH timed AS (
    SELECT trace_id, span_id, max(epoch_us("end") - epoch_us(start)) / 1e6 AS took
    FROM trace_spans WHERE "end" IS NOT NULL GROUP BY trace_id, span_id
)
SELECT requests.host, count(*) AS requests, count(*) FILTER ({_FAILED}) AS failures,
       list_sort(list_distinct(list(role))) AS roles, list_sort(list_distinct(list(registry))) AS registries,
       list_sort(list_distinct(list(host_evidence))) AS evidence,
       coalesce(
           sum(size - coalesce("offset", 0)) FILTER (kind = 'layer' AND requests.status_code BETWEEN 200 AND 299), 0
       ) AS size,
       sum(took) AS took, max(took) AS slowest, epoch_us(min(time)) AS first, epoch_us(max(time)) AS last
FROM requests
LEFT JOIN timed ON timed.trace_id = requests.trace_id AND timed.span_id = requests.trace_span_id
GROUP BY requests.host ORDER BY requests DESC, requests.host
"""

_ANSWERS = """
SELECT host,
       coalesce(
           CAST(status_code AS VARCHAR), error_kind, CASE WHEN error IS NULL THEN 'no answer' ELSE 'error' END
       ) AS label,
       any_value(status_code) AS status_code, any_value(error) AS error, count(*) AS number
FROM requests GROUP BY ALL ORDER BY number DESC, label
"""


def find_hosts(engine: Engine) -> tuple[Host, ...]:
    """The hosts of a source, the busiest first."""
    rows = engine.rows(_HOSTS)
    total = sum(row["requests"] for row in rows)
    answers: dict[str | None, list[Answer]] = {}
    for row in engine.rows(_ANSWERS):
        answers.setdefault(row["host"], []).append(Answer(row["label"], row["number"], _tone(row)))
    return tuple(
        Host(
            name=row["host"],
            roles=_texts(row["roles"]),
            registries=_texts(row["registries"]),
            requests=row["requests"],
            share=round(1000 * row["requests"] / total),
            size=int(row["size"]),
            answers=tuple(answers.get(row["host"], ())),
            failures=row["failures"],
            evidence=_texts(row["evidence"]),
            took=row["took"],
            slowest=row["slowest"],
            first=row["first"],
            last=row["last"],
        )
        for row in rows
    )


def _texts(values: list[str | None] | None) -> tuple[str, ...]:
    return tuple(value for value in values or () if value is not None)


def _tone(row: dict[str, Any]) -> str:
    status = row["status_code"]
    if status is None:
        return "none" if row["error"] is None else "bad"
    if status == 401:
        return "token"
    return "bad" if status >= 400 else "good"
