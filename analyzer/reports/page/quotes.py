"""Lines of the log around what is worth reading: a finding's records, and the first report of each problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analyzer.limits import LIMITS
from analyzer.records.writing import print_record

if TYPE_CHECKING:
    from analyzer.reports.model import ExhibitLike

_BLOCK_LINES = 12
"""Lines that a stack trace or other block may take in a quotation."""


@dataclass(frozen=True)
class QuotedLine:
    """A line of the log.

    Attributes:
        line: Its number, from 1.
        text: Its words, as logrus writes them.
        level: Its level, where the log tells it.
        meant: It is the line that was quoted, and not one around it.
        cut: Characters or lines that were left out.
    """

    line: int
    text: str
    level: str | None
    meant: bool
    cut: str = ""


Quotation = tuple[QuotedLine | None, ...]
"""Lines in order; None stands for those between that are left out."""


class Quotes:
    """The quotations of a source.

    Args:
        lines: The lines of each record that was read.
        places: Records that were meant.
    """

    def __init__(self, lines: dict[int, tuple[QuotedLine, ...]], places: frozenset[int]) -> None:
        self._lines = lines
        self._places = places

    def around(self, records: Iterable[int]) -> Quotation:
        """The lines around some records; those for which there was no room are left out."""
        meant = sorted({number for number in records if number in self._places})
        wanted = sorted({near for number in meant for near in _near(number) if near in self._lines})
        quoted: list[QuotedLine | None] = []
        for place, number in enumerate(wanted):
            if place and number != wanted[place - 1] + 1:
                quoted.append(None)
            for line in self._lines[number]:
                quoted.append(line if number not in meant else _marked(line))
        return tuple(quoted)


def read_quotes(exhibit: ExhibitLike, places: Sequence[int]) -> Quotes:
    """Read the lines around records.

    Args:
        exhibit: What the source shows.
        places: Numbers of records, the most telling first; not all may find room.
    """
    chosen = frozenset(list(dict.fromkeys(places))[: LIMITS.page_quotes])
    wanted = {near for number in chosen for near in _near(number)}
    lines: dict[int, tuple[QuotedLine, ...]] = {}
    for batch in exhibit.quote(wanted):
        for row in _rows(batch):
            lines[row["record"]] = _lines(row)
    return Quotes(lines, chosen)


def _near(number: int) -> range:
    return range(number - LIMITS.page_quote_records, number + LIMITS.page_quote_records + 1)


def _marked(line: QuotedLine) -> QuotedLine:
    return QuotedLine(line.line, line.text, line.level, True, line.cut)


def _rows(batch: pa.RecordBatch) -> Iterable[dict[str, Any]]:
    """Rows as plain values. The time is a number: as a moment it would bring pandas in."""
    place = batch.schema.get_field_index("time")
    batch = batch.set_column(place, "time", batch.column(place).cast(pa.int64()))
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def _lines(row: dict[str, Any]) -> tuple[QuotedLine, ...]:
    if row["text"] is None:
        return (_line(row, 0, print_record(row)),)
    words = str(row["text"]).split("\n")
    shown = [_line(row, place, text) for place, text in enumerate(words[:_BLOCK_LINES])]
    left = len(words) - _BLOCK_LINES
    if left > 0:
        shown.append(QuotedLine(row["line"] + _BLOCK_LINES, "", row["level"], False, f"{left} more lines"))
    return tuple(shown)


def _line(row: dict[str, Any], place: int, text: str) -> QuotedLine:
    left = len(text) - LIMITS.page_text
    cut = f"{left:,} more characters" if left > 0 else ""
    return QuotedLine(row["line"] + place, text[: LIMITS.page_text], row["level"], False, cut)
