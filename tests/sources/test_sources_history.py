"""Records of recent builds, asked of a `docker` command that answers in every way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.limits import LIMITS
from analyzer.sources import history
from analyzer.sources.builds import Builds
from analyzer.sources.history import History, read_builds
from tests.conftest import REPOSITORY
from tests.histories import Docker, listed, put_docker
from tests.tracefiles import layout, printed, record, stub

RECORD = REPOSITORY / "sample_logs/mirror-partial-trace/build.dockerbuild"
ABSENT = "records of builds: docker buildx history is not there (Buildx v0.23 or later has it)"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    return put_docker(tmp_path / "bin", monkeypatch)


def names(found: Builds) -> list[str]:
    return [file.name for file in found.files]


def limit(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    monkeypatch.setattr(history, "LIMITS", replace(LIMITS, **values))


def test_records_are_taken_newest_first(docker: Docker) -> None:
    lines = [
        listed("old", created_at="2026-11-24T20:00:00Z"),
        listed("new", created_at="2026-11-24T22:00:00.5Z"),
        listed("mid", created_at="2026-11-24T21:00:00.123456789Z"),
    ]
    docker.answer(lines, old=RECORD, new=RECORD, mid=RECORD)
    found = read_builds("web", 2)
    assert names(found) == ["new", "mid"]
    assert found.not_read == ()
    assert [file.path.read_bytes() for file in found.files] == [RECORD.read_bytes()] * 2
    assert [file.path.suffix for file in found.files] == [".dockerbuild"] * 2
    assert next(found.files[0].open([])).read(1) == b"{"


def test_the_daemon_is_only_looked_at(docker: Docker) -> None:
    docker.answer([listed("one")], one=RECORD)
    read_builds("web", 10)
    assert docker.asked == [
        ["buildx", "history", "ls", "--builder=web", "--format=json"],
        ["buildx", "history", "export", "--builder=web", "one"],
    ]


def test_none_is_asked_for(docker: Docker) -> None:
    docker.answer([listed("one")], one=RECORD)
    assert read_builds("web", 0).files == ()
    assert docker.asked == []


@pytest.mark.parametrize("name", ["--help", "-x", "", "a b", "../x", "web\n", "a/b"])
def test_a_name_that_is_no_builder_s_is_not_asked_for(docker: Docker, name: str) -> None:
    found = read_builds(name, 10)
    assert found.files == ()
    assert len(found.not_read) == 1
    assert docker.asked == []


@pytest.mark.parametrize("identity", ["--finalize", "-o", "^1", "", "a b", "a;b", "x" * 200])
def test_a_build_of_a_strange_name_is_not_asked_for(docker: Docker, identity: str) -> None:
    docker.answer([listed(identity), listed("one")], one=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert len(docker.asked) == 2


def test_without_a_docker_command_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = read_builds("web", 10)
    assert (found.files, found.not_read) == ((), (ABSENT,))


@pytest.mark.parametrize(
    "told",
    [
        "docker: 'buildx' is not a docker command.\nSee 'docker --help'\n",
        "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information\n",
        'ERROR: unknown command: "history"\n',
        'unknown command "history" for "docker buildx"\n',
        "unknown flag: --builder\nSee 'docker --help'.\n",
    ],
)
def test_an_old_buildx_is_one_line(docker: Docker, told: str) -> None:
    docker.answer(ls={"err": told, "code": 1})
    found = read_builds("web", 10)
    assert (found.files, found.not_read) == ((), (ABSENT,))


def test_a_buildx_that_lists_but_does_not_export_is_asked_once(docker: Docker) -> None:
    told = {"err": 'ERROR: unknown command: "export"\n', "code": 1}
    docker.answer([listed("one"), listed("two"), listed("three")], one=told, two=told, three=told)
    found = read_builds("web", 10)
    assert found.files == ()
    assert ABSENT.removeprefix("records of builds: ") in found.not_read[0]
    assert len(docker.asked) == 2


def test_a_failure_is_told_in_its_own_words(docker: Docker) -> None:
    docker.answer(
        ls={
            "err": 'ERROR: no builder "web" found at https://user:hunter2@host/x?sig=hunter3\nhint\n',
            "code": 1,
        }
    )
    [told] = read_builds("web", 10).not_read
    assert told.startswith('records of builds: docker buildx history ls failed: no builder "web" found')
    assert "hunter" not in told


def test_a_record_that_fails_costs_only_itself(docker: Docker) -> None:
    docker.answer([listed("one"), listed("two"), listed("three")], one=RECORD, three=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one", "three"]
    [told] = found.not_read
    assert "two: docker buildx history export failed: no record found for ref two" in told


@pytest.mark.parametrize(
    "out", ["not JSON\n", "{", "[" * 5000, '[1, "x", null]\n', '{"ref": 3}\n', "null\n", "\xff\n"]
)
def test_garbage_is_told_and_the_rest_is_taken(docker: Docker, out: str) -> None:
    docker.answer([out.rstrip("\n") + "\n", listed("one")], one=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert found.not_read == (
        "records of builds: docker buildx history ls did not answer in JSON that is understood",
    )


@pytest.mark.parametrize("content", [b"", b"no record", b"\x1f\x8bno", RECORD.read_bytes()[:2000]])
def test_an_export_that_is_no_record_is_told(docker: Docker, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    docker.answer([listed("bad"), listed("one")], bad=tmp_path / "bad", one=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert found.not_read[0].startswith("records of builds: bad: ")


def test_a_build_that_has_just_ended_has_no_trace_yet(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "young").write_bytes(record(layout()))
    docker.answer(
        [listed("a"), listed("b"), listed("one")], a=tmp_path / "young", b=tmp_path / "young", one=RECORD
    )
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    [told] = found.not_read
    assert told.startswith("records of builds: 2 builds have no trace yet")


def test_a_build_that_still_runs_has_no_record(docker: Docker) -> None:
    docker.answer([listed("now", status="Running", completed_at=None), listed("one")], one=RECORD)
    assert names(read_builds("web", 10)) == ["one"]
    assert len(docker.asked) == 2


def test_builds_of_an_earlier_container_are_left_out(docker: Docker) -> None:
    lines = [
        listed("old", created_at="2026-11-24T20:00:00Z"),
        listed("new", created_at="2026-11-24T22:00:00Z"),
        listed("when", created_at="x"),
    ]
    docker.answer(lines, old=RECORD, new=RECORD, when=RECORD)
    found = read_builds("web", 10, since=datetime(2026, 11, 24, 21, tzinfo=UTC))
    assert names(found) == ["new", "when"]
    assert found.not_read == ()


def test_each_node_has_its_own_and_what_several_ran_is_nobody_s(docker: Docker) -> None:
    lines = [listed("one"), listed("two", "web1"), listed("both"), listed("both", "web1")]
    docker.answer(lines, one=RECORD, two=RECORD, both=RECORD)
    first, second = read_builds("web", 10, node="web0"), read_builds("web", 10, node="web1")
    assert (names(first), names(second)) == (["one"], ["two"])
    assert "1 build has been run by several nodes" in first.not_read[0]
    assert names(read_builds("web", 10)) == ["one", "two", "both"]


def test_a_command_that_hangs_is_ended(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, history_seconds=0.5)
    docker.answer(ls={"sleep": 600})
    [told] = read_builds("web", 10).not_read
    assert told == "records of builds: docker buildx history ls did not answer within 0.5 seconds"


def test_an_export_that_hangs_is_the_last(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, history_seconds=1.5)
    docker.answer(
        [listed("one"), listed("two"), listed("three")], one=RECORD, two={"sleep": 600}, three=RECORD
    )
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert "two: docker buildx history export did not answer" in found.not_read[0]
    assert "1 build has not been asked for after that" in found.not_read[1]
    assert len(docker.asked) == 3


def test_what_it_left_behind_is_not_waited_for(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child in a group of its own holds the pipe."""
    limit(monkeypatch, history_seconds=1.0)
    docker.answer([listed("one")], one={"child": True})
    found = read_builds("web", 10)
    assert found.files == ()
    assert "did not answer" in found.not_read[0]


def test_no_more_is_taken_than_may_be(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, history_record_bytes=1 << 20, history_bytes=1 << 16)
    docker.answer([listed("huge"), listed("one")], huge={"many": 64 << 20}, one=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert found.not_read == (
        "records of builds: huge: docker buildx history export gave more than is taken",
    )
    assert all(path.stat().st_size <= 1 << 20 for path in found.files[0].path.parent.iterdir())


def test_of_a_list_without_end_the_beginning_counts(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, history_bytes=1 << 17)
    docker.answer(ls={"out": listed("one") * 1000}, one=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert found.not_read == ("records of builds: docker buildx history ls gave more than is taken",)


def test_all_records_together_have_a_limit(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    size = RECORD.stat().st_size
    limit(monkeypatch, history_records_bytes=size + size // 2)
    docker.answer([listed("one"), listed("two")], one=RECORD, two=RECORD)
    found = read_builds("web", 10)
    assert names(found) == ["one"]
    assert "two: docker buildx history export gave more than is taken" in found.not_read[0]


def test_a_history_that_cannot_be_asked_is_not(docker: Docker) -> None:
    found = History("web", "web0", absent="it stands still").read("builder:web", 10)
    assert found == Builds("builder:web (builds)", not_read=("records of builds: it stands still",))
    assert docker.asked == []


def test_the_records_go_with_what_needs_them(docker: Docker) -> None:
    docker.answer([listed("one")], one=RECORD)
    found = read_builds("web", 10)
    path = found.files[0].path
    assert path.exists()
    del found
    assert not path.exists()


def test_several_records_are_read_as_one(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(record(layout(printed(stub(1)))))
    docker.answer([listed("one"), listed("two")], one=RECORD, two=tmp_path / "other")
    found = read_builds("web", 10)
    damage: list[str] = []
    assert len(list(found.open(damage))) == 2
    found.files[0].path.unlink()
    assert len(list(found.open(damage))) == 1
    assert len(damage) == 1


@given(
    st.lists(
        st.binary(max_size=40)
        | st.dictionaries(
            st.sampled_from(["ref", "status", "created_at", "completed_at"]),
            st.none() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=3), max_size=2),
        ).map(lambda value: json.dumps(value).encode()),
        max_size=6,
    )
)
def test_whatever_is_listed_gives_names_that_are_no_options(lines: list[bytes]) -> None:
    builds, _ = history._parse(lines)
    assert all(build.identity[0] not in "-^" and build.identity.isascii() for build in builds)
