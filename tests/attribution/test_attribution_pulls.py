"""Pulls and pushes: one row an object, with each host that was asked."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import analyzer as bk
from tests.loglines import DIGEST, START, fetch_layer, layer, line


def seen(*lines: str) -> bk.Seen:
    return bk.attribute(bk.read(BytesIO("\n".join((*START, *lines)).encode() + b"\n")))


def only_pull(*lines: str) -> dict[str, Any]:
    (row,) = seen(*lines).pulls.to_pylist()
    found: dict[str, Any] = row
    return found


def test_a_pull_names_its_giver_and_every_attempt() -> None:
    pull = only_pull(
        *fetch_layer(("mirror.example.com", True, "404 Not Found"), ("registry-1.docker.io", False, "200 OK"))
    )
    assert {
        name: pull[name] for name in ("registry", "repository", "kind", "digest", "served_by", "role")
    } == {
        "registry": "docker.io",
        "repository": "library/alpine",
        "kind": "layer",
        "digest": DIGEST,
        "served_by": "registry-1.docker.io",
        "role": "upstream",
    }
    assert (pull["outcome"], pull["evidence"]) == ("served", "proof")
    assert [(one["host"], one["role"], one["outcome"]) for one in pull["attempts"]] == [
        ("mirror.example.com", "mirror", "404"),
        ("registry-1.docker.io", "upstream", "200"),
    ]
    assert pull["records"] == [5, 6, 7, 8]


def test_a_challenge_and_its_second_request_are_one_attempt() -> None:
    fields = layer("registry-1.docker.io", mirror=False)
    pull = only_pull(
        *fetch_layer(("registry-1.docker.io", False, "401 Unauthorized")),
        line("Unauthorized", header="Bearer x", **fields),
        line("do request", request__method="GET", **fields),
        line("fetch response received", response__status="200 OK", **fields),
    )
    assert [(one["host"], one["outcome"]) for one in pull["attempts"]] == [("registry-1.docker.io", "200")]


def test_a_read_that_upstream_finished_came_from_upstream() -> None:
    mirror, upstream = layer("mirror.example.com", mirror=True), layer("registry-1.docker.io", mirror=False)
    rest = {"request__header__range": "bytes=4096-", "request__method": "GET"}
    pull = only_pull(
        *fetch_layer(("mirror.example.com", True, "200 OK")),
        line("do request", **rest, **mirror),
        line("fetch response received", response__status="502 Bad Gateway", **mirror),
        line("do request", **rest, **upstream),
        line("fetch response received", response__status="206 Partial Content", **upstream),
    )
    assert (pull["served_by"], pull["role"]) == ("registry-1.docker.io", "upstream")


def test_what_nobody_gave_has_failed_and_what_was_not_answered_is_unfinished() -> None:
    failed = only_pull(*fetch_layer(("registry-1.docker.io", False, "404 Not Found")))
    assert (failed["served_by"], failed["outcome"], failed["evidence"]) == (None, "failed", "proof")
    unfinished = only_pull(*fetch_layer(("registry-1.docker.io", False, "")))
    assert (unfinished["outcome"], unfinished["attempts"][0]["outcome"]) == ("unfinished", "no answer")


def test_a_push_goes_upstream() -> None:
    url = f"https://r.example.com/v2/team/app/blobs/{DIGEST}"
    upload = "https://r.example.com/v2/team/app/blobs/uploads/"
    ids = {"spanID": "p", "traceID": "t", "digest": DIGEST}
    (push,) = seen(
        line("checking and pushing to", url=url, **ids),
        line("do request", request__method="HEAD", url=url, **ids),
        line("fetch response received", response__status="404 Not Found", url=url, **ids),
        line("do request", request__method="POST", url=upload, **ids),
        line("fetch response received", response__status="201 Created", url=upload, **ids),
    ).pushes.to_pylist()
    assert (push["served_by"], push["role"], push["outcome"]) == ("r.example.com", "upstream", "served")
    assert len(push["records"]) == 4
