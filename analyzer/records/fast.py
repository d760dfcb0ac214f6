"""Whole chunks to records, for logs in text form. What it cannot do exactly, it leaves to ``framing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.arrays import Codes, Ints, slices, sparse_strings, strings, to_arrow, to_codes
from analyzer.records.assemble import Fields, Rows, assemble
from analyzer.records.blocks import block_form, is_record_tail
from analyzer.records.framing import most_block_lines
from analyzer.records.goquote import unquote
from analyzer.records.lines import LineFinder, Lines
from analyzer.records.logfmt import parse_logfmt
from analyzer.records.scan import Scan, scan
from analyzer.records.schema import FORMS, STATUSES
from analyzer.records.transcode import MARK

if TYPE_CHECKING:
    from analyzer.limits import Limits
    from analyzer.records.framing import Place

_STACK, _OTHER = FORMS.index("stack"), FORMS.index("other")
_MALFORMED, _TRUNCATED = STATUSES.index("malformed"), STATUSES.index("truncated")
_FILLER = ord("x")


class FastLane:
    """Reads chunks of text form, with or without wrapper prefixes of a few shapes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._finder = LineFinder(limits)

    def read(
        self, data: bytes, source: str, place: Place, known: set[bytes], *, before_record: bool
    ) -> pa.RecordBatch | None:
        """Reads a chunk.

        Args:
            data: Whole lines. Nothing is open where they begin, and a record or the end of the input follows.
            source: Name of the input.
            place: Where the chunk stands; moved behind it when the chunk was read.
            known: Names of services that were learnt.
            before_record: Whether a record follows.

        Returns:
            The records, or None when the chunk holds what only the exact path can read.
        """
        lines = self._finder.find(data, known)
        if lines is None:
            return None
        found = scan(_blank(lines), lines.payloads, lines.ends, lines.record)
        if not _unmark(lines, found):
            return None
        stream, names = _streams(lines)
        starts = lines.record | lines.fatal
        starts[0] = True
        starts[1:] |= lines.record[:-1] | (stream[1:] != stream[:-1])
        first = np.flatnonzero(starts)
        offset = lines.begins[first]
        length = np.diff(offset, append=lines.size)
        count = np.diff(first, append=len(starts))
        too_large = (length > self._limits.block_bytes) | (count > most_block_lines(self._limits))
        if (too_large & ~lines.record[first]).any():
            return None

        row_of = np.cumsum(starts) - 1
        fields, malformed = _fields(lines, found, row_of)
        form, status, texts = _texts(lines, first, malformed)
        if place.line == 1 and _is_torn(lines, first, form, texts, before_record=before_record):
            status[0] = _TRUNCATED
        rows = Rows(
            line=first + place.line,
            lines=count,
            offset=offset + place.offset,
            length=length,
            form=form,
            status=status,
            text=sparse_strings(len(first), texts),
            stream=stream[first] if names else None,
            streams=names,
            stamps=_stamps(lines, first),
        )
        batch = assemble(source, place.record, rows, fields)
        place.record += len(first)
        place.line += len(starts)
        place.offset += lines.size
        return batch


def _stamps(lines: Lines, first: Ints) -> pa.StringArray | None:
    """The wrapper's time of each record."""
    if lines.rewritten is not None:
        stamps = lines.rewritten.stamps
        return None if stamps is None else strings(stamps).take(to_arrow(first))
    shape = lines.shape[first]
    spans = [known.stamp_at for known in lines.shapes]
    stamped = np.array([*(span is not None for span in spans), False], np.bool_)[shape]
    if not stamped.any():
        return None
    start, end = (np.array([*(span[side] if span else 0 for span in spans), 0], np.int64) for side in (0, 1))
    begins = lines.begins[first[stamped]]
    found = slices(lines.data, begins + start[shape[stamped]], begins + end[shape[stamped]])
    if stamped.all():
        return found
    index = np.cumsum(stamped).astype(np.int32) - np.int32(1)
    return found.take(to_arrow(index, stamped))


def _streams(lines: Lines) -> tuple[Codes, list[str]]:
    """The number of each line's stream, -1 for none, and the names of the streams."""
    streams = [shape.stream for shape in lines.shapes]
    names = list(dict.fromkeys(stream for stream in streams if stream is not None))
    codes = [-1 if stream is None else names.index(stream) for stream in streams]
    return np.array([*codes, -1], np.int32)[lines.shape], names


def _blank(lines: Lines) -> bytes | bytearray:
    """The chunk with its prefixes overwritten, so that nothing in them looks like structure."""
    wrapped = np.flatnonzero(lines.shape >= 0)
    if not len(wrapped):
        return lines.data
    blanked = bytearray(lines.data)
    text = np.frombuffer(blanked, np.uint8)
    begins, lengths = lines.begins[wrapped], (lines.payloads - lines.begins)[wrapped]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    text[np.repeat(begins, lengths) + within] = _FILLER
    return blanked


def _unmark(lines: Lines, found: Scan) -> bool:
    """Takes the marks off the keys of terminal form; False when the scan saw other fields than were there."""
    if lines.rewritten is None or lines.rewritten.form != "terminal":
        return True
    marked = np.frombuffer(lines.data, np.uint8)[found.key] == MARK
    count = int(np.count_nonzero(marked))
    if not found.strict[lines.record].all() or len(marked) - count != lines.rewritten.heads:
        return False
    found.key += marked
    return lines.data.count(MARK) == count


def _fields(lines: Lines, found: Scan, row_of: Ints) -> tuple[Fields, list[int]]:
    """The fields of all lines, and the lines that are malformed."""
    count = len(found.line)
    bounds = np.empty(4 * count + 1, np.int32)
    bounds[0:-1:4], bounds[1::4], bounds[2::4], bounds[3::4] = found.key, found.equals, found.value, found.end
    bounds[-1] = found.end[-1] if count else 0
    # One string array over the chunk: keys are the elements 0, 4, 8, ..., values 2, 6, 10, ...
    pieces = pa.Array.from_buffers(
        pa.string(), 4 * count, [None, pa.py_buffer(bounds), pa.py_buffer(lines.data)]
    )
    key_at = np.arange(0, 4 * count, 4, dtype=np.int32)
    encoded = pieces.take(to_arrow(key_at)).dictionary_encode()
    key: Codes = to_codes(encoded.indices)
    keys: list[str] = encoded.dictionary.to_pylist()
    row = row_of[found.line]
    value = key_at + np.int32(2)

    more, size = [pieces], 4 * count
    if len(found.quoted):
        more.append(pc.replace_substring(pieces.take(to_arrow(value[found.quoted])), '\\"', '"'))
        value[found.quoted] = np.arange(size, size + len(found.quoted), dtype=np.int32)
        size += len(found.quoted)
    if len(found.escaped):
        bodies = pieces.take(to_arrow(value[found.escaped])).to_pylist()
        number = {body: at for at, body in enumerate(dict.fromkeys(bodies))}
        more.append(strings(unquote(body.encode()) for body in number))
        value[found.escaped] = [size + number[body] for body in bodies]
        size += len(number)

    malformed: list[int] = []
    extra_row: list[int] = []
    extra_key: list[int] = []
    texts: list[str] = []
    number_of = {name: at for at, name in enumerate(keys)}
    for line in np.flatnonzero(lines.record & ~found.strict).tolist():
        parsed, whole = parse_logfmt(lines.payload(line))
        if not whole:
            malformed.append(line)
        for name, text in parsed:
            extra_row.append(int(row_of[line]))
            extra_key.append(number_of.setdefault(name, len(number_of)))
            texts.append(text)
    if texts:
        more.append(strings(texts))
        row = np.concatenate([row, np.array(extra_row, np.int64)])
        key = np.concatenate([key, np.array(extra_key, np.int32)])
        value = np.concatenate([value, np.arange(size, size + len(texts), dtype=np.int32)])
        order = np.argsort(row, kind="stable")
        row, key, value = row[order], key[order], value[order]
    joined = pieces if len(more) == 1 else pa.concat_arrays(more)
    return Fields(row, key, value, list(number_of), joined), malformed


def _texts(lines: Lines, first: Ints, malformed: list[int]) -> tuple[Codes, Codes, dict[int, str]]:
    """Form, status and verbatim text of each record."""
    form = np.full(len(first), FORMS.index(lines.rewritten.form if lines.rewritten else "logfmt"), np.int32)
    status = np.zeros(len(first), np.int32)
    texts: dict[int, str] = {}
    for line in malformed:
        row = int(np.searchsorted(first, line))
        status[row] = _MALFORMED
        texts[row] = lines.payload(line).decode("utf-8", "replace")
    last = np.append(first[1:], len(lines.ends))
    for row in np.flatnonzero(~lines.record[first]).tolist():
        block = b"\n".join(lines.payload(line) for line in range(int(first[row]), int(last[row])))
        form[row] = _STACK if block_form(block) == "stack" else _OTHER
        texts[row] = block.decode("utf-8", "replace")
    return form, status, texts


def _is_torn(lines: Lines, first: Ints, form: Codes, texts: dict[int, str], *, before_record: bool) -> bool:
    """Whether the first line of the source is the end of a record that was cut off."""
    if form[0] != _OTHER:
        return False
    last = int(first[1]) if len(first) > 1 else len(lines.ends)
    followed = bool(lines.record[last]) if last < len(lines.ends) else before_record
    return followed and last == 1 and is_record_tail(texts[0].encode())
