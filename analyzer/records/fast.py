"""Whole chunks to records, for logs in text form. What it cannot do exactly, it leaves to ``framing``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.arrays import Codes, Ints, Mask, slices, sparse_strings, strings, to_arrow, to_codes
from analyzer.records.assemble import Fields, Rows, assemble
from analyzer.records.blocks import FATAL, block_form, is_record_tail
from analyzer.records.framing import Place, parse_record
from analyzer.records.goquote import unquote
from analyzer.records.logfmt import START, parse_logfmt
from analyzer.records.prefixes import Shapes, make_shape
from analyzer.records.scan import Scan, line_ends, scan
from analyzer.records.schema import FORMS, STATUSES
from analyzer.records.transcode import MARK, rewrite
from analyzer.records.wrappers import unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyzer.limits import Limits

_STACK, _OTHER = FORMS.index("stack"), FORMS.index("other")
_MALFORMED, _TRUNCATED = STATUSES.index("malformed"), STATUSES.index("truncated")
_TAB, _RETURN = b"\t\r"
_MOST_HARMLESS = 8192
_FILLER = ord("x")


@dataclass
class _Lines:
    """The physical lines of a chunk.

    Attributes:
        begins: Where each line starts.
        payloads: Where its payload starts, behind wrapper prefixes.
        ends: Where its line end is.
        shape: Index of the prefix's shape, -1 for none.
        record: Whether it starts with ``time=``.
        fatal: Whether it is a daemon's last words.
    """

    begins: Ints
    payloads: Ints
    ends: Ints
    shape: Ints
    record: Mask
    fatal: Mask


class FastLane:
    """Reads chunks of text form, with or without wrapper prefixes of a few shapes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shapes = Shapes()
        self._harmless: set[bytes] = set()
        self._known = 0

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
        size, stamps, form_of_records = len(data), None, "logfmt"
        rewritten = rewrite(data)
        if rewritten is not None:
            data, form_of_records = rewritten.data, rewritten.form
            stamps = rewritten.stamps
        lines = self._lines(data, np.frombuffer(data, np.uint8), known)
        if lines is None:
            return None
        physical = lines.begins
        if rewritten is not None:
            if (lines.shape >= 0).any():
                return None
            physical = rewritten.begins
        streams = [shape.stream for shape in self._shapes.shapes]
        names = list(dict.fromkeys(stream for stream in streams if stream is not None))
        code_of = np.array(
            [*(-1 if stream is None else names.index(stream) for stream in streams), -1], np.int32
        )
        stream = code_of[lines.shape]

        starts = lines.record | lines.fatal
        starts[0] = True
        starts[1:] |= lines.record[:-1] | (stream[1:] != stream[:-1])
        first = np.flatnonzero(starts)
        offset = physical[first]
        length = np.diff(offset, append=size)
        if (length[~lines.record[first]] > self._limits.block_bytes).any():
            return None

        found = scan(_blank(data, lines), lines.payloads, lines.ends, lines.record)
        if (
            rewritten is not None
            and rewritten.form == "terminal"
            and not _unmark(data, lines, found, rewritten.heads)
        ):
            return None
        row_of = np.cumsum(starts) - 1
        fields, malformed = _fields(data, lines, found, row_of)
        form, status, texts = _texts(data, lines, first, malformed, form_of_records)
        if place.line == 1 and _is_torn(lines, first, form, texts, before_record=before_record):
            status[0] = _TRUNCATED
        rows = Rows(
            line=first + place.line,
            lines=np.diff(first, append=len(starts)),
            offset=offset + place.offset,
            length=length,
            form=form,
            status=status,
            text=sparse_strings(len(first), texts),
            stream=stream[first] if names else None,
            streams=names,
            stamps=self._stamps(data, lines, first)
            if stamps is None
            else strings(stamps).take(to_arrow(first)),
        )
        batch = assemble(source, place.record, rows, fields)
        place.record += len(first)
        place.line += len(starts)
        place.offset += size
        return batch

    def _lines(self, data: bytes, text: NDArray[np.uint8], known: set[bytes]) -> _Lines | None:
        """Finds lines and prefixes; None when a line is neither text form nor part of a block."""
        ends = line_ends(data)
        begins = np.zeros_like(ends)
        begins[1:] = ends[:-1] + 1
        if int((ends - begins).max()) > self._limits.line_bytes:
            return None
        wrapped = np.flatnonzero(~_is_record(text, begins, ends))
        while True:
            shape = self._shapes.match(text, begins, ends, wrapped)
            lengths = np.array([*(known_shape.length for known_shape in self._shapes.shapes), 0], np.int64)
            payloads = begins + lengths[shape]
            record = _is_record(text, payloads, ends)
            head = text[payloads]
            # A line behind a tab is the inner part of a stack, an empty one belongs to any block.
            strange = np.flatnonzero(~record & (head != _TAB) & (payloads < ends))
            fatal = self._inspect(data, begins, payloads, ends, strange, known)
            if fatal is None:
                return None
            if fatal is not _AGAIN:
                break
        mask = np.zeros(len(ends), np.bool_)
        mask[fatal] = True
        return _Lines(begins, payloads, ends, shape, record, mask)

    def _inspect(
        self, data: bytes, begins: Ints, payloads: Ints, ends: Ints, strange: Ints, known: set[bytes]
    ) -> list[int] | None:
        """Looks at the lines that are no text records one by one.

        Returns:
            The lines with a daemon's last words; ``_AGAIN`` when a new shape was found; None to give up.
        """
        if len(known) != self._known:
            # What was nobody's prefix yesterday may be a service's today.
            self._known = len(known)
            self._harmless.clear()
        fatal: list[int] = []
        places = zip(
            strange.tolist(),
            begins[strange].tolist(),
            payloads[strange].tolist(),
            ends[strange].tolist(),
            strict=True,
        )
        for number, begin, payload_at, end in places:
            payload = data[payload_at:end]
            if payload in self._harmless:
                continue
            line = data[begin:end].rstrip(b"\r")
            found = unwrap(line, known)
            if found.prefix < 0 or found.partial or found.learnt:
                return None
            if found.prefix != payload_at - begin:
                # A shorter prefix than that of a shape seen before would be a fault; the exact path knows.
                if found.prefix < payload_at - begin or not self._shapes.add(make_shape(line, found)):
                    return None
                return _AGAIN
            if parse_record(found.payload) is not None:
                return None
            if found.payload.startswith(FATAL):
                fatal.append(number)
            elif begin == payload_at and len(self._harmless) < _MOST_HARMLESS:
                self._harmless.add(payload)
        return fatal

    def _stamps(self, data: bytes, lines: _Lines, first: Ints) -> pa.StringArray | None:
        """The wrapper's time of each record."""
        shape = lines.shape[first]
        spans = [known.stamp_at for known in self._shapes.shapes]
        stamped = np.array([*(span is not None for span in spans), False], np.bool_)[shape]
        if not stamped.any():
            return None
        start, end = (
            np.array([*(span[side] if span else 0 for span in spans), 0], np.int64) for side in (0, 1)
        )
        begins = lines.begins[first[stamped]]
        found = slices(data, begins + start[shape[stamped]], begins + end[shape[stamped]])
        if stamped.all():
            return found
        index = np.cumsum(stamped).astype(np.int32) - np.int32(1)
        return found.take(to_arrow(index, stamped))


_AGAIN = [-1]


def _is_record(text: NDArray[np.uint8], begins: Ints, ends: Ints) -> Mask:
    """Whether lines start with ``time=``."""
    record = ends - begins >= len(START)
    at = begins[record]
    fits = np.ones(len(at), np.bool_)
    for number, byte in enumerate(START):
        fits &= text[at + number] == byte
    record[record] = fits
    return record


def _blank(data: bytes, lines: _Lines) -> bytes | bytearray:
    """The chunk with its prefixes overwritten, so that nothing in them looks like structure."""
    wrapped = np.flatnonzero(lines.shape >= 0)
    if not len(wrapped):
        return data
    blanked = bytearray(data)
    text = np.frombuffer(blanked, np.uint8)
    begins, lengths = lines.begins[wrapped], (lines.payloads - lines.begins)[wrapped]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    text[np.repeat(begins, lengths) + within] = _FILLER
    return blanked


def _unmark(data: bytes, lines: _Lines, found: Scan, heads: int) -> bool:
    """Takes the marks off the keys of terminal form; False when the scan saw other fields than were there."""
    text = np.frombuffer(data, np.uint8)
    marked = text[found.key] == MARK
    count = int(np.count_nonzero(marked))
    if not found.strict[lines.record].all() or len(marked) - count != heads or data.count(MARK) != count:
        return False
    found.key += marked
    return True


def _fields(data: bytes, lines: _Lines, found: Scan, row_of: Ints) -> tuple[Fields, list[int]]:
    """The fields of all lines, and the lines that are malformed."""
    count = len(found.line)
    bounds = np.empty(4 * count + 1, np.int32)
    bounds[0:-1:4], bounds[1::4], bounds[2::4], bounds[3::4] = found.key, found.equals, found.value, found.end
    bounds[-1] = found.end[-1] if count else 0
    # One string array over the chunk: keys are the elements 0, 4, 8, ..., values 2, 6, 10, ...
    pieces = pa.Array.from_buffers(pa.string(), 4 * count, [None, pa.py_buffer(bounds), pa.py_buffer(data)])
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
        parsed, whole = parse_logfmt(_payload(data, lines, line))
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


def _texts(
    data: bytes, lines: _Lines, first: Ints, malformed: list[int], form_of_records: str
) -> tuple[Codes, Codes, dict[int, str]]:
    """Form, status and verbatim text of each record."""
    form = np.full(len(first), FORMS.index(form_of_records), np.int32)
    status = np.zeros(len(first), np.int32)
    texts: dict[int, str] = {}
    for line in malformed:
        row = int(np.searchsorted(first, line))
        status[row] = _MALFORMED
        texts[row] = _payload(data, lines, line).decode("utf-8", "replace")
    last = np.append(first[1:], len(lines.ends))
    for row in np.flatnonzero(~lines.record[first]).tolist():
        block = b"\n".join(_payload(data, lines, line) for line in range(int(first[row]), int(last[row])))
        form[row] = _STACK if block_form(block) == "stack" else _OTHER
        texts[row] = block.decode("utf-8", "replace")
    return form, status, texts


def _payload(data: bytes, lines: _Lines, line: int) -> bytes:
    return data[lines.payloads[line] : lines.ends[line]].rstrip(b"\r")


def _is_torn(lines: _Lines, first: Ints, form: Codes, texts: dict[int, str], *, before_record: bool) -> bool:
    """Whether the first line of the source is the end of a record that was cut off."""
    if form[0] != _OTHER:
        return False
    last = int(first[1]) if len(first) > 1 else len(lines.ends)
    followed = bool(lines.record[last]) if last < len(lines.ends) else before_record
    return followed and last == 1 and is_record_tail(texts[0].encode())
