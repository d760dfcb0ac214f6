"""Objects on whole columns equal a plain and slow reading of the same requests, one object after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.attribution import pulls
from analyzer.attribution.pulls import build_objects, whole_objects
from analyzer.attribution.tables import PULLS
from analyzer.tables.requests import SPEC

request = st.fixed_dictionaries(
    {
        "object": st.integers(0, 3),
        "host": st.sampled_from([None, "mirror.example.com", "registry-1.docker.io"]),
        "role": st.sampled_from([None, "mirror", "upstream"]),
        "host_evidence": st.sampled_from(["proof", "inference", "none"]),
        "host_why": st.sampled_from([None, "the URL is logged", "place 1"]),
        "position": st.sampled_from([None, 0, 1]),
        "status_code": st.sampled_from([None, 200, 206, 404, 401]),
        "error": st.sampled_from([None, "dial tcp"]),
        "error_kind": st.sampled_from([None, "timeout"]),
        "registry": st.sampled_from([None, "docker.io"]),
        "repository": st.sampled_from([None, "library/alpine", "proxy/library/alpine"]),
        "reference": st.sampled_from([None, "docker.io/library/alpine:3"]),
        "kind": st.sampled_from(["other", "layer", "upload", "resolve"]),
        "digest": st.sampled_from([None, "sha256:aa", "sha256:bb"]),
        "answered": st.booleans(),
        "time": st.sampled_from([None, 1, 2]),
        "trace_id": st.sampled_from([None, "t"]),
        "span_id": st.sampled_from([None, "s"]),
        "daemon": st.just(0),
        "source": st.just("log"),
        "action": st.just("pull"),
    }
)


def numbered(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests with records: an answer's comes some requests later, and may be another request's."""
    found = []
    for place, row in enumerate(rows):
        answer = 2 * place + 3 if row["answered"] else None
        found.append({**row, "record": 2 * place, "response_record": answer})
        del found[-1]["answered"]
    return found


def expected(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    objects: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        objects.setdefault(row["object"], []).append(row)
    for asked in objects.values():
        good = [row for row in asked if row["status_code"] and row["status_code"] < 400]
        outside = [row for row in good if row["role"] == "upstream"]
        unknown = [row for row in good if row["host"] is None]
        giver = next(iter([*outside, *unknown, *reversed(good)]), None)
        last = asked[-1]
        unanswered = last["status_code"] is None and last["error"] is None
        levels = {row["host_evidence"] for row in asked}
        registry = next((row["registry"] for row in asked if row["registry"]), None)
        repository = min((row["repository"] for row in asked if row["repository"]), key=len, default=None)
        joined = f"{registry}/{repository}" if registry and repository else None
        told = {row["record"] for row in asked} | {row["response_record"] for row in asked}
        yield {
            "registry": registry,
            "repository": repository,
            "reference": next((row["reference"] for row in asked if row["reference"]), joined),
            "kind": next(
                (row["kind"] for row in asked if row["kind"] not in ("other", "upload")), asked[0]["kind"]
            ),
            "digest": next((row["digest"] for row in reversed(asked) if row["digest"]), None),
            "served_by": giver and giver["host"],
            "role": giver and giver["role"],
            "outcome": "served" if giver else "unfinished" if unanswered else "failed",
            "evidence": giver["host_evidence"]
            if giver
            else next(level for level in ("none", "inference", "proof") if level in levels),
            "evidence_why": (giver or last)["host_why"],
            "attempts": attempts(asked),
            "records": sorted(told - {None}),
            **{name: asked[0][name] for name in ("trace_id", "span_id", "daemon", "source")},
        }


def attempts(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before: tuple[Any, Any] | None = None
    for row in asked:
        here = (row["host"], row["position"])
        outcome = str(row["status_code"]) if row["status_code"] else row["error_kind"] or "no answer"
        attempt = {"host": row["host"], "role": row["role"], "outcome": outcome}
        if here == before and here != (None, None):
            found[-1] = attempt
        else:
            found.append(attempt)
        before = here
    return found


@given(st.lists(request, max_size=14))
def test_objects_are_what_a_plain_reading_makes_of_them(rows: list[dict[str, Any]]) -> None:
    asked = numbered(rows)
    found = build_objects(PULLS, SPEC.build(asked)).drop_columns(["time"]).to_pylist()
    assert found == list(expected(asked))


@given(st.lists(request, min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 9))
def test_objects_are_whole_however_requests_come(
    rows: list[dict[str, Any]], together: int, reach: int
) -> None:
    """Where the requests of an object stand close together, as `OBJECT_REACH` demands."""
    asked = numbered([{**row, "object": place // 3} for place, row in enumerate(rows)])
    table = SPEC.build(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulls, "OBJECT_REACH", 6 + reach)
        parts = list(whole_objects(table.to_batches(max_chunksize=together)))
    found = [row for part in parts for row in build_objects(PULLS, part).drop_columns(["time"]).to_pylist()]
    assert found == list(expected(asked))
    assert pa.concat_tables(parts).num_rows == len(asked)
