"""Reading in several processes gives what one process gives, byte for byte."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import Any

import pytest

from analyzer import reading
from analyzer.checks import load_rules
from analyzer.errors import SourceError
from analyzer.exporting import export_sources
from analyzer.fleet import Question
from analyzer.judging import see
from analyzer.redaction import Redactor
from analyzer.scan import Scan, scan_source
from analyzer.sources import open_sources

SECRET = 'time="2026-01-05T10:00:01Z" level=debug msg="run --password=s3cret%d" spanID=a traceID=t\n'


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SEGMENT_BYTES", 6000)
    monkeypatch.setattr(reading, "KEPT_SEGMENT_BYTES", 9000)
    monkeypatch.setattr(reading, "PARALLEL_ABOVE", 0)


@pytest.fixture
def log(repository: Path, tmp_path: Path) -> Path:
    """A log of several starts, with secrets, service names, and a stretch that cannot be cut."""
    text = (repository / "sample_logs" / "mirror-used" / "buildkitd.log").read_text()
    other = (repository / "sample_logs" / "mirror-fallback" / "buildkitd.log").read_text()
    secrets = "".join(SECRET % (number % 5) for number in range(60))
    noise = "what no daemon writes\n" * 900
    compose = "".join(f"web  | {line}\n" for line in text.splitlines()) + "web  | half of a block\n" * 20
    path = tmp_path / "buildkitd.log"
    path.write_text(text + secrets + noise + other + compose + secrets + text)
    return path


def tables(scan: Scan) -> dict[str, list[dict[str, Any]]]:
    seen = see(scan)
    return {name: seen[name].to_pylist() for name in seen}


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.slow
def test_two_processes_give_what_one_gives(
    log: Path, compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compressed:
        import gzip

        packed = log.with_suffix(".log.gz")
        packed.write_bytes(gzip.compress(log.read_bytes()))
        log = packed
    [source] = open_sources([str(log)])
    one, two = (scan_source(source, Redactor(), jobs=jobs) for jobs in (1, 2))
    monkeypatch.setattr(reading, "SEGMENT_BYTES", 1 << 30)
    whole = scan_source(source, Redactor())

    assert tables(one) == tables(two) == tables(whole)
    assert (one.records, one.lines_read) == (two.records, two.lines_read) == (whole.records, whole.lines_read)
    assert [one.lines.locate(record) for record in range(one.records)] == [
        two.lines.locate(record) for record in range(two.records)
    ]


@pytest.mark.usefixtures("small_segments")
@pytest.mark.slow
def test_two_processes_write_the_same_bytes(log: Path, tmp_path: Path) -> None:
    sources = open_sources([str(log)])
    rows = [
        export_sources(sources, tmp_path / str(jobs), Question(load_rules()), jobs=jobs)[0] for jobs in (1, 2)
    ]
    assert rows[0] == rows[1]
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*") if path.is_file())
    assert len([file for file in files if file.parts[0] == "records"]) > 3
    same, different, lost = filecmp.cmpfiles(
        tmp_path / "1", tmp_path / "2", [str(one) for one in files], False
    )
    assert (len(same), different, lost) == (len(files), [], [])


@pytest.mark.usefixtures("small_segments")
def test_what_a_process_meets_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = open_sources([str(log)])
    pieces = reading.read_pieces(source, Redactor(), jobs=2)
    next(pieces)
    log.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        list(pieces)


@pytest.mark.usefixtures("small_segments")
def test_reading_may_end_early(log: Path) -> None:
    [source] = open_sources([str(log)])
    pieces = reading.read_pieces(source, Redactor(), jobs=2)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
