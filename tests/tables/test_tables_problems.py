from __future__ import annotations

from typing import Any

from analyzer.tables.problems import NORMAL_STOPS, ProblemsBuilder, is_normal_stop
from tests.tables.plain_records import batch_of, build

URL = "https://mirror.example.com/v2/library/alpine/manifests/3.20?ns=docker.io"
X509 = f'failed to do request: Head "{URL}": x509: certificate signed by unknown authority'
RPC = " returned error: rpc error: code = Unknown desc = "
SPAN = "resolving docker.io/library/alpine:3.20"
STACK = (
    "\n51 v0.17.3 /usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml\nmain.unaryInterceptor\n"
    "\tgithub.com/moby/buildkit/cmd/buildkitd/main.go:717\nruntime.goexit\n\truntime/asm_amd64.s:1695\n"
)


def problems(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return build(ProblemsBuilder(), batch_of(rows))


def test_a_host_that_is_passed_over() -> None:
    (problem,) = problems(
        {
            "level": "info",
            "message": "trying next host",
            "error": X509,
            "span": SPAN,
            "trace_id": "t",
            "span_id": "s",
        }
    )

    assert problem["kind"] == "x509_unknown_authority"
    assert problem["host"] == "mirror.example.com"
    assert problem["registry"] == "docker.io"
    assert problem["url"] == URL
    assert (problem["record"], problem["line"], problem["trace_id"], problem["span"]) == (0, 1, "t", SPAN)


def test_refusals_by_status() -> None:
    rows = problems(
        {
            "level": "info",
            "message": "trying next host after status: 500 Internal Server Error",
            "span": SPAN,
        },
        {"level": "info", "message": "fetch failed after status: 429 Too Many Requests", "span": SPAN},
        {
            "level": "info",
            "message": "trying next host - response was http.StatusNotFound",
            "fields": {"host": "mirror.example.com"},
        },
        {"level": "debug", "message": "fetch failed", "error": f"content at {URL} not found: not found"},
        {
            "level": "debug",
            "message": "token request failed",
            "fields": {"status": "401 Unauthorized", "body": "{}"},
        },
    )

    assert [row["kind"] for row in rows] == [
        "server_error",
        "rate_limited",
        "not_found",
        "not_found",
        "unauthorized",
    ]
    assert [row["status_code"] for row in rows] == [500, 429, 404, None, 401]
    assert [row["registry"] for row in rows] == ["docker.io", "docker.io", None, "docker.io", None]
    assert [row["host"] for row in rows] == [None, None, "mirror.example.com", "mirror.example.com", None]


def test_all_reports_of_one_failure_share_its_cause() -> None:
    inner = f"alpine:3.20: failed to resolve source metadata for docker.io/library/alpine:3.20: {X509}"
    rows = problems(
        {"level": "info", "message": "trying next host", "error": X509, "span": SPAN},
        {
            "level": "error",
            "message": f"/moby.buildkit.v1.frontend.LLBBridge/Solve{RPC}{inner}",
        },
        {"form": "stack", "text": inner + STACK},
        {
            "level": "error",
            "message": f"/moby.buildkit.v1.Control/Solve{RPC}{inner}\n",
        },
    )

    assert [row["record"] for row in rows] == [0, 1, 2, 3]
    assert len({row["cause"] for row in rows}) == 1
    assert {row["kind"] for row in rows} == {"x509_unknown_authority"}


def test_a_stop_by_signal_is_no_problem() -> None:
    frames = "\nmain.main\n\tgithub.com/moby/buildkit/cmd/buildkitd/main.go:408"
    for words in NORMAL_STOPS:
        assert is_normal_stop(f"buildkitd: {words}{frames}")
        assert problems({"form": "stack", "text": f"buildkitd: {words}{frames}"}) == []
        assert problems({"form": "other", "text": f"buildkitd: {words}"}) == []


def test_a_failed_start_is_one() -> None:
    text = 'buildkitd: invalid network mode: "none"\nmain.main\n\tcmd/buildkitd/main.go:488'

    (problem,) = problems({"form": "stack", "text": text})

    assert (problem["kind"], problem["text"]) == ("config_invalid", 'buildkitd: invalid network mode: "none"')


def test_harmless_lines_and_the_words_of_a_build_are_none() -> None:
    echo = 'echo "level=error x509: certificate signed by unknown authority"'
    rows = problems(
        {"level": "debug", "message": f"> creating abc [/bin/sh -c {echo}]", "span": f"[2/2] RUN {echo}"},
        {"level": "warning", "message": "failed check for fsverity support", "error": "inappropriate ioctl"},
        {"level": "error", "message": "failed to read oom_kill event", "error": "x"},
        {"level": "debug", "message": "error while importing cache manifest from cmId=x: not found"},
        {"level": "warning", "message": "CDI setup error /etc/cdi: failed to monitor for changes"},
        {"form": "other", "text": "x509: certificate signed by unknown authority"},
    )

    assert rows == []


def test_other_errors_are_kept_as_other() -> None:
    (row,) = problems({"level": "error", "message": "something new", "error": "went wrong"})

    assert (row["kind"], row["text"]) == ("other", "something new: went wrong")


def test_a_health_check_that_fails_for_good() -> None:
    (row,) = problems({"level": "error", "message": "healthcheck failed fatally"})

    assert row["kind"] == "health_check"


def test_no_records_make_an_empty_table() -> None:
    assert build(ProblemsBuilder()) == []
    assert build(ProblemsBuilder(), batch_of([])) == []
