"""The extract of a batch: all that the tables take from its records, whatever came before it.

Making it is most of the work and needs no order, so it is done wherever the batch was read. Taking extracts
needs the order of the log and is done in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analyzer.tables.events import Picked, pick_events
from analyzer.tables.networks import read_networks
from analyzer.tables.problems import read_problems
from analyzer.tables.sections import Section, find_sections
from analyzer.tables.selection import with_searchable_messages
from analyzer.tables.spans import count_spans
from analyzer.tables.workers import WorkerLine, read_workers


@dataclass(frozen=True, slots=True)
class Extract:
    """What the tables take from a batch of records.

    Attributes:
        sections: Its runs of records between lines that may begin or end a daemon.
        spans: Counts by section, trace and span.
        events: Records that tell of requests.
        workers: Lines that tell of workers.
        networks: Rows of `networks`.
        problems: Rows of `problems`.
    """

    sections: list[Section]
    spans: pa.Table
    events: Picked
    workers: list[WorkerLine]
    networks: list[dict[str, Any]]
    problems: list[dict[str, Any]]


def extract(batch: pa.RecordBatch) -> Extract:
    """Take from a batch of records what the tables need."""
    batch = with_searchable_messages(batch)
    sections, owner = find_sections(batch)
    return Extract(
        sections,
        count_spans(batch, owner),
        pick_events(batch),
        read_workers(batch),
        read_networks(batch),
        read_problems(batch),
    )
