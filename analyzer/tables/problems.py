"""Problems: one row a failure that BuildKit reports, classified.

BuildKit tells of one failure several times: while it asks the next host, in the error of the inner call
(LLBBridge/Solve), of the outer one (Control/Solve), and from v0.12 on in a raw stack at debug level. Each
record keeps its row; rows of one failure share their `cause`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.schema import TIME
from analyzer.tables.failures import (
    KINDS,
    Failure,
    classify_status,
    has_stack,
    host_of,
    read_failure,
    read_startup_failure,
    registry_of_span,
    registry_of_url,
    without_stack,
)
from analyzer.tables.gathering import Gatherer
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import LOUD_LEVELS, is_one_of, rows_of, starts_with_any
from analyzer.tables.spool import Rows

SPEC = TableSpec(
    name="problems",
    row="a failure that the log reports, classified",
    columns=(
        Column("record", pa.int64(), "the record that reports it"),
        Column("line", pa.int64(), "first physical line of `record`"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("level", pa.string(), "the record's level, null for raw text"),
        Column("kind", pa.string(), "what went wrong, such as x509_unknown_authority or ca_unreadable"),
        Column("host", pa.string(), "the host asked, with the port where one is written"),
        Column("path", pa.string(), "the file that could not be used"),
        Column("registry", pa.string(), "the registry of the reference at stake, such as docker.io"),
        Column("text", pa.string(), "the failure as BuildKit words it, without stacks"),
        Column("cause", pa.string(), "its innermost part, equal for all reports of one failure"),
        Column("time", TIME, "when it was logged"),
        Column("trace_id", pa.string(), "the build's trace"),
        Column("span_id", pa.string(), "the span that failed"),
        Column("span", pa.string(), "the span's name"),
        Column("url", pa.string(), "the URL asked for"),
        Column("status_code", pa.int64(), "the refusing answer's status"),
    ),
    notes="A refusal of a mirror that BuildKit works around (`trying next host`) is a problem at level info. "
    f"Kinds: {', '.join(KINDS)}.",
)

NORMAL_STOPS = (
    "context canceled",
    "got 1 SIGTERM/SIGINTs, forcing shutdown",
    "got SIGTERM/SIGINT, forcing shutdown",
)
"""Texts after ``buildkitd: `` that a stop by signal leaves (v0.9.3-v0.12.5, v0.17.3-v0.23.2, v0.32.2)."""

_NORMAL_STOP = re.compile(
    r"^buildkitd: (?:context canceled|got (?:\d+ )?SIGTERM/SIGINTs?, forcing shutdown)\s*$"
)
_HARMLESS = re.compile(
    r"^(?:reset healthcheck failure|failed to read oom_kill event|failed check for fsverity support)"
)
_AFTER_STATUS = re.compile(r" after status: (\d{3}) ?(.*)$")
_STARTUP_BLOCK = re.compile(r"(?:\A|\n\t\S+:\d+\n\n?)(?=buildkitd: )")


def is_normal_stop(text: str) -> bool:
    """Whether a block ``buildkitd: ...`` is what a stop by signal leaves, not a failure."""
    return _NORMAL_STOP.match(without_stack(text)) is not None


def startup_block(text: str) -> str | None:
    """The part of a raw block that starts with ``buildkitd: ``, as the program's last words do.

    It starts the block, or follows the last frame of a stack: such a line inside an error's text is the
    text's own.
    """
    match = _STARTUP_BLOCK.search(text)
    return text[match.end() :] if match else None


class ProblemsBuilder:
    """Builds `problems` from batches of records."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._rows = Gatherer(SPEC)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take the failures of a batch of records, in the order of the input."""
        self.take(read_problems(batch))

    def take(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows, as `read_problems` gives them, in the order of the input."""
        self._rows.take(rows)

    def finish(self) -> Rows:
        """The table, in the order of the records."""
        return self._rows.finish()


def read_problems(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The failures that a batch of records reports, in its order: a row of the table each."""
    return _Problems().read(batch)


class _Problems:
    """The rows of one batch."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def read(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        message = batch.column("message")
        attempts = starts_with_any(message, ("trying next host", "fetch failed", "token request failed"))
        mask = pc.or_(attempts, is_one_of(batch.column("level"), LOUD_LEVELS))
        raw = pc.and_(is_one_of(batch.column("form"), ("stack", "other")), pc.is_valid(batch.column("text")))
        columns = ["record", "line", "source", "stream", "time", "level", "message"]
        columns += ["trace_id", "span_id", "span"]
        for row in rows_of(batch, mask, [*columns, "error", "fields"]):
            self._take_record(row)
        for row in rows_of(batch, raw, [*columns, "text"]):
            self._take_block(row)
        return sorted(self._rows, key=lambda row: int(row["record"]))

    def _take_record(self, row: dict[str, Any]) -> None:
        fields = dict(row.pop("fields") or ())
        error = row.pop("error")
        message = row.pop("message") or ""
        status: int | None = None
        if message.startswith(("trying next host", "fetch failed")):
            after = _AFTER_STATUS.search(message)
            if after:
                status = int(after[1])
                failure = Failure(classify_status(status), f"{after[1]} {after[2]}".strip())
            elif error:
                failure = read_failure(error)
            elif message.endswith("http.StatusNotFound"):
                status = 404
                failure = Failure("not_found", "404 Not Found")
            else:
                failure = Failure("other", message)
            text = error or message
        elif message == "token request failed":
            text = " ".join(
                part for part in (message, fields.get("status"), fields.get("body"), error) if part
            )
            code = re.match(r"\d{3}", fields.get("status") or "")
            status = int(code[0]) if code else None
            failure = Failure(classify_status(status), text) if status else read_failure(error or message)
        else:
            if _HARMLESS.match(message):
                return
            text = without_stack(f"{message}: {error}" if error and error != message else message)
            if message.startswith("healthcheck failed"):
                failure = Failure("health_check", text)
            else:
                # dockerd and libraries put the words of the system into `error`, BuildKit into the message.
                failure = read_failure(error) if error else read_failure(message)
        self._add(row, failure, text, status, fields)

    def _take_block(self, row: dict[str, Any]) -> None:
        text = row.pop("text")
        row.pop("message")
        last_words = startup_block(text)
        if last_words is not None:
            if not is_normal_stop(last_words):
                self._add(row, read_startup_failure(last_words), without_stack(last_words), None, {})
            text = text[: len(text) - len(last_words)]
        if has_stack(text):
            words = without_stack(text)
            if words:
                self._add(row, read_failure(words), words, None, {})

    def _add(
        self, row: dict[str, Any], failure: Failure, text: str, status: int | None, fields: dict[str, str]
    ) -> None:
        url = failure.url or fields.get("url")
        span_registry = registry_of_span(row["span"])
        self._rows.append(
            row
            | {
                "kind": failure.kind,
                "host": failure.host or host_of(url) or fields.get("host"),
                "path": failure.path,
                "registry": failure.registry or span_registry or registry_of_url(url),
                "text": text,
                "cause": failure.cause,
                "url": url,
                "status_code": status if status is not None else _status_in(failure.cause),
            }
        )


def _status_in(cause: str) -> int | None:
    match = re.match(r"^unexpected status.*: (\d{3})$", cause)
    return int(match[1]) if match else None
