"""The same run logged as text, JSON or on a terminal gives the same tables and verdicts."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest

import analyzer as bk
from tests.judging import verdicts

SAMPLES = Path(__file__).parent.parent / "sample_logs"
CASES: tuple[str, ...] = (
    "mirror-used",
    "mirror-used-named",
    "mirror-fallback",
    "mirror-partial",
    "mirror-wrong-key",
    "parallel",
)
CASES += ("keypair-mismatch", "network-mismatch", "mirror-down-old", "two-starts")
COLOURS = {"debug": 37, "trace": 37, "warning": 33, "error": 31, "fatal": 31, "panic": 31}
TABLES = ("requests", "traces", "spans", "problems", "workers", "networks")


def render(sample: str, form: str) -> bytes:
    """A text log written anew as logrus writes the other forms (json_formatter.go, text_formatter.go)."""
    told: list[bytes] = []
    for row in bk.read(SAMPLES / sample).table("records").to_pylist():
        if row["text"] is not None:
            told.append(row["text"].encode())
            continue
        time = row["time"].strftime("%Y-%m-%dT%H:%M:%SZ")
        named = {
            "traceID": row["trace_id"],
            "spanID": row["span_id"],
            "span": row["span"],
            "error": row["error"],
        }
        fields = {**dict(row["fields"]), **{key: value for key, value in named.items() if value is not None}}
        message = row["message"] or ""
        if form == "json":
            whole = {**fields, "level": row["level"], "msg": message, "time": time}
            told.append(json.dumps(dict(sorted(whole.items())), separators=(",", ":")).encode())
        else:
            colour = f"\x1b[{COLOURS.get(row['level'], 36)}m"
            pairs = "".join(f" {colour}{key}\x1b[0m={_quote(value)}" for key, value in sorted(fields.items()))
            told.append(f"{colour}{row['level'][:4].upper()}\x1b[0m[{time}] {message:<44}{pairs}".encode())
    return b"\n".join(told) + b"\n"


def _quote(value: str) -> str:
    plain = all(
        character.isascii() and (character.isalnum() or character in "-._/@^+") for character in value
    )
    return value if plain else json.dumps(value, ensure_ascii=False)


def tables(log: bytes | Path) -> dict[str, list[dict[str, object]]]:
    read = bk.read(BytesIO(log) if isinstance(log, bytes) else log)
    found = {name: read.table(name).to_pylist() for name in TABLES}
    for rows in found.values():
        for row in rows:
            row.pop("source")
    return found


@pytest.mark.parametrize("form", ["json", pytest.param("terminal", marks=pytest.mark.slow)])
@pytest.mark.parametrize("sample", CASES)
def test_another_form_tells_the_same(sample: str, form: str) -> None:
    path = SAMPLES / sample
    rendered = render(sample, form)
    assert tables(rendered) == tables(path)
    config = bk.load_config(path / "buildkitd.toml")
    assert verdicts(rendered, config) == verdicts(path, config)
