"""How fast records are read, form by form: ``python benchmarks/records.py LOG [MEGABYTES]``.

The log, plain or gzipped text form, is repeated to the wanted size and given each wrapper and form in turn.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from analyzer.records import read_batches
from analyzer.records.logfmt import START, parse_logfmt

COLOURS = {"trace": 37, "debug": 37, "info": 36, "warning": 33, "error": 31, "fatal": 31, "panic": 31}


def _json(line: bytes, number: int) -> bytes:
    del number
    return json.dumps(dict(parse_logfmt(line)[0]), separators=(",", ":")).encode()


def _terminal(line: bytes, number: int) -> bytes:
    del number
    fields = dict(parse_logfmt(line)[0])
    moment, level, message = fields.pop("time"), fields.pop("level", "info"), fields.pop("msg", "")
    colour = COLOURS.get(level, 36)
    keys = "".join(f" \x1b[{colour}m{key}\x1b[0m={json.dumps(value)}" for key, value in fields.items())
    return f"\x1b[{colour}m{level[:4].upper()}\x1b[0m[{moment}] {message:44} {keys}".encode()


def _stamp(number: int) -> str:
    return f"2026-11-24T22:07:{number // 4000 % 60:02}.{number * 7919 % 10**9:09}Z"


WRAPS: dict[str, Callable[[bytes, int], bytes]] = {
    "plain": lambda line, number: line,
    "crlf": lambda line, number: line + b"\r",
    "docker logs -t": lambda line, number: _stamp(number).encode() + b" " + line,
    "cri": lambda line, number: _stamp(number).encode() + b" stderr F " + line,
    "compose": lambda line, number: b"buildkitd-1  | " + line,
    "json-file": lambda line, number: json.dumps(
        {"log": line.decode("utf-8", "replace") + "\n", "stream": "stderr", "time": _stamp(number)},
        separators=(",", ":"),
    ).encode(),
    "json": lambda line, number: _json(line, number) if line.startswith(START) else line,
    "terminal": lambda line, number: _terminal(line, number) if line.startswith(START) else line,
}


SAMPLE = Path(__file__).parent.parent / "sample_logs" / "parallel" / "buildkitd.log"


def main() -> None:
    """Prints megabytes a second of processor time, the best of three."""
    raw = (Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE).read_bytes()
    log = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    size = int(float(sys.argv[2] if len(sys.argv) > 2 else 16) * 1e6)
    log = (log * (size // len(log) + 1))[:size]
    lines = log[: log.rfind(b"\n")].split(b"\n")
    for name, wrap in WRAPS.items():
        data = b"\n".join(wrap(line, number) for number, line in enumerate(lines)) + b"\n"
        best = 0.0
        for _ in range(3):
            start = time.process_time()
            rows = sum(batch.num_rows for batch in read_batches(io.BytesIO(data), "log"))
            best = max(best, len(data) / 1e6 / (time.process_time() - start))
        print(f"{name:16} {best:7.1f} MB/s {rows:9} records")


if __name__ == "__main__":
    main()
