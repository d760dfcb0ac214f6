"""Records collected one by one, for the exact path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analyzer.records.arrays import sparse_strings, strings
from analyzer.records.assemble import Fields, Rows, assemble
from analyzer.records.schema import FORMS, STATUSES

if TYPE_CHECKING:
    import pyarrow as pa

_FORM = {form: code for code, form in enumerate(FORMS)}
_STATUS = {status: code for code, status in enumerate(STATUSES)}


class RowList:
    """Records waiting to become a batch."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int, int, int]] = []
        self._form: list[int] = []
        self._status: list[int] = []
        self._stream: list[int] = []
        self._streams: dict[str, int] = {}
        self._text: dict[int, str] = {}
        self._stamps: dict[int, str] = {}
        self._counts: list[int] = []
        self._fields: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(
        self,
        place: tuple[int, int, int, int],
        form: str,
        status: str,
        fields: Sequence[tuple[str, str]] = (),
        *,
        text: str | None = None,
        stream: str | None = None,
        stamp: str | None = None,
    ) -> None:
        """Adds a record.

        Args:
            place: First line, number of lines, first byte, number of bytes.
            form: One of ``FORMS``.
            status: One of ``STATUSES``.
            fields: Keys and values in order.
            text: The verbatim text, where the fields do not say everything.
            stream: The name that a wrapper gave.
            stamp: The time that a wrapper gave, RFC 3339.
        """
        row = len(self._places)
        self._places.append(place)
        self._form.append(_FORM[form])
        self._status.append(_STATUS[status])
        self._stream.append(-1 if stream is None else self._streams.setdefault(stream, len(self._streams)))
        if text is not None:
            self._text[row] = text
        if stamp is not None:
            self._stamps[row] = stamp
        self._counts.append(len(fields))
        self._fields.extend(fields)

    def batch(self, source: str, first_record: int) -> pa.RecordBatch:
        """The records as a batch; there must be one at least."""
        count = len(self._places)
        places = np.array(self._places, np.int64).reshape(count, 4)
        rows = Rows(
            line=places[:, 0],
            lines=places[:, 1],
            offset=places[:, 2],
            length=places[:, 3],
            form=np.array(self._form, np.int32),
            status=np.array(self._status, np.int32),
            text=sparse_strings(count, self._text),
            stream=np.array(self._stream, np.int32) if self._streams else None,
            streams=list(self._streams),
            stamps=sparse_strings(count, self._stamps) if self._stamps else None,
        )
        names = [name for name, _ in self._fields]
        number = {name: at for at, name in enumerate(dict.fromkeys(names))}
        fields = Fields(
            row=np.repeat(np.arange(count, dtype=np.int64), self._counts),
            key=np.fromiter(map(number.__getitem__, names), np.int32, len(names)),
            value=np.arange(len(names), dtype=np.int32),
            keys=list(number),
            strings=strings(value for _, value in self._fields),
        )
        return assemble(source, first_record, rows, fields)
