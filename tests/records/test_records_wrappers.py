from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from analyzer.records.wrappers import unwrap
from tests.records.helpers_records import assert_conserved, read_table, to_rows

LOG = b"""\
time="2026-11-24T22:07:10Z" level=info msg="auto snapshotter: using overlayfs"
time="2026-11-24T22:07:10Z" level=warning msg="using host network as the default"

alpine:3.20: failed to read /etc/ca.pem: open /etc/ca.pem: no such file or directory
51 v0.32.2 /usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml
runtime.goexit
\truntime/asm_amd64.s:1771

time="2026-11-24T22:07:11Z" level=debug msg="a \\"b\\"" digest="sha256:12" spanID=1f
time="2026-11-24T22:07:11Z" level=debug msg=broken digest="sha256:12 spanID=1f
\x1b[36mINFO\x1b[0m[2026-11-24T22:07:11Z] resolved                                     \x1b[36mspan\x1b[0m=x
{"level":"debug","msg":"fetch","time":"2026-11-24T22:07:11Z"}
buildkitd: got SIGTERM/SIGINT, forcing shutdown
"""
STAMP = b"2026-11-24T22:07:10.%09dZ "
Wrap = Callable[[bytes, int], bytes]


def docker_json(line: bytes, number: int) -> bytes:
    text = {"log": line.decode() + "\n", "stream": "stderr", "time": (STAMP % number).decode().strip()}
    return json.dumps(text, separators=(",", ":")).encode()


def journal_json(line: bytes, number: int) -> bytes:
    del number
    return json.dumps({"MESSAGE": list(line), "__REALTIME_TIMESTAMP": "1795558030000001"}).encode()


def cri_parts(line: bytes, number: int) -> bytes:
    parts = [line[at : at + 20] for at in range(0, len(line), 20)] or [b""]
    tags = [b"P"] * (len(parts) - 1) + [b"F"]
    return b"\n".join(
        STAMP % number + b"stderr " + tag + b" " + part for tag, part in zip(tags, parts, strict=True)
    )


def docker_parts(line: bytes, number: int) -> bytes:
    text = line.decode() + "\n"
    parts = [text[at : at + 20] for at in range(0, len(text), 20)]
    moment = (STAMP % number).decode().strip()
    return b"\n".join(
        json.dumps({"log": part, "stream": "stderr", "time": moment}).encode() for part in parts
    )


PREFIXES: dict[str, Wrap] = {
    "docker logs -t": lambda line, number: STAMP % number + line,
    "kubectl --timestamps": lambda line, number: b"2026-11-24T22:07:10.%dZ " % (number + 1) + line,
    "github": lambda line, number: b"2026-11-24T22:07:10.%07dZ " % number + line,
    "github over docker": lambda line, number: b"2026-11-24T22:07:12.%07dZ " % number + STAMP % number + line,
    "cri": lambda line, number: b"2026-11-24T22:07:10.%09d+00:00 stderr F " % number + line,
    "short-iso": lambda line, number: b"2026-11-24T22:07:10+0000 ci-7 buildkitd[1142]: " + line,
    "short": lambda line, number: b"Nov  %d 22:07:10 ci-7 buildkitd[1142]: " % (number % 9) + line,
    "short-precise": lambda line, number: b"Nov 24 22:07:10.%06d ci-7 buildkitd[1142]: " % number + line,
    "crlf": lambda line, number: line + b"\r",
    "docker json-file": docker_json,
    "journal json": journal_json,
    "cri in parts": cri_parts,
    "docker json-file in parts": docker_parts,
}
NAMES: dict[str, tuple[str, Wrap]] = {
    "compose": ("buildkitd-1", lambda line, number: b"buildkitd-1  | " + line),
    "compose with colour": ("buildkitd-1", lambda line, number: b"\x1b[36mbuildkitd-1  | \x1b[0m" + line),
    "compose, own name": ("builder", lambda line, number: b"builder | " + line),
    "compose -t": ("buildkitd-1", lambda line, number: b"buildkitd-1  | " + STAMP % number + line),
    "kubectl --prefix": ("pod/b-6f/buildkitd", lambda line, number: b"[pod/b-6f/buildkitd] " + line),
    "kubectl both": (
        "pod/b-6f/buildkitd",
        lambda line, number: b"[pod/b-6f/buildkitd] " + STAMP % number + line,
    ),
}
PLACES = ("line", "lines", "offset", "length", "time", "time_from", "stream")


def wrap_all(wrap: Wrap) -> bytes:
    return b"".join(wrap(line, number) + b"\n" for number, line in enumerate(LOG.splitlines()))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", [*PREFIXES, *NAMES])
def test_wrapped_logs_read_as_plain_ones(name: str, fast: bool) -> None:
    stream, wrap = NAMES[name] if name in NAMES else (None, PREFIXES[name])
    data = wrap_all(wrap)
    table = read_table(data, fast=fast, chunk_bytes=400)
    assert_conserved(table, data)
    assert to_rows(table, drop=PLACES) == to_rows(read_table(LOG), drop=PLACES)
    assert set(table["stream"].to_pylist()) == {stream}


@pytest.mark.parametrize("name", ["docker logs -t", "cri", "docker json-file"])
def test_wrapper_times_make_times_finer(name: str) -> None:
    rows = to_rows(read_table(wrap_all(PREFIXES[name])))
    second = 1_795_558_030 * 10**9
    assert [(row["time"] - second, row["time_from"]) for row in rows[:4]] == [
        (0, "wrapper"),
        (1, "wrapper"),
        (2, "wrapper"),
        (10**9, "record"),
    ]


def test_a_time_of_its_own_that_is_fine_stays() -> None:
    data = b'2026-11-24T22:07:10.5Z time="2026-11-24T22:07:10.123Z" level=info msg=x\n'
    row = to_rows(read_table(data))[0]
    assert (row["time"] % 10**9, row["time_from"]) == (123_000_000, "record")


def test_streams_of_several_services_do_not_mix() -> None:
    data = b"a-1  | x\nb-1  | y\nb-1  | z\na-1  | time=1 msg=q\n"
    rows = to_rows(read_table(data))
    assert [(row["stream"], row["text"]) for row in rows] == [("a-1", "x"), ("b-1", "y\nz"), ("a-1", None)]


def test_a_byte_order_mark_is_no_text() -> None:
    rows = to_rows(read_table(b"\xef\xbb\xbf" + LOG), drop=PLACES)
    assert rows == to_rows(read_table(LOG), drop=PLACES)


def test_wrappers_may_change_within_a_log() -> None:
    lines = LOG.splitlines()[:2] * 3
    data = b"\n".join(
        [lines[0], b"a-1 | " + lines[1], STAMP % 1 + lines[2], lines[3], docker_json(lines[4], 1), b""]
    )
    rows = to_rows(read_table(data))
    assert [(row["form"], row["status"]) for row in rows] == [("logfmt", "ok")] * 5
    assert [row["stream"] for row in rows] == [None, "a-1", None, None, None]


def test_a_part_without_its_end_is_truncated() -> None:
    data = STAMP % 1 + b'stderr P time=1 msg="a\n' + b"time=2 msg=b\n"
    rows = to_rows(read_table(data))
    assert [(row["status"], row["text"]) for row in rows] == [("truncated", 'time=1 msg="a'), ("ok", None)]


@pytest.mark.parametrize(
    "line",
    [
        b"name | text",
        b"2026-11-24 22:21:48.662640 I | http2: server: error",
        b'{"log":1,"time":2}',
        b'{"log":"x","level":"info"}',
        b'{"log":"x',
        b"[pod] x",
        b"1142 v0.32.2 /usr/bin/buildkitd",
    ],
)
def test_text_that_only_resembles_a_wrapper_stays(line: bytes) -> None:
    assert unwrap(line, set()).payload == line


def test_a_name_without_number_is_learnt_from_a_record() -> None:
    assert unwrap(b"web | time=1", set()).learnt == b"web"
    assert unwrap(b"web | text", {b"web"}).payload == b"text"


def test_wrappers_nest_only_so_deep() -> None:
    line = b"a-1 | " * 1000 + b"time=1"
    assert unwrap(line, set()).payload.startswith(b"a-1 | ")


def test_a_torn_first_line_that_was_split_is_one_line() -> None:
    data = STAMP % 1 + b'stderr P in the middle" host=mirror\n' + STAMP % 2 + b"stderr F .example.com\n"
    data += STAMP % 3 + b'stderr F time="2026-01-05T10:00:00Z" level=info msg=a\n'
    rows = to_rows(read_table(data))
    assert [(row["status"], row["lines"]) for row in rows] == [("truncated", 2), ("ok", 1)]
