"""How fast records are read, form by form and wrapper by wrapper: ``python -m benchmarks.records [LOG] [SIZE]``.

Logs are generated from the one that is named, and given each wrapper in turn.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from analyzer.records import read_batches
from benchmarks.forms import FORMS
from benchmarks.generate import Options, write_log
from benchmarks.sizes import SAMPLE, parse_size


def _stamp(number: int) -> str:
    return f"2026-11-24T22:07:{number // 4000 % 60:02}.{number * 7919 % 10**9:09}Z"


WRAPS: dict[str, Callable[[bytes, int], bytes]] = {
    "crlf": lambda line, number: line + b"\r",
    "docker logs -t": lambda line, number: _stamp(number).encode() + b" " + line,
    "cri": lambda line, number: _stamp(number).encode() + b" stderr F " + line,
    "compose": lambda line, number: b"buildkitd-1  | " + line,
    "json-file": lambda line, number: json.dumps(
        {"log": line.decode("utf-8", "replace") + "\n", "stream": "stderr", "time": _stamp(number)},
        separators=(",", ":"),
    ).encode(),
}


def main() -> None:
    """Print megabytes a second of processor time, the best of three."""
    log = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    size = parse_size(sys.argv[2] if len(sys.argv) > 2 else "16MB")
    texts = {}
    for form in FORMS:
        stream = io.BytesIO()
        write_log(stream, Options(size, form=form), [log])
        texts[form] = stream.getvalue()
    lines = texts["text"].removesuffix(b"\n").split(b"\n")
    for name, wrap in WRAPS.items():
        texts[name] = b"\n".join(wrap(line, number) for number, line in enumerate(lines)) + b"\n"
    for name, data in texts.items():
        best = 0.0
        for _ in range(3):
            start = time.process_time()
            rows = sum(batch.num_rows for batch in read_batches(io.BytesIO(data), "log"))
            best = max(best, len(data) / 1e6 / (time.process_time() - start))
        print(f"{name:16} {best:7.1f} MB/s {rows:9} records")


if __name__ == "__main__":
    main()
