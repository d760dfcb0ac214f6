"""RFC 3339 times to nanoseconds since the epoch, many at once."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.schema import TIME

# Years that fit into 64 bits of nanoseconds; Arrow would take other notations too, but logrus writes only
# this one.
_RFC3339 = (
    r"^(?:19[7-9]\d|2[01]\d\d)-\d\d-\d\d[T]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)$"
)


def parse_times(texts: pa.StringArray) -> pa.TimestampArray:
    """Times of a string array; null where it is null or holds no time.

    Args:
        texts: RFC 3339 with seconds or up to nine digits of a fraction, in any zone.
    """
    # Whole seconds repeat thousands of times: one conversion for each distinct text.
    encoded = texts.dictionary_encode()
    distinct = encoded.dictionary
    nothing = pa.nulls(len(distinct), pa.string())
    shaped = pc.if_else(pc.match_substring_regex(distinct, _RFC3339), distinct, nothing)
    try:
        times = shaped.cast(TIME)
    except pa.ArrowInvalid:
        times = pa.concat_arrays([_parse_one(shaped.slice(at, 1)) for at in range(len(shaped))])
    return times.take(encoded.indices)


def _parse_one(text: pa.StringArray) -> pa.TimestampArray:
    try:
        return text.cast(TIME)
    except pa.ArrowInvalid:
        return pa.nulls(1, TIME)
