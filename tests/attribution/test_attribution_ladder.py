"""The evidence ladder: which host, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from analyzer.attribution.ladder import Configuration
from analyzer.attribution.requests import attribute_requests
from analyzer.tables.coverage import DaemonLocator
from analyzer.tables.daemons import SPEC as DAEMONS
from analyzer.tables.exchanges import Gap
from tests.loglines import HUB as HUB_HEADERS
from tests.loglines import Lookup, fetch_layer, line, observe, rows_of


@dataclass(frozen=True)
class Predicted:
    name: str
    role: str
    scheme: str = "https"


def configuration(*mirrors: str, name: str = "intended") -> Configuration:
    hosts = [
        *(Predicted(mirror, "mirror") for mirror in mirrors),
        Predicted("registry-1.docker.io", "upstream"),
    ]
    return Configuration(name, lambda registry: hosts if registry == "docker.io" else [], ("docker.io",))


def attributed(
    *lines: str, config: Configuration | None = None, cut: bool = False
) -> tuple[list[Any], list[Gap]]:
    found = attribute_requests(observe(*lines).observed, DaemonLocator(DAEMONS.empty()), config, cut=cut)
    return rows_of(found.requests.batches()), found.gaps


def resolve(at: Lookup, *answers: tuple[str, dict[str, str]]) -> list[str]:
    told: list[str] = []
    for place, (status, headers) in enumerate(answers):
        told += [at("resolving"), at.head(), at.answer(status, **headers)]
        if place < len(answers) - 1:
            told.append(at(f"trying next host after status: {status}", "info"))
    return [*told, at("resolved")]


ONE = resolve(Lookup(), ("200 OK", {}))
TWO = resolve(Lookup(), ("404 Not Found", {}), ("200 OK", {}))
FROM_MIRROR = fetch_layer(("mirror.example.com", True, "200 OK"))
FROM_UPSTREAM = fetch_layer(("registry-1.docker.io", False, "200 OK"))
THROUGH_MIRROR = fetch_layer(
    ("mirror.example.com", True, "404 Not Found"), ("registry-1.docker.io", False, "200 OK")
)


def hosts(found: list[Any]) -> list[tuple[str | None, str]]:
    return [(one.host, one.host_evidence) for one in found if one.kind == "resolve"]


def test_a_layer_tells_who_the_first_host_is() -> None:
    found, _ = attributed(*ONE, *FROM_MIRROR)
    assert hosts(found) == [("mirror.example.com", "inference")]


def test_the_intended_configuration_alone_gives_no_host() -> None:
    found, _ = attributed(*ONE, config=configuration("mirror.example.com"))
    assert hosts(found) == [(None, "none")]


def test_the_configuration_that_was_given_does() -> None:
    found, _ = attributed(*ONE, config=configuration("mirror.example.com", name="effective"))
    assert hosts(found) == [("mirror.example.com", "inference")]


def test_another_mirror_than_the_intended_one_is_named_as_what_it_is() -> None:
    found, _ = attributed(*ONE, *FROM_MIRROR, config=configuration("other.example.com"))
    assert hosts(found) == [("mirror.example.com", "inference")]


def test_no_mirror_loaded() -> None:
    found, _ = attributed(*ONE, *FROM_UPSTREAM, config=configuration("mirror.example.com"))
    assert hosts(found) == [("registry-1.docker.io", "inference")]


def test_each_place_of_the_learned_order() -> None:
    found, _ = attributed(*TWO, *THROUGH_MIRROR)
    assert hosts(found) == [("mirror.example.com", "inference"), ("registry-1.docker.io", "inference")]


def test_the_configuration_names_the_next_host_where_the_log_agrees_so_far() -> None:
    config = configuration("mirror.example.com", "second.example.com")
    found, _ = attributed(*TWO, *FROM_MIRROR, config=config)
    assert hosts(found) == [("mirror.example.com", "inference"), ("second.example.com", "inference")]
    found, _ = attributed(*TWO, *FROM_MIRROR, config=configuration("else.example.com", "second.example.com"))
    assert hosts(found) == [("mirror.example.com", "inference"), (None, "none")]


def test_docker_hub_is_known_by_its_headers() -> None:
    found, _ = attributed(
        *resolve(Lookup(), ("200 OK", HUB_HEADERS)), config=configuration("mirror.example.com")
    )
    assert hosts(found) == [("registry-1.docker.io", "inference")]


def test_docker_hub_after_as_many_hosts_as_configured() -> None:
    lines = resolve(Lookup(), ("404 Not Found", {}), ("200 OK", HUB_HEADERS))
    found, _ = attributed(*lines, config=configuration("mirror.example.com"))
    assert hosts(found) == [("mirror.example.com", "inference"), ("registry-1.docker.io", "inference")]
    found, _ = attributed(*lines, config=configuration("a.example.com", "b.example.com"))
    assert hosts(found) == [(None, "none"), ("registry-1.docker.io", "inference")]


def test_a_mirror_may_pass_on_the_headers_of_its_upstream() -> None:
    found, gaps = attributed(*resolve(Lookup(), ("200 OK", HUB_HEADERS)), *FROM_MIRROR)
    assert hosts(found) == [("mirror.example.com", "inference")]
    assert gaps == []


def test_in_a_cut_log_such_headers_are_a_gap_and_no_host() -> None:
    found, gaps = attributed(*resolve(Lookup(), ("200 OK", HUB_HEADERS)), *FROM_MIRROR, cut=True)
    assert hosts(found) == [(None, "none")]
    assert [gap.reason for gap in gaps] == [
        "an answer with docker.io's own headers at the place of mirror.example.com"
    ]


def test_another_registry_is_known_by_its_token_realm() -> None:
    at = Lookup("ghcr.io/team/app:1")
    challenge = 'Bearer realm="https://ghcr.io/token",service="ghcr.io"'
    found, _ = attributed(
        at("resolving"), at.head(),
        at.answer("401 Unauthorized", **{"response.header.www-authenticate": challenge}),
        at("Unauthorized", header=challenge), at.head(), at.answer(), at("resolved"),
    )  # fmt: skip
    assert hosts(found) == [("ghcr.io", "inference"), ("ghcr.io", "inference")]


def test_two_hosts_at_one_place_are_a_gap_and_give_no_host() -> None:
    other = "sha256:" + "cd" * 32
    found, gaps = attributed(
        *ONE, *FROM_MIRROR, *fetch_layer(("registry-1.docker.io", False, "200 OK"), digest=other)
    )
    assert hosts(found) == [(None, "none")]
    assert [gap.reason for gap in gaps] == ["the order of hosts contradicts itself, so lines are missing"]


def test_each_start_has_an_order_of_its_own() -> None:
    from tests.loglines import START

    found, gaps = attributed(
        *resolve(Lookup(span_id="a1"), ("200 OK", {})), *FROM_UPSTREAM, *START,
        *resolve(Lookup(span_id="a2"), ("200 OK", {})), *FROM_MIRROR,
    )  # fmt: skip
    assert hosts(found) == [("registry-1.docker.io", "inference"), ("mirror.example.com", "inference")]
    assert gaps == []


def test_a_digest_is_looked_up_twice_through_the_hosts() -> None:
    at = Lookup("docker.io/library/alpine:3.20@sha256:" + "ef" * 32)
    missing: tuple[str, dict[str, str]] = ("404 Not Found", {})
    found, _ = attributed(*resolve(at, missing, missing, missing, ("200 OK", {})), *THROUGH_MIRROR)
    assert [host for host, _ in hosts(found)] == ["mirror.example.com", "registry-1.docker.io"] * 2


GOOGLE = {
    "response.header.x-goog-generation": "1637788077652182",
    "response.header.x-goog-hash": "md5=AAAA",
    "response.status": "200 OK",
    "spanID": "s",
    "traceID": "t",
}


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [("mirror.gcr.io", ("mirror.gcr.io", "inference")), ("mirror.example.com", (None, "none"))],
)
def test_v0_9_answers_are_known_by_their_headers_alone(mirror: str, expected: tuple[str | None, str]) -> None:
    found, _ = attributed(
        line("do request", request__method="GET", request__header__accept="application/vnd.oci.image.layer.v1, */*",
             spanID="s", traceID="t"),
        line("fetch response received", **GOOGLE),
        config=configuration(mirror),
    )  # fmt: skip
    assert [(one.host, one.host_evidence) for one in found] == [expected]
