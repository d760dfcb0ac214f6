from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.tables.workers import PREFIX, WorkersBuilder, read_labels, read_worker
from tests.tables.plain_records import batch_of, build


def line(worker: str, **labels: str) -> str:
    own = {f"{PREFIX}{name.replace('_', '.')}": value for name, value in labels.items()}
    text = " ".join(f"{key}:{value}" for key, value in sorted(own.items()))
    return f'found worker "{worker}", labels=map[{text}], platforms=[linux/amd64 linux/386]'


def test_a_worker() -> None:
    message = line("w1", executor="oci", network="host", snapshotter="overlayfs", hostname="ci")

    (row,) = build(WorkersBuilder(), batch_of([{"level": "info", "message": message}]))

    assert row["worker_id"] == "w1"
    assert (row["executor"], row["network"], row["snapshotter"], row["hostname"]) == (
        "oci",
        "host",
        "overlayfs",
        "ci",
    )
    assert row["platforms"] == ["linux/amd64", "linux/386"]
    assert dict(row["labels"])[f"{PREFIX}network"] == "host"
    assert row["is_default"] is True


def test_v0_9_prints_no_network() -> None:
    read = read_worker(line("w1", executor="oci", snapshotter="overlayfs"))

    assert read is not None
    assert read["network"] is None


def test_the_default_worker_is_the_named_one() -> None:
    first = batch_of([{"message": line("a", network="host")}, {"message": line("b", network="cni")}])
    second = batch_of(
        [{"message": 'found 2 workers, default="b"'}, {"message": line("c", network="host")}], 2
    )

    rows = build(WorkersBuilder(), first, second)

    assert [(row["worker_id"], row["is_default"]) for row in rows] == [("a", False), ("b", True), ("c", True)]


def test_without_that_line_it_is_the_first() -> None:
    rows = build(WorkersBuilder(), batch_of([{"message": line("a")}, {"message": line("b")}]))

    assert [row["is_default"] for row in rows] == [True, False]


def test_streams_do_not_mix() -> None:
    rows = build(
        WorkersBuilder(),
        batch_of(
            [
                {"message": line("a"), "stream": "one"},
                {"message": line("b"), "stream": "two"},
                {"message": 'found 1 workers, default="a"', "stream": "one"},
            ]
        ),
    )

    assert [row["is_default"] for row in rows] == [True, True]


def test_labels_of_a_user_may_hold_spaces_and_colons() -> None:
    labels = read_labels("note:see: a b org.x:1 team:infra: core")

    assert labels == {"note": "see: a b", "org.x": "1", "team": "infra: core"}


def test_a_label_that_imitates_buildkits_own_makes_it_no_evidence() -> None:
    text = f"aaa:x {PREFIX}network:cni {PREFIX}executor:oci {PREFIX}network:host"

    read = read_worker(f'found worker "w", labels=map[{text}], platforms=[]')

    assert read is not None
    assert read["network"] is None


def test_other_messages_are_none() -> None:
    assert read_worker("found worker") is None
    assert read_worker('> creating x [found worker "a", labels=map[], platforms=[]]') is None


words = st.text(
    st.characters(codec="ascii", exclude_characters=" :", min_codepoint=33), min_size=1, max_size=8
)


@given(st.dictionaries(words, words, max_size=6))
def test_labels_of_plain_words_come_back(labels: dict[str, str]) -> None:
    assert read_labels(" ".join(f"{key}:{value}" for key, value in sorted(labels.items()))) == labels


@given(st.text(max_size=80))
def test_any_labels_are_read_without_loss_of_words(text: str) -> None:
    labels = read_labels(text)

    assert all(key for key in labels)
    assert list(labels) == sorted(labels)
