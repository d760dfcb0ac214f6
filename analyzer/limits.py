"""Every cap of the program in one place, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Caps that keep memory, time and output bounded whatever the input.

    Attributes:
        chunk_bytes: Bytes of log scanned at once. Larger chunks fall out of the processor's cache.
        line_bytes: A physical line longer than this is cut into records of this size, marked ``truncated``:
            one line must not take the memory of a whole log.
        block_bytes: A block of lines that are no log records is cut into records of this size.
        config_bytes: A buildkitd.toml larger than this is no buildkitd.toml.
        baseline_bytes: A baseline larger than this, a hundred thousand findings, is no list of exceptions any more.
        given_file_bytes: Of a certificate file no more is read: the system's own bundle has 200 KB.
        given_files: Files of one folder that are looked at.
        given_bytes: Bytes of the files of one folder that are read.
        unpacked_bytes: Bytes that any bundle may unpack to; a larger one only at `unpacked_ratio`.
        unpacked_ratio: How many times its own size a bundle may unpack to: debug logs come to twenty.
        trace_object_bytes: Bytes of a trace that are read as one JSON object, which takes ten times as much memory; a
            larger object is read in parts. A Collector's batch of 8,192 spans has about as much.
        recent_builds: Builds of a builder whose records are taken along where nobody says how many.
        history_seconds: Time that Buildx may take to list builds, or to export the record of one.
        history_bytes: Bytes of such a list; Buildx lists fifty builds a node.
        history_record_bytes: Bytes of the record of one build; one with a thousand steps has some hundred kilobytes.
        history_records_bytes: Bytes of all records that are taken along.
        trace_files: Files of one folder, or builds of one record, whose traces are read.
        rule_seconds: Time that one rule's SQL may take.
        rule_memory: Memory that the rule engine may take, in DuckDB's notation. The built-in rules stream and
            need a fraction of it; it is what a rule from elsewhere may sort or join with.
        rule_subjects: Subjects that one rule may judge: each becomes a finding, and all of them are held.
        rule_rows: Rows of a rule that are judged in memory; a rule that gives more is asked twice instead, so
            any number of them can be judged.
        spool_bytes: Bytes of a growing table that stay in memory; more go to a temporary file.
        fold_memory: Megabytes that sorting and grouping of such a file may take; where they do not suffice it is tried
            again with twice as much, up to eight times: rather more memory than no result.
        distinct_secrets: Secrets of a kind that are told apart by numbers: each takes two hundred bytes, and a
            log whose every answer has a secret header of its own must not take more with each.
        page_sources: Sources that the page shows in detail: a reader turns to the few that failed.
        page_images: Images of one source on the page.
        page_objects: Objects of one image on the page, equal ones drawn together.
        page_problems: Kinds of problem of one source on the page.
        page_quotes: Places of a log that the page quotes for one source.
        page_quote_records: Records around such a place, on either side.
        page_text: Characters of a quoted line.
        page_traces: Traces in the timeline of the page.
        page_spans: Spans in that timeline.
        page_requests: Requests in it; with so many spans the page takes some nine megabytes.
        page_seconds: Time that one question to the tables may take for the page.
        finding_lines: Log lines that a finding lists; more say nothing new to a reader.
        error_text: Characters of an error or log text that a message quotes.
    """

    chunk_bytes: int = 2 << 20
    line_bytes: int = 16 << 20
    block_bytes: int = 1 << 20
    config_bytes: int = 4 << 20
    baseline_bytes: int = 64 << 20
    given_file_bytes: int = 4 << 20
    given_files: int = 2_000
    given_bytes: int = 64 << 20
    unpacked_bytes: int = 1 << 30
    unpacked_ratio: int = 200
    trace_object_bytes: int = 8 << 20
    trace_files: int = 2_000
    recent_builds: int = 10
    history_seconds: float = 20.0
    history_bytes: int = 4 << 20
    history_record_bytes: int = 64 << 20
    history_records_bytes: int = 256 << 20
    rule_seconds: float = 60.0
    rule_memory: str = "256MB"
    rule_subjects: int = 100_000
    rule_rows: int = 20_000
    spool_bytes: int = 4 << 20
    fold_memory: int = 100
    distinct_secrets: int = 100_000
    page_sources: int = 20
    page_images: int = 200
    page_objects: int = 100
    page_problems: int = 100
    page_quotes: int = 40
    page_quote_records: int = 3
    page_text: int = 600
    page_traces: int = 8_000
    page_spans: int = 80_000
    page_requests: int = 60_000
    page_seconds: float = 600.0
    finding_lines: int = 20
    error_text: int = 400


LIMITS = Limits()
