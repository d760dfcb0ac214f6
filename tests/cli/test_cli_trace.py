"""`--trace`: an exported trace beside a log, and instead of one."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from analyzer.errors import SourceError, UsageError
from tests.tracefiles import http_span, jsonl, layout, printed, record, request, stub, texts, write

USED, PARTIAL = "mirror-used-trace", "mirror-partial-trace"
TRACES = {USED: "traces.otlp.jsonl", PARTIAL: "build.dockerbuild"}
SQL = "SELECT host, count(*) AS n FROM requests WHERE status_code IS NOT NULL GROUP BY host ORDER BY host"


@pytest.fixture
def sample(repository: Path) -> Any:
    """The words of a command for a sample: its log, its configuration, its trace."""

    def words(name: str, *, log: bool = True, trace: bool = True) -> list[Any]:
        folder = repository / "sample_logs" / name
        found = [folder / "buildkitd.log"] if log else []
        return found + (["--trace", folder / TRACES[name]] if trace else [])

    return words


@pytest.fixture
def config(repository: Path) -> list[Any]:
    return ["--config", repository / "sample_logs" / USED / "buildkitd.toml"]


def verdicts(out: str) -> dict[str, tuple[str, str]]:
    return {rule["id"]: (rule["verdict"], rule["evidence"]) for rule in json.loads(out)["rules"]}


@pytest.mark.parametrize(("name", "verdict"), [(USED, "pass"), (PARTIAL, "fail")])
def test_a_trace_proves_what_the_log_alone_infers(
    run: Any, sample: Any, config: list[Any], name: str, verdict: str
) -> None:
    _, out, err = run("check", *sample(name), *config, "-f", "json", "--require-proof")
    assert err == ""
    assert verdicts(out)["mirror-served"] == (verdict, "proof")
    _, out, _ = run("check", *sample(name, trace=False), *config, "-f", "json", "--require-proof")
    assert verdicts(out)["mirror-served"][0] == ("unknown" if verdict == "pass" else "fail")


@pytest.mark.parametrize(("name", "verdict"), [(USED, "pass"), (PARTIAL, "fail")])
def test_a_trace_stands_for_a_log(run: Any, sample: Any, config: list[Any], name: str, verdict: str) -> None:
    code, out, err = run("check", *sample(name, log=False), *config, "-f", "json")
    assert (code, err) == (1 if verdict == "fail" else 0, "")
    told = verdicts(out)
    assert told["mirror-served"] == (verdict, "proof")
    assert told["tls-trusted"] == ("pass", "proof")
    # what no trace tells passes for nothing
    assert told["network-mode"][0] in ("unknown", "skipped")
    assert told["configuration-loaded"][0] in ("unknown", "skipped")
    [source] = json.loads(out)["sources"]
    assert (source["records"], source["buildkit_version"]) == (0, "v0.32")
    assert source["name"].endswith(TRACES[name])


def test_the_report_says_how_much_one_covers_of_the_other(run: Any, sample: Any, config: list[Any]) -> None:
    _, out, _ = run("check", *sample(USED), *config, "-f", "json")
    traces = json.loads(out)["sources"][0]["coverage"]["traces"]
    assert traces["requests"] == traces["requests_with_span"] == 13
    assert traces["request_spans"] == traces["spans_with_request"] == 13
    assert (traces["spans"], traces["damaged"]) == (72, [])
    _, out, _ = run("check", *sample(USED), *config)
    assert "trace     72 spans; 13 of the log's 13 requests in it; 13 of its 13 requests in the log\n" in out
    _, out, _ = run("check", *sample(USED, log=False), *config)
    assert out.startswith("trace     ")
    assert "no log, so the network mode and the loaded configuration stay unknown" in " ".join(out.split())
    _, out, _ = run("check", *sample(USED, trace=False), *config, "-f", "json")
    assert "traces" not in json.loads(out)["sources"][0]["coverage"]


def test_a_damaged_trace_is_told_and_is_no_record_of_everything(
    run: Any, sample: Any, config: list[Any], tmp_path: Path, repository: Path
) -> None:
    whole = (repository / "sample_logs" / USED / TRACES[USED]).read_bytes()
    cut = write(tmp_path, "cut.jsonl", whole[: len(whole) * 2 // 3])
    _, out, _ = run("check", *sample(USED, trace=False), "--trace", cut, *config)
    told = " ".join(out.split())
    assert "not read: " in told
    assert "could not be read" in told
    code, out, _ = run("check", "--trace", cut, *config, "-f", "json")
    assert verdicts(out)["mirror-served"][0] != "pass"
    assert code == 3


def test_every_command_takes_a_trace(run: Any, sample: Any, config: list[Any], tmp_path: Path) -> None:
    for log in (True, False):
        words = sample(USED, log=log)
        source, trace = words[: len(words) - 2], words[-2:]
        code, out, _ = run("query", *source, SQL, *trace, *config, "-f", "json")
        assert (code, json.loads(out)) == (0, [{"host": "mirror.example.com", "n": 13}])
        code, out, _ = run("show", *source, "trace_spans", *trace, "-f", "json")
        assert (code, len(json.loads(out))) == (0, 72)
        code, out, _ = run("spans", *source, *trace, *config)
        assert code == 0
        assert "GET index from mirror.example.com" in out
        for number, format_ in enumerate(("parquet", "csv")):
            target = tmp_path / f"{log}{number}"
            code, _, err = run("export", *source, target, *trace, *config, "--format", format_)
            assert (code, "tables" in err) == (0, True)
            assert [path for path in target.iterdir() if path.name.startswith("trace_spans")]


def test_spans_of_several_logs_stand_once_in_a_dataset(run: Any, sample: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    both = [*sample(USED), *sample(PARTIAL)]
    code, _, _ = run("export", both[0], both[3], tmp_path / "out", *both[1:3], *both[4:])
    assert code == 0
    parts = sorted((tmp_path / "out" / "trace_spans").rglob("*.parquet"))
    assert sum(pq.ParquetFile(part).metadata.num_rows for part in parts) == 72 + 128
    code, out, _ = run("check", both[0], both[3], *both[1:3], *both[4:], "-f", "json")
    assert code in (0, 1, 3)
    for source in json.loads(out)["sources"]:
        traces = source["coverage"]["traces"]
        assert traces["requests"] == traces["requests_with_span"] > 0
        assert len(traces["files"]) == 2


def test_a_trace_comes_from_standard_input(
    run: Any, sample: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(gzip.compress((repository / "sample_logs" / USED / TRACES[USED]).read_bytes()))

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, out, _ = run("query", SQL, "--trace", "-", "-f", "json")
    assert (code, json.loads(out)) == (0, [{"host": "mirror.example.com", "n": 13}])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("check",), "Missing argument 'SOURCE'"),
        (("show", "requests"), "Missing argument 'SOURCE'"),
        (("check", "-", "--trace", "-"), "both come from standard input"),
        (("check", "--trace", "no-such-file"), "no such trace"),
        (("check", "--trace", "pyproject.toml"), "no exported trace"),
        (("check", "pyproject.toml", "README.md", "--trace", "no-such-file"), "no such trace"),
    ],
)
def test_misuse_is_explained(run: Any, words: tuple[str, ...], told: str, repository: Path) -> None:
    code, out, err = run(*(repository / word if (repository / word).is_file() else word for word in words))
    assert (code, out) == (2, "")
    assert told in err


def test_no_secret_and_no_control_character_gets_out(run: Any, tmp_path: Path, config: list[Any]) -> None:
    span = http_span(
        1, "https://mirror.example.com/v2/a/blobs/x?sig=verysecret&ns=docker.io", status_code=None
    )
    span["attributes"] += texts(http__request__header__authorization="Bearer verysecret", odd="\x1b[2J")
    span["status"] = {"code": 2, "message": "\x1b[2J Get https://m/v2/?sig=verysecret: EOF"}
    path = write(tmp_path, "a.jsonl", jsonl(request([span])))
    for words in (
        ("check",),
        ("show", "trace_spans"),
        ("spans",),
        ("check", "-f", "html"),
        ("check", "-f", "json"),
    ):
        code, out, err = run(*words, "--trace", path, *config)
        assert code in (0, 1, 3), err
        assert "verysecret" not in out
        assert "\x1b" not in out
    _, out, _ = run("show", "trace_spans", "--trace", path, "--no-redact", "-f", "json")
    assert "verysecret" in out


@pytest.mark.slow
def test_the_library_takes_traces_in_every_way(repository: Path) -> None:
    folder = repository / "sample_logs" / PARTIAL
    path = folder / TRACES[PARTIAL]
    config = bk.load_config(folder / "buildkitd.toml")
    log = bk.read(folder / "buildkitd.log")
    traces = bk.load_traces(path)
    assert traces.table.num_rows == 128
    assert len(traces.to_pandas()) == 128
    for trace in (
        path,
        str(path),
        [path],
        traces,
        io.BytesIO(path.read_bytes()),
        pickle.loads(pickle.dumps(traces)),
    ):
        report = bk.check(log, config, trace=trace)
        assert report.verdict("mirror-served") == "fail"
        assert report.tables["context"].column("trace_given").to_pylist() == [True]
    seen = bk.attribute(None, config, trace=traces)
    assert set(seen.requests.column("host_evidence").to_pylist()) == {"proof"}
    assert seen.trace_spans.num_rows == 128
    assert bk.check(None, config, trace=traces).verdict("mirror-served") == "fail"
    assert bk.check(log, config, trace=[]).tables["context"].column("trace_given").to_pylist() == [False]
    with pytest.raises(UsageError):
        bk.check(None, config)
    with pytest.raises(UsageError):
        bk.load_traces()


def test_an_unreadable_trace_is_no_fault_of_the_sources(tmp_path: Path, repository: Path) -> None:
    empty = write(tmp_path, "a.dockerbuild", record({"index.json": b"{}"}))
    logs = [str(repository / "sample_logs" / name / "buildkitd.log") for name in (USED, PARTIAL)]
    with pytest.raises(SourceError, match="holds no trace"):
        bk.check(bk.read(*logs), trace=empty)


def test_two_builds_of_one_record_are_two_traces(run: Any, tmp_path: Path) -> None:
    second = stub(1, SpanContext={"TraceID": "f" * 32, "SpanID": "1" * 16}, Parent=None)
    path = write(tmp_path, "a.dockerbuild", record(layout(printed(stub(1)), printed(second))))
    _, out, _ = run(
        "query", "SELECT count(DISTINCT trace_id) AS n FROM trace_spans", "--trace", path, "-f", "json"
    )
    assert json.loads(out) == [{"n": 2}]


def test_a_check_with_a_trace_imports_no_pandas(repository: Path) -> None:
    folder = repository / "sample_logs" / USED
    words = ["check", str(folder / "buildkitd.log"), "--trace", str(folder / TRACES[USED])]
    code = f"import sys; from analyzer.cli import main; main({words}); sys.exit('pandas' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
    )
