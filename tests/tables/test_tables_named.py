"""Requests that carry their URL, and crowds that do not."""

from __future__ import annotations

import pytest

from tests.loglines import DIGEST, fetch_layer, layer, line, requests

MIRROR, HUB = ("mirror.example.com", True), ("registry-1.docker.io", False)


def test_hosts_of_a_layer_in_the_order_asked() -> None:
    found = requests(*fetch_layer((*MIRROR, "404 Not Found"), (*HUB, "200 OK")))
    assert [(one.host, one.position, one.status_code, one.kind) for one in found.exchanges] == [
        ("mirror.example.com", 0, 404, "layer"),
        ("registry-1.docker.io", 1, 200, "layer"),
    ]
    assert {one.registry for one in found.exchanges} == {"docker.io"}
    assert {one.object for one in found.exchanges} == {0}
    assert found.gaps == []


def test_a_resumed_read_starts_again_at_the_first_host() -> None:
    resumed = layer("mirror.example.com", mirror=True)
    found = requests(
        *fetch_layer((*MIRROR, "404 Not Found"), (*HUB, "200 OK")),
        line("do request", request__method="GET", request__header__range="bytes=4096-", **resumed),
        line("fetch response received", response__status="206 Partial Content", **resumed),
    )
    assert [(one.position, one.offset) for one in found.exchanges] == [(0, None), (1, None), (0, 4096)]


def test_parallel_requests_are_paired_by_url() -> None:
    one, two = (
        layer("m.example.com", mirror=True),
        layer("m.example.com", mirror=True, digest="sha256:" + "cd" * 32),
    )
    found = requests(
        line("fetch", **one), line("fetch", **two),
        line("do request", request__method="GET", **one), line("do request", request__method="GET", **two),
        line("fetch response received", response__status="200 OK", **two),
        line("fetch response received", response__status="404 Not Found", **one),
    )  # fmt: skip
    assert [(item.digest, item.status_code) for item in found.exchanges] == [
        (DIGEST, 404), ("sha256:" + "cd" * 32, 200),
    ]  # fmt: skip
    assert {item.pairing for item in found.exchanges} == {"exact"}


def test_a_path_mirror_and_upstream_give_one_object() -> None:
    path = layer("m.example.com:5000", mirror=True, repository="hub/library/alpine")
    plain = layer("registry-1.docker.io", mirror=False)
    found = requests(
        line("fetch", **path),
        line("do request", request__method="GET", **path),
        line("fetch response received", response__status="404 Not Found", **path),
        line("do request", request__method="GET", **plain),
        line("fetch response received", response__status="200 OK", **plain),
    )
    assert [one.object for one in found.exchanges] == [0, 0]


def test_v0_10_look_up_by_url_and_host() -> None:
    def at(message: str, host: str, url: bool = True, **more: str) -> str:
        query = "?ns=docker.io" if host.startswith("mirror") else ""
        named = {"url": f"https://{host}/v2/library/alpine/manifests/3.20{query}"} if url else {}
        return line(message, host=host, **named, **more)

    found = requests(
        at("resolving", "mirror.example.com", url=False),
        at("do request", "mirror.example.com", request__method="HEAD"),
        at("fetch response received", "mirror.example.com", response__status="404 Not Found"),
        line("trying next host - response was http.StatusNotFound", "info", host="mirror.example.com"),
        at("resolving", "registry-1.docker.io", url=False),
        at("do request", "registry-1.docker.io", request__method="HEAD"),
        at("fetch response received", "registry-1.docker.io", response__status="200 OK"),
        line("resolved", host="registry-1.docker.io", desc__digest=DIGEST),
    )
    assert [(one.host, one.kind, one.position) for one in found.exchanges] == [
        ("mirror.example.com", "resolve", 0),
        ("registry-1.docker.io", "resolve", 1),
    ]
    assert found.gaps == []


def test_pushes_of_v0_16_are_named_by_the_line_before() -> None:
    ids = {"span": "exporting to image", "spanID": "cc", "traceID": "t1"}
    found = requests(
        line("checking and pushing to", url=f"https://r.example.com/v2/team/app/blobs/{DIGEST}", **ids),
        line(
            "do request",
            request__method="HEAD",
            request__header__accept="application/vnd.oci.image.layer.v1",
            **ids,
        ),
        line("fetch response received", response__status="404 Not Found", **ids),
        line("do request", request__method="POST", **ids),
        line("fetch response received", response__status="202 Accepted", **ids),
        line("do request", request__method="PUT", **ids),
        line("fetch response received", response__status="201 Created", **ids),
    )
    assert {(one.host, one.action, one.host_evidence) for one in found.exchanges} == {
        ("r.example.com", "push", "proof")
    }
    assert [one.status_code for one in found.exchanges] == [404, 202, 201]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (fetch_layer((*MIRROR, "200 OK"))[1:], "a request without its `fetch`"),
        (fetch_layer((*MIRROR, "200 OK"))[::2], "an answer without its request"),
        (fetch_layer((*MIRROR, "")), "a request without answer or error"),
        (fetch_layer((*MIRROR, "404 Not Found")), "an object that was asked for and never given"),
        ([line("diff applied", digest=DIGEST, size=5)], "a layer was unpacked that nobody fetched"),
        (
            [line("session started", spanID="s")],
            "a build without its end: it still runs, was stopped, or the log is cut",
        ),
        ([line("session finished: <nil>", spanID="s")], "a build without its beginning"),
        (
            fetch_layer((*MIRROR, "401 Unauthorized"), (*HUB, "200 OK")),
            "a 401 without the line that follows it",
        ),
    ],
)
def test_what_is_missing_is_seen(lines: list[str], reason: str) -> None:
    assert reason in [gap.reason for gap in requests(*lines).gaps]


def test_a_failed_build_explains_what_it_did_not_get() -> None:
    told = line("/moby.buildkit.v1.Control/Solve returned error: rpc error", "error", traceID="t1")
    assert requests(*fetch_layer((*MIRROR, "404 Not Found")), told).gaps == []


def test_damaged_fields_cost_only_themselves() -> None:
    fields = layer("m.example.com", mirror=True) | {"size": "9" * 30}
    found = requests(
        line("checking and pushing to"),
        line("fetch", **fields),
        line("do request", request__method="GET", request__header__range=f"bytes={'9' * 30}-", **fields),
        line("fetch response received", response__status="99999999999999999999 ?", **fields),
    )
    (one,) = found.exchanges
    assert (one.size, one.offset, one.status_code, one.host) == (None, None, None, "m.example.com")
