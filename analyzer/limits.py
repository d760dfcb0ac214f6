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
        rule_seconds: Time that one rule's SQL may take.
        rule_memory: Memory that the rule engine may take, in DuckDB's notation.
        rule_rows: Rows that one rule may judge.
        finding_lines: Log lines that a finding lists; more say nothing new to a reader.
        error_text: Characters of an error or log text that a message quotes.
    """

    chunk_bytes: int = 2 << 20
    line_bytes: int = 16 << 20
    block_bytes: int = 1 << 20
    config_bytes: int = 4 << 20
    rule_seconds: float = 60.0
    rule_memory: str = "1GB"
    rule_rows: int = 1_000_000
    finding_lines: int = 20
    error_text: int = 400


LIMITS = Limits()
