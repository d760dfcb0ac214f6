from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.lifetimes import daemon_head
from tests.tables.plain_records import batch_of, build

NETWORK = "org.mobyproject.buildkit.worker.network"
START: list[dict[str, Any]] = [
    {"level": "info", "message": "auto snapshotter: using overlayfs"},
    {"level": "warning", "message": "using host network as the default"},
    {
        "level": "info",
        "message": f'found worker "w", labels=map[{NETWORK}:host], platforms=[linux/amd64]',
    },
    {"level": "info", "message": 'found 1 workers, default="w"'},
    {"level": "info", "message": "running server on /run/buildkit/buildkitd.sock"},
]
WORK: list[dict[str, Any]] = [
    {"level": "debug", "message": "session started", "trace_id": "t", "span_id": "s"},
    {"level": "debug", "message": "do request", "fields": {"request.header.user-agent": "buildkit/v0.17"}},
]
STOP: list[dict[str, Any]] = [
    {"level": "info", "message": "stopping server"},
    {"form": "stack", "text": "buildkitd: got 1 SIGTERM/SIGINTs, forcing shutdown\nmain.main\n\tmain.go:408"},
]
HEAD = "51 v0.17.3 /usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml"
FRAMES = "\nmain.unaryInterceptor\n\tgithub.com/moby/buildkit/cmd/buildkitd/main.go:717\n"


def daemons(*rows: dict[str, Any], size: int = 1000) -> list[dict[str, Any]]:
    builder = DaemonsBuilder()
    return build(builder, *(batch_of(rows[at : at + size], at) for at in range(0, len(rows), size)))


def agents(*names: str) -> list[dict[str, Any]]:
    return [
        {"level": "debug", "message": "do request", "fields": {"request.header.user-agent": name}}
        for name in names
    ]


def test_a_whole_run() -> None:
    (daemon,) = daemons(*START, *WORK, *STOP)

    assert (daemon["first_record"], daemon["last_record"], daemon["records"]) == (0, 8, 9)
    assert (daemon["startup"], daemon["running"], daemon["end_seen"], daemon["clean_exit"]) == (True,) * 4
    assert daemon["startup_failure"] is None
    assert daemon["network_default_warned"] is True
    assert (daemon["tracing"], daemon["debug"], daemon["rootless"]) == (True, True, False)
    assert (daemon["version"], daemon["version_evidence"]) == ("v0.17", "proof")


def test_two_starts_in_one_log() -> None:
    first, second = daemons(*START, *WORK, *STOP, *START, *WORK)

    assert (first["daemon"], first["last_record"]) == (0, 8)
    assert (second["daemon"], second["first_record"], second["last_record"]) == (1, 9, 15)
    assert (second["clean_exit"], second["end_seen"]) == (False, False)


def test_a_start_after_a_kill() -> None:
    first, second = daemons(*START, *WORK, *START, *WORK)

    assert (first["end_seen"], second["first_record"]) == (False, 7)


def test_a_start_after_a_kill_while_starting() -> None:
    first, second = daemons(*START[:2], *START)

    assert (first["running"], second["running"], second["first_record"]) == (False, True, 2)


def test_several_listeners_are_one_start() -> None:
    listeners = [
        {"level": "info", "message": "running server on [::]:1234"},
        {"level": "warning", "message": "TLS is disabled for unix:///run/buildkit/buildkitd.sock"},
        {"level": "info", "message": "running server on /run/buildkit/buildkitd.sock"},
    ]

    assert len(daemons(*START, *listeners, *WORK)) == 1


def test_a_log_without_its_start() -> None:
    first, second = daemons(*WORK, *STOP, *START)

    assert (first["startup"], first["running"], first["clean_exit"]) == (False, False, True)
    assert second["startup"] is True


def test_a_log_cut_within_the_start_up_lines() -> None:
    (daemon,) = daemons(*START[3:], *WORK)

    assert (daemon["startup"], daemon["running"]) == (False, True)


def test_what_an_init_wrote_before_belongs_to_the_start() -> None:
    (daemon,) = daemons({"form": "other", "text": "Starting buildkit..."}, *START)

    assert (daemon["first_record"], daemon["startup"]) == (0, True)


@pytest.mark.parametrize(
    "text", ['invalid network mode: "none"', "stat /etc/buildkit/cni.json: no such file"]
)
def test_a_start_that_fails(text: str) -> None:
    block = {"form": "stack", "text": f"buildkitd: {text}\nmain.main\n\tmain.go:408"}

    failed, good = daemons(START[0], block, *START)

    assert failed["startup_failure"] == text
    assert (failed["clean_exit"], failed["end_seen"], failed["running"]) == (False, True, False)
    assert good["startup_failure"] is None


def test_last_words_in_the_text_of_an_error_end_nothing() -> None:
    words = {"form": "stack", "text": f"buildkitd: context canceled{FRAMES}"}

    (daemon,) = daemons(*START, *WORK, words, *WORK)
    (stopped,) = daemons(*START, *WORK, STOP[0], *WORK, words)

    assert (daemon["end_seen"], daemon["clean_exit"], daemon["records"]) == (False, False, 10)
    assert (stopped["end_seen"], stopped["clean_exit"]) == (True, True)


def test_interleaved_streams_are_daemons_of_their_own() -> None:
    rows: list[dict[str, Any]] = []
    for one, two in zip([*START, *WORK], [*START[:1], *START], strict=False):
        rows += [one | {"stream": "a"}, two | {"stream": "b"}]

    table = daemons(*rows)

    assert [(row["stream"], row["records"]) for row in table] == [("a", 6), ("b", 1), ("b", 5)]
    assert [row["first_record"] for row in table] == [0, 1, 3]


def test_sources_are_daemons_of_their_own() -> None:
    table = daemons(*START, *({"source": "other.log"} | row for row in WORK))

    assert [row["source"] for row in table] == ["buildkitd.log", "other.log"]


def test_text_that_is_no_log_is_no_daemon() -> None:
    assert daemons({"form": "other", "text": "hello"}, {"form": "other", "text": "world"}) == []


def test_the_stack_gives_version_and_command_line() -> None:
    (daemon,) = daemons(*START, *WORK, {"form": "stack", "text": f"oops\n{HEAD}{FRAMES}"})

    assert (daemon["version"], daemon["version_evidence"]) == ("v0.17.3", "proof")
    assert daemon["command_line"] == "/usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml"


def test_stacks_of_clients_and_imitations_give_none() -> None:
    client = "7 v0.30.0 /usr/bin/buildctl build\nmain.f\n\tmain.go:1\n"

    assert daemon_head(f"oops\n{client}") is None
    assert daemon_head(f"error\n{HEAD}\nno frame follows\n") is None
    assert daemon_head(f"9 v9.9.9 buildkitd{FRAMES}{HEAD}{FRAMES}{client}") == (
        "v0.17.3",
        HEAD.partition(" v0.17.3 ")[2],
    )


def test_evidence_that_disagrees_is_no_proof() -> None:
    other = "51 v0.18.0 /usr/bin/buildkitd"
    stacks = [{"form": "stack", "text": f"oops\n{head}{FRAMES}"} for head in (HEAD, HEAD, other)]

    (two_heads,) = daemons(*START, *stacks)
    (head_and_agent,) = daemons(*START, *agents("buildkit/v0.19"), stacks[0])
    (two_agents,) = daemons(*START, *agents("buildkit/v0.19", "buildkit/v0.17", "buildkit/v0.19"))

    assert (two_heads["version"], two_heads["version_evidence"]) == ("v0.17.3", "inference")
    assert (head_and_agent["version"], head_and_agent["version_evidence"]) == ("v0.17.3", "inference")
    assert (two_agents["version"], two_agents["version_evidence"]) == ("v0.19", "inference")


def test_v0_9_is_inferred() -> None:
    worker = {"level": "info", "message": 'found worker "w", labels=map[a:b], platforms=[linux/amd64]'}

    (by_agent,) = daemons(START[0], *agents("containerd/1.5.8+unknown"))
    (by_worker,) = daemons(START[0], worker)
    (unknown,) = daemons(*START)

    assert (by_agent["version"], by_agent["version_evidence"]) == ("v0.9", "inference")
    assert (by_worker["version"], by_worker["version_evidence"]) == ("v0.9", "inference")
    assert (unknown["version"], unknown["version_evidence"], unknown["version_at_least"]) == (
        None,
        "none",
        "v0.10",
    )


def test_the_deprecated_option_tells_the_oldest_series() -> None:
    message = "'debug' configuration option is deprecated, use 'log.level = \"debug\"' instead"

    (daemon,) = daemons({"level": "warning", "message": message}, *START)

    assert daemon["version_at_least"] == "v0.30"


def test_dockerd() -> None:
    (daemon,) = daemons(
        {"level": "info", "message": "Starting up"},
        {"level": "info", "message": "Docker daemon", "fields": {"version": "20.10.24"}},
        {"level": "info", "message": "API listen on /var/run/docker.sock"},
    )

    assert (daemon["program"], daemon["version"], daemon["version_evidence"]) == (
        "dockerd",
        "20.10.24",
        "proof",
    )
    assert (daemon["startup"], daemon["running"], daemon["tracing"]) == (True, True, False)


def test_rootless() -> None:
    (daemon,) = daemons(START[0], {"level": "debug", "message": "running in rootless mode"})

    assert daemon["rootless"] is True


kinds = st.sampled_from([*START, *WORK, *STOP, {"form": "other", "text": "noise"}])
rows = st.lists(st.tuples(kinds, st.sampled_from([None, "a", "b"])), max_size=30)


@settings(max_examples=40)
@given(rows, st.integers(1, 7))
def test_batches_may_be_cut_anywhere(chosen: list[tuple[dict[str, Any], str | None]], size: int) -> None:
    records = [row | {"stream": stream} for row, stream in chosen]

    assert daemons(*records, size=size) == daemons(*records)


@settings(max_examples=40)
@given(rows)
def test_every_record_has_one_daemon(chosen: list[tuple[dict[str, Any], str | None]]) -> None:
    records = [row | {"stream": stream} for row, stream in chosen]
    builder = DaemonsBuilder()
    owners = builder.assign(batch_of(records)).to_pylist()
    numbers = builder.numbers()
    table = builder.finish().to_pylist()

    counted = [numbers[owner] for owner in owners]
    assert [row["daemon"] for row in table] == list(range(len(table)))
    for row in table:
        assert counted.count(row["daemon"]) == row["records"]
        assert counted.index(row["daemon"]) == row["first_record"]
