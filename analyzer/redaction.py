"""Secrets out: the one gate between the records and everything that leaves the program.

What is replaced: credentials in URLs; values of URL queries but those that name what was asked (``ns``,
``scope``, ``service``); HTTP headers but those that checks need; bearer and basic tokens, JWTs and tokens of
known form; PEM blocks; values of password-like arguments and variables, which stand in command lines and span
names; addresses of clients. Digests, repositories, references and hosts stay.

A secret becomes a mark such as ``[redacted:jwt:3]``. Equal secrets of one kind have equal marks, numbered as
they come, so a mark tells that two secrets are the same and nothing else: a hash of a short password could be
guessed. With a key the mark is an HMAC, equal in every run with that key.

Several processes can redact parts of a log at once and still give the marks that one would have given. They share
a salt. Each tells the `news` of its part; one `Redactor` learns them in the order of the parts; a process whose
numbers were wrong is told the right ones by `renumber`, and redacts its part once more.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from analyzer.limits import LIMITS
from analyzer.secretforms import (
    HINTS,
    INERT,
    PATH_QUERY,
    PATTERNS,
    PUBLIC_QUERY,
    QUOTED,
    SUSPICIOUS,
    URL_QUERY,
    is_harmless,
    kind_of_key,
)

if TYPE_CHECKING:
    import pyarrow as pa

_MARK = re.compile(r"\[redacted:\w+:\w+\]?$|redacted-\w+-\w+$")
_COLUMNS = ("message", "span", "error", "text")
"""Columns of text in which secrets may stand, beside the values of the fields."""

_MORE = "more"
"""Stands for the number of a secret that came when there were too many to number."""

_REMEMBERED = 4096
"""Texts and secrets whose outcome is remembered for a while: a log repeats itself."""


class Redactor:
    """Replaces secrets, with equal marks for equal secrets.

    Args:
        key: Makes marks that are equal in every run with this key; without it marks are numbered.
        enabled: If false nothing is replaced.
        salt: Secrets are known by a hash with this salt, which processes that share `news` must share; by default
            random.
        limit: Secrets of a kind that are numbered; later ones share a mark. None sets no limit: for a process that
            redacts a part of a log, whose news another one learns.

    Attributes:
        counts: How many secrets were replaced, by kind.
    """

    def __init__(
        self,
        key: bytes | None = None,
        enabled: bool = True,
        salt: bytes | None = None,
        limit: int | None = LIMITS.distinct_secrets,
    ) -> None:
        self._key = key
        self._enabled = enabled
        self._salt = os.urandom(16) if salt is None else salt
        self._limit = limit
        self._numbers: dict[bytes, int] = {}
        self._next: Counter[str] = Counter()
        self._news: list[tuple[str, bytes]] = []
        self._marks: dict[tuple[str, str], str] = {}
        self._texts: dict[str, tuple[str, Counter[str]]] = {}
        self.counts: Counter[str] = Counter()

    def text(self, value: str) -> str:
        """A text without its secrets."""
        if not self._enabled or not value:
            return value
        known = self._texts.get(value)
        if known is not None:
            self.counts.update(known[1])
            return known[0]
        before = Counter(self.counts)
        clean = self._text(value)
        if len(self._texts) >= _REMEMBERED:
            self._texts.clear()
        if len(value) <= _REMEMBERED:
            self._texts[value] = (clean, self.counts - before)
        return clean

    def _text(self, value: str) -> str:
        small = value.lower()
        # beyond ASCII a pattern may take letters for others that small letters do not show: the Kelvin sign for k
        plain = value.isascii()
        for (kind, pattern), hints in zip(PATTERNS, HINTS, strict=True):
            if plain and not any(hint in small for hint in hints):
                continue
            new = pattern.sub(partial(self._replace, kind), value)
            if new != value:
                value, small = new, new.lower()
        if "?" in value:
            value = URL_QUERY.sub(lambda match: f"{match['address']}?{self._query(match['query'])}", value)
            value = PATH_QUERY.sub(lambda match: f"?{self._query(match['query'])}", value)
        return value

    def field(self, key: str, value: str) -> str:
        """A record's field without its secrets: some are secret by their key."""
        if not self._enabled or not value:
            return value
        kind = kind_of_key(key)
        return self.text(value) if kind is None else self._mark(kind, value)

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of records without its secrets; see `batches`."""
        return self.batches([batch])[0]

    def batches(self, batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """Batches of records without their secrets.

        Marks are numbered in the order of the records, and within a record in the order of its columns and
        fields, so they do not depend on how the input was cut into batches. Several batches at once take a
        third less time than one by one: RE2 is set up anew for each search.
        """
        if not self._enabled:
            return list(batches)
        told = [_Values(batch) for batch in batches if batch.num_rows]
        hits = iter(_suspicious([column for values in told for column in values.texts]))
        clean = iter([self._clean(values, [next(hits) for _ in values.texts]) for values in told])
        return [next(clean) if batch.num_rows else batch for batch in batches]

    def fresh(self) -> Redactor:
        """A redactor for a process that reads parts of the same log, and whose news this one learns."""
        return Redactor(self._key, self._enabled, self._salt, limit=None)

    def news(self) -> list[tuple[str, bytes]]:
        """The secrets numbered since the last call, in order: kind, and hash with the salt."""
        news, self._news = self._news, []
        return news

    def learn(self, news: Iterable[tuple[str, bytes]]) -> list[int]:
        """Take the news of a part of the log, after those of all parts before it.

        Returns:
            The number of each secret, 0 for one beyond the limit.
        """
        numbers = []
        for kind, secret in news:
            number = self._numbers.get(secret, 0)
            if not number and (self._limit is None or self._next[kind] < self._limit):
                self._next[kind] += 1
                number = self._numbers[secret] = self._next[kind]
            numbers.append(number)
        return numbers

    def renumber(self, news: Iterable[tuple[str, bytes]], numbers: Iterable[int]) -> bool:
        """Take the numbers that `learn` gave to the news of this redactor.

        Returns:
            Whether marks made so far were wrong. If so, the part must be redacted once more, and `counts` hold it
            twice then unless they are cleared before.
        """
        changed = False
        for (kind, secret), number in zip(news, numbers, strict=True):
            changed |= self._numbers.get(secret) != number
            self._numbers[secret] = number
            self._next[kind] = max(self._next[kind], number)
        if changed:
            self._marks.clear()
            self._texts.clear()
        return changed

    def absorb(self, counts: Mapping[str, int]) -> None:
        """Add what another redactor counted."""
        self.counts.update(counts)

    def _clean(self, values: _Values, hits: Sequence[pa.Array]) -> pa.RecordBatch:
        changed: dict[str, dict[int, str]] = {}
        for _, _, place, column, key, value in sorted(values.suspects(hits)):
            new = self.text(value) if column != "fields" else self.field(key, value)
            if new != value:
                changed.setdefault(column, {})[place] = new
        batch = values.batch
        for column, new_values in changed.items():
            batch = _with_values(batch, column, new_values)
        return batch

    def _replace(self, kind: str, match: re.Match[str]) -> str:
        group = "secret" if "secret" in match.re.groupindex else 0
        begin, end = match.span(group)
        if kind == "password" and (quoted := QUOTED.match(match[group])):
            begin, end = begin + quoted.start("inside"), begin + quoted.end("inside")
        secret = match.string[begin:end]
        if not secret or _MARK.match(secret) or is_harmless(kind, secret):
            return match[0]
        before, after = match.string[match.start() : begin], match.string[end : match.end()]
        return before + self._mark(kind, secret) + after

    def _query(self, query: str) -> str:
        """A URL's query that keeps only what names what was asked."""
        parts = []
        for part in query.split("&"):
            key, equals, value = part.partition("=")
            if key in PUBLIC_QUERY or _MARK.match(value or part) or not part:
                parts.append(part)
            elif equals:
                parts.append(f"{key}={self._mark('query', value)}" if value else part)
            else:
                parts.append(self._mark("query", part))
        return "&".join(parts)

    def _mark(self, kind: str, secret: str) -> str:
        mark = self._marks.get((kind, secret))
        if mark is None:
            if _MARK.match(secret):
                return secret
            name = self._name(kind, secret)
            # Brackets in the place of a user would make the URL unreadable to parsers.
            mark = f"redacted-{kind}-{name}" if kind == "userinfo" else f"[redacted:{kind}:{name}]"
            if len(self._marks) >= _REMEMBERED:
                self._marks.clear()
            self._marks[kind, secret] = mark
        self.counts[kind] += 1
        return mark

    def _name(self, kind: str, secret: str) -> str:
        if self._key is not None:
            return hmac.digest(self._key, f"{kind}\0{secret}".encode("utf-8", "replace"), "sha256").hex()[:12]
        text = f"{kind}\0{secret}".encode("utf-8", "surrogatepass")
        known = hashlib.blake2b(text, digest_size=16, key=self._salt).digest()
        number = self._numbers.get(known)
        if number is None:
            if self._limit is not None and self._next[kind] >= self._limit:
                return _MORE
            self._next[kind] += 1
            number = self._numbers[known] = self._next[kind]
            self._news.append((kind, known))
        return str(number or _MORE)


class _Values:
    """The values of a batch in which secrets may stand, each distinct one once: a log repeats itself.

    Attributes:
        batch: The batch.
        texts: The distinct values of its texts, and of the fields that have to be looked at.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        import pyarrow.compute as pc

        self.batch = batch
        self._keys, self._values = _entries(batch.column("fields"))
        encoded = pc.dictionary_encode(self._keys)
        kinds = bytes(map(_look_at, encoded.dictionary.to_pylist()))
        self._looks = _bytes_array(kinds).take(encoded.indices)
        self._has_secret_keys = _SECRET in kinds
        opened = self._values.filter(pc.equal(self._looks, _OPEN))
        self._columns = [pc.dictionary_encode(one) for one in (*map(batch.column, _COLUMNS), opened)]
        self.texts = [column.dictionary for column in self._columns]

    def suspects(self, hits: Sequence[pa.Array]) -> Iterator[tuple[int, int, int, str, str, str]]:
        """The values that need a look: row, rank of the column, place in it, column, key, value.

        Args:
            hits: Which of `texts` need one.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        places = [
            pc.indices_nonzero(pc.fill_null(hit.take(column.indices), False)) if hit.true_count else None
            for hit, column in zip(hits, self._columns, strict=True)
        ]
        for rank, (name, there) in enumerate(zip(_COLUMNS, places, strict=False)):
            if there is not None:
                values = self.batch.column(name).take(there).to_pylist()
                for place, value in zip(there.to_pylist(), values, strict=True):
                    yield place, rank, place, name, "", value
        found = []
        if self._has_secret_keys:
            found.append(pc.indices_nonzero(pc.equal(self._looks, _SECRET)))
        if places[-1] is not None:
            found.append(pc.indices_nonzero(pc.equal(self._looks, _OPEN)).take(places[-1]))
        if not found:
            return
        chosen = pa.concat_arrays(found)
        rows = pc.list_parent_indices(_as_list(self.batch.column("fields"))).take(chosen).to_pylist()
        columns = (one.take(chosen).to_pylist() for one in (self._keys, self._values))
        for row, place, key, value in zip(rows, chosen.to_pylist(), *columns, strict=True):
            if value is not None:
                yield row, len(_COLUMNS), place, "fields", key, value


def _suspicious(columns: Sequence[pa.Array]) -> list[pa.Array]:
    """Which texts need a look, a column each; all in one go, for RE2 is set up anew for each search."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not columns:
        return []
    hits = pc.fill_null(pc.match_substring_regex(pa.concat_arrays(list(columns)), SUSPICIOUS), False)
    begins = [0]
    for column in columns:
        begins.append(begins[-1] + len(column))
    return [hits.slice(begin, len(column)) for begin, column in zip(begins, columns, strict=False)]


_OPEN, _CLOSED, _SECRET = range(3)
"""How values of a key are looked at: they may hold secrets, cannot, or are secrets themselves."""


@lru_cache(maxsize=4096)
def _look_at(key: str) -> int:
    if kind_of_key(key) is not None:
        return _SECRET
    return _CLOSED if key in INERT else _OPEN


def _bytes_array(values: bytes) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.uint8(), len(values), [None, pa.py_buffer(values)])


def _entries(fields: Any) -> tuple[pa.Array, pa.Array]:
    """Keys and values of all rows of a map column, those of a slice only."""
    first, last = fields.offsets[0].as_py(), fields.offsets[len(fields)].as_py()
    return fields.keys.slice(first, last - first), fields.items.slice(first, last - first)


def _as_list(fields: Any) -> pa.Array:
    """A map column as a list of positions, from which rows of entries are found."""
    import pyarrow as pa
    import pyarrow.compute as pc

    first = fields.offsets[0]
    offsets = pc.subtract(fields.offsets, first)
    count = offsets[len(fields)].as_py()
    return pa.ListArray.from_arrays(offsets, pa.nulls(count, pa.int8()))


def _with_values(batch: pa.RecordBatch, column: str, values: dict[int, str]) -> pa.RecordBatch:
    """A batch with some values of a column, or of its fields, replaced."""
    import pyarrow as pa
    import pyarrow.compute as pc

    index = batch.schema.get_field_index(column)
    field = batch.schema.field(index)
    whole = batch.column(column)
    keys, old = _entries(whole) if column == "fields" else (None, whole)
    places = sorted(values)
    flags = bytearray(len(old))
    for place in places:
        flags[place] = 1
    mask = pc.equal(_bytes_array(bytes(flags)), 1)
    new = pc.replace_with_mask(old, mask, pa.array([values[place] for place in places], pa.string()))
    if keys is not None:
        offsets = pc.subtract(whole.offsets, whole.offsets[0])
        new = pa.MapArray.from_arrays(offsets, keys, new, type=field.type)
    return batch.set_column(index, field, new)
