"""Bundles: the same verdicts elsewhere, and nothing secret."""

from __future__ import annotations

import base64
import json
import os
import stat
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from analyzer.api import Log
from analyzer.collecting import write_bundle
from analyzer.errors import OutputError, SourceError
from analyzer.looking import gather
from analyzer.sources import Source, Unreadable, open_sources
from analyzer.sources.builds import Builds, name_builds
from analyzer.sources.surroundings import Surroundings
from analyzer.sources.tracefiles import TraceFile
from tests.certificates import CLIENT, make, private_der
from tests.test_looking import CERTS, COMMAND, EFFECTIVE, MEANT, Memory
from tests.tracefiles import layout, printed, record, stub

KEY = make("builder", by=make("Example CA"), ca=False, usages=(CLIENT,))
FILES: dict[str, bytes | None] = {
    "/etc/buildkit/buildkitd.toml": EFFECTIVE.encode(),
    f"{CERTS}/ca.pem": make("Example CA").pem,
    f"{CERTS}/client.pem": KEY.pem,
    f"{CERTS}/client.key": KEY.key_pem,
    f"{CERTS}/weird name.pem": KEY.pem,
}
SECRETS = (
    'time="2026-01-05T10:00:01Z" level=debug msg="do request" request.header.cookie="session=hunter2" '
    'url="https://user:hunter3@mirror.example.com/v2/x/manifests/1?sig=hunter4&ns=docker.io"\n'
    "buildkitd: https://user:hunter5@mirror.example.com/\n12 v0.32.2 buildkitd --config x\nmain.run\n\t/src/x.go:1\n\n"
)


@pytest.fixture
def source(repository: Path) -> Source:
    [found] = open_sources([str(repository / "sample_logs/mirror-used")])
    around = gather(
        Surroundings("builder:web", command_line=COMMAND, driver="docker-container"), Memory(FILES)
    )
    return replace(found, name="builder:web", surroundings=around)


@pytest.fixture
def secretive(tmp_path: Path, source: Source) -> Source:
    (tmp_path / "x.log").write_bytes(source.open().read() + SECRETS.encode())
    [found] = open_sources([str(tmp_path / "x.log")])
    return replace(found, name="builder:web", surroundings=source.surroundings)


def told(source: Source) -> Any:
    """The report for machines, names of sources aside."""
    from io import StringIO

    from analyzer.reports import write_report

    stream = StringIO()
    write_report(bk.check(Log([source]), bk.parse_config(MEANT)), "json", stream)
    return json.loads(stream.getvalue().replace(source.name, "SOURCE"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bundle", "secretive"),
        ("bundle.tar.gz", "source"),
        pytest.param("bundle.tgz", "secretive", marks=pytest.mark.slow),
        pytest.param("bundle", "source", marks=pytest.mark.slow),
    ],
)
def test_a_bundle_is_judged_as_the_builder_is(
    tmp_path: Path, name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(kind)
    write_bundle([source], tmp_path / name)
    [again] = open_sources([str(tmp_path / name)])
    assert told(again) == told(source)


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_bundle_holds_no_secret(tmp_path: Path, name: str, secretive: Source) -> None:
    made = write_bundle([secretive], tmp_path / name)
    content = b"".join(everything(tmp_path / name).values())
    assert made.redactions
    for secret in ("hunter2", "hunter3", "hunter4", "hunter5"):
        assert secret.encode() not in content, secret
    der = private_der(KEY.key)
    for form in (der, base64.b64encode(der), *KEY.key_pem.splitlines()[1:-1], der[-32:]):
        assert form not in content
    assert b"PRIVATE KEY-----" not in content
    assert b"BEGIN PUBLIC KEY" in content


def test_secrets_may_be_kept_and_the_bundle_says_so(tmp_path: Path, secretive: Source) -> None:
    write_bundle([secretive], tmp_path / "b", redact=False)
    content = everything(tmp_path / "b")
    assert b"hunter2" in content["buildkitd.log"]
    assert json.loads(content["manifest.json"])["redacted"] is False
    assert content["buildkitd.log"] == secretive.open().read()


def everything(path: Path) -> dict[str, bytes]:
    """The content of all members."""
    if path.is_dir():
        return {
            one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()
        }
    with tarfile.open(path) as archive:
        return {one.name: (archive.extractfile(one) or BytesIO()).read() for one in archive}


def test_only_the_user_may_read_it(tmp_path: Path, source: Source) -> None:
    old = os.umask(0)
    try:
        write_bundle([source], tmp_path / "folder")
        write_bundle([source], tmp_path / "bundle.tar.gz")
    finally:
        os.umask(old)
    assert mode(tmp_path / "bundle.tar.gz") == 0o600
    for path in (tmp_path / "folder").rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600)
    assert mode(tmp_path / "folder") == 0o700


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_two_bundles_are_the_same_bytes(tmp_path: Path, secretive: Source) -> None:
    for name in ("a.tar.gz", "b.tar.gz", "a", "b"):
        write_bundle([secretive], tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert everything(tmp_path / "a") == everything(tmp_path / "b") == everything(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_new_bundle_replaces_an_old_one_and_nothing_else(tmp_path: Path, name: str, source: Source) -> None:
    write_bundle([source], tmp_path / name)
    write_bundle([source], tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").write_text("dear")
    (tmp_path / "mine.tar.gz").write_text("dear")
    for mine in ("mine", "mine.tar.gz"):
        with pytest.raises(SourceError, match="something else is there"):
            write_bundle([source], tmp_path / mine)
    assert (tmp_path / "mine/letter").read_text() == "dear"
    assert (tmp_path / "mine.tar.gz").read_text() == "dear"


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, name: str, source: Source) -> None:
    def broken() -> Any:
        raise SourceError("it broke off")

    with pytest.raises(SourceError, match="it broke off"):
        write_bundle([replace(source, open=broken)], tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises((OutputError, SourceError)):
        write_bundle([source], tmp_path / "file" / name)


def test_several_nodes_have_a_folder_each(tmp_path: Path, source: Source, secretive: Source) -> None:
    lost = Unreadable("builder:web2", SourceError("there is no container web2"))
    found: list[Source | Unreadable] = [
        replace(source, name="builder:web0"),
        replace(secretive, name="builder:web1"),
        lost,
    ]
    made = write_bundle(found, tmp_path / "b.tar.gz")
    assert made.missing == ["builder:web2: there is no container web2"]
    again = open_sources([str(tmp_path / "b.tar.gz")])
    assert [one.name.rpartition(":")[2] for one in again] == ["web0", "web1"]
    assert [one.open().read() for one in again[:1]] == [source.open().read()]


def test_what_was_lost_is_lost_in_the_bundle_too(tmp_path: Path, source: Source) -> None:
    made = write_bundle([replace(source, lost="the engine broke off")], tmp_path / "b")
    assert made.missing == ["builder:web: the engine broke off"]
    [again] = open_sources([str(tmp_path / "b")])
    assert again.damaged == "the engine broke off"
    report = bk.check(Log([again]), bk.parse_config(MEANT))
    assert report.verdict("mirror-served") == "unknown"
    assert report.exit_code == 3


def test_a_password_in_the_configuration_stays_behind(tmp_path: Path, source: Source) -> None:
    text = EFFECTIVE.replace("['mirror.example.com']", "['https://me:hunter6@mirror.example.com']")
    around = gather(
        Surroundings("builder:web", command_line=COMMAND),
        Memory({**FILES, "/etc/buildkit/buildkitd.toml": text.encode()}),
    )
    write_bundle([replace(source, surroundings=around)], tmp_path / "b")
    content = everything(tmp_path / "b")
    assert b"hunter6" not in b"".join(content.values())
    assert bk.parse_config(content["files/etc/buildkit/buildkitd.toml"]).registries["docker.io"].mirrors


# Traces of recent builds


@pytest.fixture
def built(repository: Path) -> Source:
    """A builder whose records were taken along."""
    sample = repository / "sample_logs/mirror-partial-trace"
    [found] = open_sources([str(sample / "buildkitd.log")])
    around = gather(
        Surroundings("builder:web", command_line=COMMAND, driver="docker-container"), Memory(FILES)
    )
    name = name_builds("builder:web")
    builds = Builds(name, (TraceFile("abc", sample / "build.dockerbuild", record=True),))
    return replace(found, name="builder:web", surroundings=around, builds=builds)


def secret_record(path: Path) -> TraceFile:
    """A record with secrets and a span that cannot be read."""
    url = "https://user:hunter6@mirror.example.com/v2/library/x/manifests/1?ns=docker.io&X-Amz-Signature=hunter7"
    attributes = [
        {"Key": key, "Value": {"Type": "STRING", "Value": value}}
        for key, value in (("http.url", url), ("http.method", "GET"))
    ]
    made = printed(stub(1, Attributes=attributes), {**stub(2), "SpanContext": {"TraceID": "no"}})
    path.write_bytes(record(layout(made)))
    return TraceFile("def", path, record=True)


def test_records_of_builds_are_proof(built: Source) -> None:
    bare = replace(built, builds=None)
    [seen] = told(built)["sources"]
    assert seen["coverage"]["traces"]["files"] == ["SOURCE (builds)"]
    assert "traces" not in told(bare)["sources"][0]["coverage"]
    evidence = {row["evidence"] for row in bk.attribute(Log([built])).tables["pulls"].to_pylist()}
    assert evidence == {"proof"}


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
@pytest.mark.parametrize("more", [False, True])
@pytest.mark.slow
def test_a_bundle_of_builds_is_judged_as_the_builder_is(
    tmp_path: Path, name: str, more: bool, built: Source
) -> None:
    assert built.builds is not None
    if more:
        files = (secret_record(tmp_path / "secret"), *built.builds.files)
        built = replace(built, builds=Builds(built.builds.name, files))
    made = write_bundle([built], tmp_path / name)
    [again] = open_sources([str(tmp_path / name)])
    assert told(again) == told(built)
    mine, theirs = (told(one)["sources"][0]["coverage"]["traces"] for one in (built, again))
    assert theirs["redactions"]
    assert bool(theirs["damaged"]) == more
    assert mine == theirs
    assert any("could not be read" in text for text in made.missing) == more
    rows = [bk.attribute(Log([one])).tables["trace_spans"].drop(["source"]) for one in (built, again)]
    assert rows[0].equals(rows[1])


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_a_bundle_holds_spans_and_no_record(tmp_path: Path, name: str, built: Source) -> None:
    assert built.builds is not None
    files = (secret_record(tmp_path / "secret"), *built.builds.files)
    built = replace(built, builds=Builds(built.builds.name, files))
    made = write_bundle([built], tmp_path / name)
    content = everything(tmp_path / name)
    assert "builds.otlp.jsonl" in json.loads(content["manifest.json"])["members"]
    assert "builds.otlp.jsonl" in made.members
    assert not [member for member in content if member.endswith(".dockerbuild")]
    assert not [member for member, data in content.items() if b"hunter" in data]
    for line in content["builds.otlp.jsonl"].splitlines():
        assert list(json.loads(line)) == ["resourceSpans"]
    write_bundle([built], tmp_path / "other")
    assert everything(tmp_path / "other") == content


def test_secrets_of_builds_may_be_kept_too(tmp_path: Path, built: Source) -> None:
    assert built.builds is not None
    built = replace(built, builds=Builds(built.builds.name, (secret_record(tmp_path / "secret"),)))
    write_bundle([built], tmp_path / "b", redact=False)
    assert b"hunter7" in everything(tmp_path / "b")["builds.otlp.jsonl"]


def test_builds_that_were_changed_are_not_believed(tmp_path: Path, built: Source) -> None:
    write_bundle([built], tmp_path / "b")
    path = tmp_path / "b/builds.otlp.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"code":2', b'"code":1'))
    [again] = open_sources([str(tmp_path / "b")])
    assert again.builds is None
    assert told(again)["sources"][0]["coverage"]["not_read"] == [
        "builds.otlp.jsonl: it is not the file that was collected"
    ]
    path.unlink()
    [again] = open_sources([str(tmp_path / "b")])
    assert again.surroundings is not None
    assert again.surroundings.not_read == ("builds.otlp.jsonl: it is not the file that was collected",)


@pytest.mark.parametrize("files", [True, False])
@pytest.mark.slow
def test_records_that_could_not_be_had_are_told_when_it_is_made(
    tmp_path: Path, built: Source, files: bool
) -> None:
    assert built.builds is not None
    kept = built.builds.files if files else ()
    built = replace(built, builds=Builds(built.builds.name, kept, not_read=("records of builds: none",)))
    assert write_bundle([built], tmp_path / "b").missing == ["builder:web: records of builds: none"]
    assert (tmp_path / "b/builds.otlp.jsonl").exists() == files
    [again] = open_sources([str(tmp_path / "b")])
    assert told(again) == told(built)
    assert told(built)["sources"][0]["coverage"]["not_read"] == []
