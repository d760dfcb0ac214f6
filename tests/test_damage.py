"""Damage costs what is damaged: no log makes the program fall over, and every report can still be written."""

from __future__ import annotations

import gzip
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer as bk
from analyzer.reports import FORMATS, write_report
from analyzer.sources import open_sources

SAMPLES = Path(__file__).parent.parent / "sample_logs"
NAMES = (
    "mirror-partial",
    "mirror-down-old",
    "mirror-used-json",
    "untrusted-terminal",
    "push-wrong-ca",
    "dockerd",
)
SPLINTERS = (
    b'"', b"\\", b"=", b"\n", b"\x00", b"\x1b[31m", b"\xff\xfe", b'time="', b' span="resolving x" ',
    b' url="http://[::1/v2/a/manifests/b" ', b'{"log":"', b"size=99999999999999999999 ", b" status=",
)  # fmt: skip


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """Edits: what is done, where as a share of the log, and what is put there."""
    edit = st.tuples(
        st.sampled_from(("put", "cut", "repeat")),
        st.floats(0, 1),
        st.sampled_from(SPLINTERS) | st.binary(max_size=8),
    )
    return draw(st.lists(edit, min_size=1, max_size=30))


def apply(data: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    broken = bytearray(data)
    for what, share, splinter in edits:
        at = int(share * len(broken))
        if what == "put":
            broken[at:at] = splinter
        elif what == "cut":
            del broken[at : at + 7 + 40 * len(splinter)]
        else:
            broken[at:at] = broken[at : at + 200 * len(splinter)]
    return bytes(broken)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(edits=damage())
@pytest.mark.slow
def test_a_damaged_log_is_still_judged(name: str, edits: list[tuple[str, float, bytes]]) -> None:
    sample = SAMPLES / name
    data = apply((sample / "buildkitd.log").read_bytes(), edits)
    (source,) = open_sources(["-"], stdin=BytesIO(data))
    with source.open() as stream:
        size = len(stream.read())  # what is left where damage looks like a compressed file or UTF-16
    log = bk.read(BytesIO(data))
    report = bk.check(log, bk.load_config(sample / "buildkitd.toml"))
    assert len(report.results) == len(bk.load_rules())
    records = log.table("records")
    assert sum(records.column("length").to_pylist()) == size
    for form in FORMATS:
        write_report(report, form, StringIO())


def test_a_compressed_log_that_was_cut_gives_what_it_holds_and_passes_nothing_that_hangs_on_the_rest(
    tmp_path: Path,
) -> None:
    sample = SAMPLES / "mirror-used"
    whole = gzip.compress((sample / "buildkitd.log").read_bytes())
    config = bk.load_config(sample / "buildkitd.toml")
    (tmp_path / "whole.gz").write_bytes(whole)
    (tmp_path / "cut.gz").write_bytes(whole[:-4])
    assert bk.check(bk.read(tmp_path / "whole.gz"), config).verdict("mirror-served") == "pass"
    log = bk.read(tmp_path / "cut.gz")
    assert log.sources[0].damaged is not None
    assert log.records.num_rows > 0
    report = bk.check(log, config)
    assert report.verdict("mirror-served") == "unknown"
    assert "damaged" in report.tables["coverage"].to_pylist()[0]["gaps"][-1]["reason"]
