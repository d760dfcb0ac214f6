"""No secret that stands in a log, a trace or a configuration is in anything that the program writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.trust.outputs import outputs, run
from tests.trust.planted import Planted, leaks, plant, plant_in_spans


@pytest.fixture(scope="module")
def planted() -> list[Planted]:
    return plant()


@pytest.fixture(scope="module")
def planted_spans() -> tuple[list[Planted], bytes]:
    return plant_in_spans()


@pytest.fixture
def source(
    planted: Sequence[Planted], planted_spans: tuple[list[Planted], bytes], repository: Path, tmp_path: Path
) -> list[str]:
    """A log with secrets, a trace with secrets, and a configuration, as words of a command."""
    sample = repository / "sample_logs" / "mirror-partial"
    lines = b"".join(one.lines for one in planted)
    (tmp_path / "buildkitd.log").write_bytes((sample / "buildkitd.log").read_bytes() + lines)
    (tmp_path / "traces.jsonl").write_bytes(planted_spans[1])
    words = [
        tmp_path / "buildkitd.log",
        "--config",
        sample / "buildkitd.toml",
        "--trace",
        tmp_path / "traces.jsonl",
    ]
    return [str(word) for word in words]


def test_there_are_many_and_no_two_are_equal(planted: Sequence[Planted]) -> None:
    assert len({one.needle for one in planted}) == len(planted) >= 200


def test_what_finds_them_finds_all_that_is_not_redacted(
    source: list[str], planted: Sequence[Planted], planted_spans: tuple[list[Planted], bytes]
) -> None:
    log, *beside = source
    _, records, _ = run("show", log, "records", "--format", "json", "--no-redact")
    _, spans, _ = run("show", log, "trace_spans", *beside, "--format", "json", "--no-redact")
    assert leaks(planted, records) == [one.form for one in planted]
    missed = {one.form for one in planted_spans[0]} - set(leaks(planted_spans[0], spans))
    assert {form.rsplit(", ", 1)[1] for form in missed} <= {"event of a trace"}


def test_none_is_in_the_records_or_the_report(
    source: list[str], planted: Sequence[Planted], planted_spans: tuple[list[Planted], bytes]
) -> None:
    log, *beside = source
    for words in (("show", log, "records", "--format", "json"), ("check", *source, "--format", "json")):
        assert leaks([*planted, *planted_spans[0]], run(*words)[1]) == []
    assert leaks(planted_spans[0], run("show", log, "trace_spans", *beside, "--format", "json")[1]) == []


@pytest.mark.slow
def test_none_is_in_any_output(
    source: list[str],
    planted: Sequence[Planted],
    planted_spans: tuple[list[Planted], bytes],
    tmp_path: Path,
) -> None:
    found = {
        name: leaked
        for name, output in outputs(source, tmp_path)
        if (leaked := leaks([*planted, *planted_spans[0]], output))
    }
    assert found == {}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "http://robot:qSecretOfAUrl1@127.0.0.1:1/log?sig=qSecretOfAUrl2"),
        ("check", "s4://robot:qSecretOfAUrl1@bucket/log?sig=qSecretOfAUrl2"),
        ("lint", "CONFIG"),
        ("check", "LOG", "--config", "CONFIG", "--format", "json"),
        ("check", "LOG", "--config", "CONFIG", "--format", "html"),
        ("show", "LOG", "intended_hosts", "--config", "CONFIG", "--format", "json"),
        ("show", "LOG", "intended_registries", "--config", "CONFIG", "--format", "json"),
        ("show", "LOG", "intended_lint", "--config", "CONFIG", "--format", "json"),
        ("explain", "docker.io/library/alpine", "--config", "CONFIG"),
    ],
    ids=lambda words: " ".join(words).replace("/", "-"),
)
def test_none_of_an_address_or_a_configuration_is_told(
    words: tuple[str, ...], repository: Path, tmp_path: Path
) -> None:
    config = tmp_path / "buildkitd.toml"
    config.write_text(
        '[registry."docker.io"]\n'
        'mirrors = ["https://robot:qSecretOfAUrl1@mirror.example.com/?sig=qSecretOfAUrl2"]\n'
        'password = "qSecretOfAUrl3"\n'
        '[registry."robot:qSecretOfAUrl4@r.example.com"]\n'
        "insecure = true\n"
    )
    places = {
        "CONFIG": str(config),
        "LOG": str(repository / "sample_logs" / "mirror-partial" / "buildkitd.log"),
    }
    _, printed, told = run(*(places.get(word, word) for word in words))
    assert printed or told
    assert b"qSecretOfAUrl" not in printed + told
