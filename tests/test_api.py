"""The library: the names that notebooks and pipelines rely on."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import analyzer as bk
from analyzer.lineindex import LineIndex
from tests.loglines import START, fetch_layer

SAMPLE = Path(__file__).parent.parent / "sample_logs" / "mirror-partial"


@pytest.fixture(scope="module")
def log() -> bk.Log:
    return bk.read(SAMPLE)


@pytest.fixture(scope="module")
def config() -> bk.Config:
    return bk.load_config(SAMPLE / "buildkitd.toml")


def test_a_log_has_its_tables_as_attributes(log: bk.Log) -> None:
    for name in log.table_names:
        assert isinstance(getattr(log, name), pa.Table)
    assert log.records.num_rows == log.sources[0].records
    with pytest.raises(AttributeError):
        _ = log.nonsense
    with pytest.raises(bk.AnalyzerError, match="no table"):
        log.table("nonsense")


def test_frames_are_arrow_backed(log: bk.Log) -> None:
    frame = log.to_pandas("records")
    assert isinstance(frame["message"].dtype, pd.ArrowDtype)
    assert len(log.groupby("trace")) >= 1
    assert log.groupby("span").size().sum() == log.sources[0].records
    with pytest.raises(bk.AnalyzerError, match="grouped by"):
        log.groupby("message")  # type: ignore[arg-type]


def test_every_row_can_be_traced_to_its_lines(log: bk.Log, config: bk.Config) -> None:
    lines = dict(zip(*(log.records.column(name).to_pylist() for name in ("record", "line")), strict=True))
    seen = bk.attribute(log, config)
    for row in seen.requests.to_pylist():
        assert lines[row["record"]] == row["line"]
        if row["response_record"] is not None:
            assert lines[row["response_record"]] == row["response_line"]
    for row in seen.pulls.to_pylist():
        assert all(record in lines for record in row["records"])


def test_attributing_does_not_change_what_the_log_says(log: bk.Log, config: bk.Config) -> None:
    before = log.requests
    bk.attribute(log, config)
    assert log.requests.equals(before)


def test_a_report_knows_its_verdicts_and_writes_itself(
    log: bk.Log, config: bk.Config, tmp_path: Path
) -> None:
    report = bk.check(log, config)
    assert (report.verdict("mirror-served"), report.exit_code) == ("fail", 1)
    assert report.tables["findings"].num_rows == len(report.findings)
    assert sum(report.summary.values()) == len(bk.load_rules())
    report.write("json", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["summary"]["exit_code"] == 1
    with pytest.raises(bk.AnalyzerError, match="was not judged"):
        report.verdict("nonsense")
    with pytest.raises(bk.AnalyzerError):
        report.write("nonsense", tmp_path / "report.x")


def test_parquet_holds_every_table(log: bk.Log, tmp_path: Path) -> None:
    log.write_parquet(tmp_path / "out")
    for name in log.table_names:
        assert pq.read_table(tmp_path / "out" / name).num_rows == log.table(name).num_rows, name


def test_proof_can_be_required(log: bk.Log, config: bk.Config) -> None:
    used = bk.read(SAMPLE.parent / "mirror-used")
    assert bk.check(used, config).verdict("mirror-served") == "pass"
    assert bk.check(used, config, require_proof=True).verdict("mirror-served") == "unknown"


def test_flags_count_as_meant() -> None:
    log = bk.read(SAMPLE.parent / "network-cni")
    config = bk.load_config(SAMPLE.parent / "network-cni" / "buildkitd.toml")
    assert bk.check(log, config).verdict("network-mode") == "pass"
    assert bk.check(log, config, flags="--oci-worker-net=host").verdict("network-mode") == "fail"
    assert bk.check(log, flags="--oci-worker-net=host").verdict("network-mode") == "fail"


def test_an_effective_configuration_is_compared_with_the_intended_one(config: bk.Config) -> None:
    log = bk.read(SAMPLE.parent / "mirror-used")
    other = bk.parse_config('debug = true\n[registry."docker.io"]\nmirrors = ["else.example.com"]\n')
    assert bk.check(log, config, effective=config).verdict("configuration-loaded") == "pass"
    assert bk.check(log, config, effective=other).verdict("configuration-loaded") == "fail"


def test_several_logs_are_read_together() -> None:
    lines = "\n".join([*START, *fetch_layer(("m.example.com", True, "200 OK"))]).encode() + b"\n"
    log = bk.read(SAMPLE, BytesIO(lines))
    assert len(log.sources) == 2
    assert sum(source.records for source in log.sources) == log.records.num_rows
    assert {row["source"] for row in log.requests.to_pylist()} == {source.name for source in log.sources}
    record = log.sources[0].records + 5
    assert log.scans[1].lines.locate(record) == (log.sources[1].name, 6)


def test_the_index_of_lines_keeps_only_where_the_distance_changes() -> None:
    log = bk.read(SAMPLE)
    index = LineIndex()
    for batch in log.batches():
        index.update(batch, "x")
    records = log.records
    for record, line in zip(*(records.column(name).to_pylist() for name in ("record", "line")), strict=True):
        assert index.locate(record) == ("x", line)
    assert index.locate(records.num_rows) is None
    assert index.locate(-1) is None
