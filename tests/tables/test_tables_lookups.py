"""Look-ups: pairing and places within a span that names no host."""

from __future__ import annotations

import pytest

from tests.loglines import Lookup, line, requests


def places(*lines: str) -> list[int | None]:
    return [exchange.position for exchange in requests(*lines).exchanges]


def reasons(*lines: str) -> list[str]:
    return [gap.reason for gap in requests(*lines).gaps]


def test_resolving_is_the_place_and_every_object_starts_again() -> None:
    at = Lookup()
    found = requests(
        at("resolving"), at.head(), at.answer("404 Not Found"),
        at("trying next host - response was http.StatusNotFound", "info"),
        at("resolving"), at.head(), at.answer("401 Unauthorized"), at("Unauthorized", header="Bearer x"),
        at.head(), at.answer(), at("resolved"),
        at("fetch"), at.get(), at.answer("404 Not Found"), at.get(), at.answer(),
    )  # fmt: skip
    assert [(one.position, one.status_code) for one in found.exchanges] == [
        (0, 404), (1, 401), (1, 200), (0, 404), (1, 200),
    ]  # fmt: skip
    assert [one.object for one in found.exchanges] == [0, 0, 0, 1, 1]
    assert [one.kind for one in found.exchanges] == ["resolve"] * 3 + ["index"] * 2
    assert {one.registry for one in found.exchanges} == {"docker.io"}
    assert found.gaps == []


def test_a_rate_limited_host_is_asked_six_times_before_the_next() -> None:
    at = Lookup()
    refused = [part for _ in range(6) for part in (at.get(), at.answer("429 Too Many Requests"))]
    assert places(
        at("resolving"), at.head(), at.answer(), at("resolved"), at("fetch"), *refused, at.get(), at.answer()
    ) == [0, *[0] * 6, 1]


@pytest.mark.parametrize(
    ("header", "following"),
    [('Bearer realm="https://auth.example.com/token"', 0), ("", 1)],
    ids=["challenge", "none"],
)
def test_a_401_stays_with_its_host_only_where_there_is_a_challenge(header: str, following: int) -> None:
    at = Lookup()
    assert places(
        at("resolving"), at.head(), at.answer(), at("resolved"),
        at("fetch"), at.get(), at.answer("401 Unauthorized"), at("Unauthorized", header=header),
        at.get(), at.answer(),
    ) == [0, 0, following]  # fmt: skip


def test_a_token_that_cannot_be_had_moves_on() -> None:
    at = Lookup()
    assert places(
        at("resolving"), at.head(), at.answer(), at("resolved"),
        at("fetch"), at.get(), at.answer("401 Unauthorized"), at("Unauthorized", header="Bearer x"),
        at("token request failed"), at.get(), at.answer(),
    ) == [0, 0, 1]  # fmt: skip


def test_a_request_without_answer_moves_on_silently_before_v0_23() -> None:
    at = Lookup()
    found = requests(
        at("resolving"), at.head(), at.answer(), at("resolved"), at("fetch"), at.get(), at.get(), at.answer()
    )
    assert [one.position for one in found.exchanges] == [0, 0, 1]
    assert found.gaps == []


def test_fetching_layer_counts_the_attempts() -> None:
    at = Lookup()
    why = "content at https://mirror.example.com/v2/library/alpine/manifests/x?ns=docker.io not found: not found"
    found = requests(
        at("resolving"), at.head(), at.answer(), at("resolved"),
        at("fetch"), at("fetching layer"), at.get(), at.answer("404 Not Found"), at("fetch failed", error=why),
        at("fetching layer"), at.get(), at.answer("401 Unauthorized"), at("Unauthorized", header="Bearer x"),
        at.get(), at.answer(),
    )  # fmt: skip
    assert [one.position for one in found.exchanges] == [0, 0, 1, 1]
    assert found.exchanges[1].host == "mirror.example.com"
    assert found.gaps == []


def test_an_error_names_the_host_of_its_request() -> None:
    at = Lookup()
    why = 'failed to do request: Head "https://m.example.com/v2/library/alpine/manifests/3.20?ns=docker.io": EOF'
    first = requests(at("resolving"), at.head(), at("trying next host", "info", error=why)).exchanges[0]
    assert (first.host, first.mirror, first.host_evidence, first.error) == (
        "m.example.com",
        True,
        "proof",
        why,
    )


def test_a_fetch_that_every_host_refused_is_tried_again_from_the_first() -> None:
    at = Lookup()
    found = requests(
        at("resolving"), at.head(), at.answer(), at("resolved"),
        at("fetch"), at.get(), at.answer("404 Not Found"), at.get(), at.answer("503 Service Unavailable"),
        at("fetch"), at.get(), at.answer("404 Not Found"), at.get(), at.answer(),
    )  # fmt: skip
    assert [(one.object, one.position) for one in found.exchanges] == [(0, 0), (1, 0), (1, 1), (1, 0), (1, 1)]
    assert found.gaps == []


COMPLETE = (
    "resolving", "head", "404", "trying", "resolving", "head", "200", "resolved", "fetch", "get", "200",
)  # fmt: skip


def _complete(at: Lookup) -> list[str]:
    words = {
        "resolving": at("resolving"),
        "head": at.head(),
        "404": at.answer("404 Not Found"),
        "200": at.answer(),
        "trying": at("trying next host after status: 404 Not Found", "info"),
        "resolved": at("resolved"),
        "fetch": at("fetch"),
        "get": at.get(),
    }
    return [words[word] for word in COMPLETE]


def test_a_whole_look_up_has_no_gap() -> None:
    assert reasons(*_complete(Lookup())) == []


@pytest.mark.parametrize("missing", range(len(COMPLETE)))
def test_any_line_missing_from_a_look_up_is_seen(missing: int) -> None:
    lines = _complete(Lookup())
    del lines[missing]
    assert reasons(*lines), f"{COMPLETE[missing]} (line {missing})"


def test_a_cancelled_build_explains_a_request_that_was_not_made() -> None:
    at = Lookup()
    told = at.ids | {"span": "x"}
    cancelled = line("/moby.buildkit.v1.Control/Solve returned error: context canceled", "error", **told)
    assert reasons(at("resolving")) == ["a host was to be asked and no request follows"]
    assert reasons(at("resolving"), cancelled) == []
    assert reasons(at("resolving"), at.head(), cancelled) == []
