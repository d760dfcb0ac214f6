from __future__ import annotations

from typing import Any

import pytest

from analyzer.tables.networks import NetworksBuilder
from tests.tables.plain_records import batch_of, build

SOLVE = "/moby.buildkit.v1.Control/Solve returned error: rpc error: code = Unknown desc = "


def networks(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return build(NetworksBuilder(), batch_of(rows))


@pytest.mark.parametrize(
    ("message", "event", "namespace", "provider"),
    [
        ("creating new network namespace abc", "creating", "abc", None),
        ("finished creating network namespace abc", "created", "abc", None),
        ("finished setting up network namespace abc", "set_up", "abc", None),
        ("returning network namespace abc from pool", "returned", "abc", None),
        ("releasing cni network namespace abc", "releasing", "abc", "cni"),
        ("releasing network namespace abc since it was last used at 2026", "releasing", "abc", None),
        ("cleaning up cni pool", "cleaning", None, "cni"),
        ("cleaning up cni network namespace pool", "cleaning", None, "cni"),
        ("cleaning up proxy network namespace pool", "cleaning", None, "proxy"),
        ('could not read "/var/lib/buildkit/net/cni" for cleanup: open: no such file', "opened", None, "cni"),
        (
            'could not read "/var/lib/buildkit/net/proxy" for cleanup: open: no such file',
            "opened",
            None,
            "proxy",
        ),
        ("using host network as the default", "default_host", None, None),
        ("using null network as the default", "default_null", None, None),
        ("enabling HostNetworking", "host_enabled", None, None),
        ("Entering RootlessKit's detached netns", "rootless_namespace", None, None),
    ],
)
def test_events(message: str, event: str, namespace: str | None, provider: str | None) -> None:
    (row,) = networks({"level": "debug", "message": message})

    assert (row["event"], row["namespace"], row["provider"]) == (event, namespace, provider)
    assert row["error"] is None


@pytest.mark.parametrize(
    "message",
    [
        "failed to create new cni network namespace while prefilling pool: boom",
        f'{SOLVE}process "/bin/sh -c true" did not complete successfully: CNI setup error: '
        'plugin type="loopback" failed (add): failed to find plugin',
    ],
)
def test_a_network_that_cannot_be_set_up(message: str) -> None:
    (row,) = networks({"level": "error", "message": message})

    assert (row["event"], row["provider"]) == ("setup_failed", "cni")
    assert row["error"]


def test_a_start_that_fails_for_its_network() -> None:
    text = (
        "buildkitd: stat /etc/buildkit/cni.json: no such file or directory\nfailed to read cni config "
        '"/etc/buildkit/cni.json"\ngithub.com/moby/buildkit/util/network/cniprovider.New\n\tx/cni.go:35'
    )

    (row,) = networks({"form": "stack", "text": text})

    assert row["event"] == "setup_failed"
    assert "failed to read cni config" in row["error"]


def test_a_refused_entitlement() -> None:
    (row,) = networks({"level": "error", "message": f"{SOLVE}network.host is not allowed"})

    assert row["event"] == "entitlement_denied"


def test_words_of_a_build_are_no_event() -> None:
    assert (
        networks(
            {"level": "debug", "message": "> creating x [/bin/sh -c echo using host network as the default]"},
            {
                "level": "debug",
                "message": "new ref for local: x",
                "span": "using host network as the default",
            },
            {"form": "other", "text": "using host network as the default"},
            {"form": "stack", "text": "buildkitd: context canceled"},
            {
                "level": "error",
                "message": 'process "/bin/sh -c echo CNI setup error" did not complete successfully: '
                "exit code: 1",
            },
        )
        == []
    )
