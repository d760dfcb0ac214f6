"""Files made to harm: logs, configurations, traces, rules and bundles, by what they are."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import zstandard

from tests.bundles import as_builder, changed, log_member, members_of, packed

Makers = Mapping[str, Callable[[float], bytes]]
"""What makes each; a scale of one is its full size."""

_HARMLESS = Path(__file__).parent.parent.parent / "sample_logs" / "mirror-partial"
_HEAD = b'time="2026-01-05T10:00:00Z" level=debug msg="do request" '


def _lines(scale: float, number: int, line: Callable[[int], bytes]) -> bytes:
    return b"".join(line(at) for at in range(int(number * scale)))


LOGS: Makers = {
    "one line of 100 MB": lambda scale: _HEAD + b'error="' + b"x" * int(100e6 * scale),
    "one value of 100 MB of escapes": lambda scale: (
        _HEAD + b'error="' + b"\\x00" * int(25e6 * scale) + b'"\n'
    ),
    "a million distinct keys": lambda scale: _lines(scale, 1_000_000, lambda at: _HEAD + b"k%d=1\n" % at),
    "a line with a million keys": lambda scale: (
        _HEAD + b" ".join(b"k%d=1" % at for at in range(int(1e6 * scale))) + b"\n"
    ),
    "a million traces": lambda scale: _lines(
        scale,
        1_000_000,
        lambda at: _HEAD + b'request.method=GET span="HTTP GET" spanID=%016x traceID=%032x\n' % (at, at),
    ),
    "half a million references": lambda scale: _lines(
        scale,
        500_000,
        lambda at: (
            _HEAD
            + b'request.method=HEAD span="resolving docker.io/a/b%d:1" spanID=%016x traceID=t\n' % (at, at)
        ),
    ),
    "half a million errors": lambda scale: _lines(
        scale,
        500_000,
        lambda at: b'time="2026-01-05T10:00:00Z" level=error msg="failed %d" error="x509: %d"\n' % (at, at),
    ),
    "half a million secrets": lambda scale: _lines(
        scale, 500_000, lambda at: _HEAD + b"response.header.set-cookie=c%d\n" % at
    ),
    "JSON nested 100,000 deep": lambda scale: (
        (b'{"level":"debug","msg":"x","a":' + b"[" * int(1e5 * scale) + b"]" * int(1e5 * scale) + b"}\n") * 20
    ),
    "wrappers in wrappers": lambda scale: b'{"log":"' * int(1e6 * scale) + b"\n",
    "20 MB of noise": lambda scale: random.Random(0).randbytes(int(20e6 * scale)),
    "20 MB of line ends": lambda scale: b"\n" * int(20e6 * scale),
    "20 MB of zeros": lambda scale: b"\0" * int(20e6 * scale),
    "20 MB of escape sequences": lambda scale: b"\x1b[31m\x1b]0;x\x07\r" * int(2e6 * scale),
    "time that runs backwards": lambda scale: _lines(
        scale,
        300_000,
        lambda at: b'time="%04d-01-05T10:00:00Z" level=debug msg="do request"\n' % (9999 - at % 9999),
    ),
    "gzip bomb, 1 GB": lambda scale: gzip.compress((b"a" * 999 + b"\n") * int(1e5 * scale)) * 10,
    "zstd bomb, 1 GB": lambda scale: zstandard.compress(b"a" * int(1e9 * scale)),
    "gzip cut short": lambda scale: gzip.compress(_HEAD * int(1e6 * scale))[:-9],
}
"""Logs."""

CONFIGS: Makers = {
    "TOML nested 100,000 deep": lambda scale: b"a = " + b"[" * int(1e5 * scale) + b"]" * int(1e5 * scale),
    "TOML of 50,000 registries": lambda scale: _lines(
        scale, 50_000, lambda at: b'[registry."r%d.example.com"]\nmirrors = ["m%d.example.com"]\n' % (at, at)
    ),
    "TOML of 100 MB": lambda scale: b"# " + b"x" * int(100e6 * scale),
    "TOML with a key of 10,000 parts": lambda scale: b".".join([b"a"] * int(1e4 * scale)) + b" = 1\n",
}
"""Configurations of a harmless log."""

TRACES: Makers = {
    "OTLP nested 100,000 deep": lambda scale: b'{"resourceSpans":' + b"[" * int(1e5 * scale),
    "OTLP in one object of 100 MB": lambda scale: (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * int(33e6 * scale)) + b"]}]}]}"
    ),
}
"""Traces beside a harmless log."""


def _rule(rows: str) -> bytes:
    """A rule with these rows."""
    return (
        b"""id = "hostile"
title = "A hostile rule"
severity = "error"
why = "It harms."
fix = "Do not use it."
[check]
subjects = "SELECT 'a' AS subject"
rows = """
        + json.dumps(rows).encode()
        + b"""
expect = "true"
message = "{happened}"
"""
    )


def _asks(rows: str) -> Callable[[float], bytes]:
    return lambda scale: _rule(rows)


_A = "SELECT 'a' AS subject, "
_MANY = "range(1000000) a, range(1000000) b"

RULES: Makers = {
    "rule that reads a file": _asks(_A + "content AS happened FROM read_text('/etc/passwd')"),
    "rule that reads a table of a file": _asks(_A + "column0 AS happened FROM '/etc/passwd'"),
    "rule that reads a URL": _asks(_A + "content AS happened FROM read_text('https://example.com/')"),
    "rule that reads the environment": _asks(_A + "getenv('PATH') AS happened"),
    "rule that reads the settings": _asks(
        _A + "current_setting('TimeZone') AS happened, 1 / 0 FROM duckdb_secrets()"
    ),
    "rule that writes a file": _asks("COPY (SELECT 1) TO '/tmp/hostile'"),
    "rule that loads an extension": _asks("INSTALL httpfs"),
    "rule that opens a database": _asks("ATTACH '/tmp/hostile.db'"),
    "rule of two statements": _asks(_A + "'x' AS happened; DROP TABLE requests"),
    "rule without end": _asks(
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n > 0) "
        + _A
        + "max(n)::VARCHAR AS happened FROM t"
    ),
    "rule of a million million rows": _asks(_A + f"a.range::VARCHAR AS happened FROM {_MANY}"),
    "rule that weighs a million million": _asks(
        _A + f"max(h) AS happened FROM (SELECT hash(a.range, b.range)::VARCHAR AS h FROM {_MANY})"
    ),
    "rule of a text of 100 GB": _asks(_A + "repeat(repeat('x', 1000000), 100000) AS happened"),
    "rule of a list without end": _asks(_A + "len(range(100000000000))::VARCHAR AS happened"),
    "rule of a slow pattern": _asks(
        _A + "regexp_matches(repeat('a', 1000000), '(a|a)*(a|a)*(a|a)*(a|a)*b')::VARCHAR AS happened"
    ),
    "rule nested 100,000 deep": lambda scale: _rule(
        _A + "(" * int(1e5 * scale) + "1" + ")" * int(1e5 * scale)
    ),
    "rule of 100 MB": lambda scale: b"# " + b"x" * int(100e6 * scale),
}
"""Rules for a harmless log."""


@cache
def _members() -> dict[str, bytes]:
    return members_of(as_builder(_HARMLESS / "buildkitd.log", _HARMLESS / "buildkitd.toml"))


def _bundle(
    news: Mapping[str, bytes],
    *,
    said: int | None = None,
    odd: Callable[[tarfile.TarFile], None] | None = None,
) -> bytes:
    """A bundle of a harmless log with members added, or replaced, and perhaps something odd behind them."""
    return packed(changed(_members(), news, said), "w:gz", odd=odd)


def _instead(kind: bytes, name: str, target: str) -> bytes:
    """A bundle whose manifest names a file, and whose archive holds something else of that name."""

    def add(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)

    told = changed(_members(), {name: _members().get(name, b"")})
    return packed({known: data for known, data in told.items() if known != name}, "w:gz", odd=add)


def _log(data: bytes, said: int | None = None) -> bytes:
    return _bundle({log_member(_members()): data}, said=said)


BUNDLES: Makers = {
    "bundle with a path above": lambda scale: _bundle({"../../../tmp/hostile": b"x"}),
    "bundle with an absolute path": lambda scale: _bundle({"/tmp/hostile": b"x"}),
    "bundle with a link": lambda scale: _instead(tarfile.SYMTYPE, "certs/passwd", "/etc/passwd"),
    "bundle whose log is a link": lambda scale: _instead(
        tarfile.SYMTYPE, log_member(_members()), "/etc/passwd"
    ),
    "bundle with a hard link": lambda scale: _instead(tarfile.LNKTYPE, "certs/passwd", "/etc/passwd"),
    "bundle with a device": lambda scale: _instead(tarfile.CHRTYPE, "certs/device", ""),
    "bundle with a member twice": lambda scale: _bundle(
        {}, odd=lambda archive: archive.addfile(tarfile.TarInfo(log_member(_members())), io.BytesIO())
    ),
    "bundle with a bomb of 1 GB": lambda scale: _log(b"\0" * int(1e9 * scale)),
    "bundle that says less than it holds": lambda scale: _log(b"\0" * int(1e8 * scale), said=10),
    "bundle of 100,000 members": lambda scale: _bundle(
        {f"certs/{at}": b"" for at in range(int(1e5 * scale))}
    ),
}
"""Bundles, each as a log."""
