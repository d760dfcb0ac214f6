"""Bytes to batches of records: wrapper prefixes, text, JSON and terminal form, stack traces.

Nothing is lost: the records of a source account for every byte of it.
"""

from __future__ import annotations

from analyzer.records.reader import RecordReader, read_batches
from analyzer.records.schema import FIELDS, FORMS, LEVELS, RECORDS, STATUSES, TIME

__all__ = ["FIELDS", "FORMS", "LEVELS", "RECORDS", "STATUSES", "TIME", "RecordReader", "read_batches"]
