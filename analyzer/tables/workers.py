"""Workers: one row a ``found worker`` line, which tells what a worker was given.

The line is a Go print: ``found worker "id", labels=map[key:value key:value], platforms=[a b]``, its keys
sorted (cmd/buildkitd/main.go, v0.9.3 to v0.32.2). The network label exists from v0.10.0 on; `bridge` prints
as `cni`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa

from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import rows_of, starts_with_any

SPEC = TableSpec(
    name="workers",
    row="a worker that the daemon found at its start",
    columns=(
        Column("record", pa.int64(), "the `found worker` record"),
        Column("line", pa.int64(), "first physical line of `record`"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("worker_id", pa.string(), "the worker's ID"),
        Column("executor", pa.string(), "oci or containerd"),
        Column(
            "network", pa.string(), "host or cni; null in v0.9, which prints none; `bridge` prints as cni"
        ),
        Column("snapshotter", pa.string(), "overlayfs, native, stargz, ..."),
        Column("hostname", pa.string(), "the worker's host name"),
        Column("platforms", pa.list_(pa.string()), "the platforms it builds for"),
        Column("labels", pa.map_(pa.string(), pa.string()), "all its labels, the user's own too"),
        Column("is_default", pa.bool_(), "it is the one that builds use"),
    ),
    notes="Builds use the default worker only.",
)

PREFIX = "org.mobyproject.buildkit.worker."
_WORKER = re.compile(
    r'^found worker "(?P<id>[^"]*)", labels=map\[(?P<labels>.*)\], platforms=\[(?P<platforms>[^\]]*)\]', re.S
)
_DEFAULT = re.compile(r'^found \d+ workers, default="(?P<id>[^"]*)"')


WorkerLine = tuple[dict[str, Any], str | None]
"""A row of the table and None, or the place of the line that says which worker is the default, and its ID."""


class WorkersBuilder:
    """Builds `workers` from batches of records."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._open: dict[tuple[str, str | None], list[dict[str, Any]]] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take the worker lines of a batch of records, in the order of the input."""
        self.take(read_workers(batch))

    def take(self, lines: Iterable[WorkerLine]) -> None:
        """Take worker lines, as `read_workers` gives them, in the order of the input."""
        for row, default in lines:
            key = (row["source"], row["stream"])
            if default is not None:
                for worker in self._open.pop(key, []):
                    worker["is_default"] = worker["worker_id"] == default
            else:
                # Without the line that names the default, it is the first one.
                opened = self._open.setdefault(key, [])
                opened.append(row | {"is_default": not opened})
                self._rows.append(opened[-1])

    def finish(self) -> pa.Table:
        """The table, in the order of the records."""
        return SPEC.build(sorted(self._rows, key=lambda row: int(row["record"])))


def read_workers(batch: pa.RecordBatch) -> list[WorkerLine]:
    """The lines of a batch of records that tell of workers, in its order."""
    mask = starts_with_any(batch.column("message"), ("found ",))
    lines: list[WorkerLine] = []
    for row in rows_of(batch, mask, ["record", "line", "source", "stream", "message"]):
        message = row.pop("message")
        if match := _DEFAULT.match(message):
            lines.append((row, match["id"]))
        elif read := read_worker(message):
            lines.append((row | read, None))
    return lines


def read_worker(message: str) -> dict[str, Any] | None:
    """Read a ``found worker`` message.

    Returns:
        The columns that the message fills, or None where it is no such message. A label of BuildKit's own
        that stands twice in the text, which a user's label can bring about, has no column value: neither is
        proof.
    """
    match = _WORKER.match(message)
    if not match:
        return None
    labels = read_labels(match["labels"])

    def own(name: str) -> str | None:
        if len(re.findall(rf"(?:^| ){re.escape(PREFIX + name)}:", match["labels"])) != 1:
            return None
        return labels.get(PREFIX + name) or None

    return {
        "worker_id": match["id"],
        "executor": own("executor"),
        "network": own("network"),
        "snapshotter": own("snapshotter"),
        "hostname": own("hostname"),
        "platforms": match["platforms"].split(),
        "labels": sorted(labels.items()),
    }


def read_labels(text: str) -> dict[str, str]:
    """Read the inside of a Go map print of labels.

    Neither keys nor values are quoted there. Go sorts the keys, so a word ``a:b`` starts a label only where
    its key is greater than the one before; other words continue the value.
    """
    labels: dict[str, str] = {}
    last = ""
    for word in text.split(" "):
        key, colon, value = word.partition(":")
        if colon and key and key > last:
            labels[key] = value
            last = key
        elif last:
            labels[last] += f" {word}"
    return labels
