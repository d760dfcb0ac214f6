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

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from analyzer.limits import LIMITS

if TYPE_CHECKING:
    import pyarrow as pa

PUBLIC_QUERY = ("ns", "scope", "service")
"""Query parameters that name what was asked."""

PUBLIC_HEADERS = frozenset(
    {
        "request.header.accept",
        "request.header.accept-encoding",
        "request.header.content-length",
        "request.header.content-type",
        "request.header.host",
        "request.header.range",
        "request.header.user-agent",
        "response.header.accept-ranges",
        "response.header.age",
        "response.header.cache-control",
        "response.header.cf-cache-status",
        "response.header.connection",
        "response.header.content-encoding",
        "response.header.content-length",
        "response.header.content-range",
        "response.header.content-type",
        "response.header.date",
        "response.header.docker-content-digest",
        "response.header.docker-distribution-api-version",
        "response.header.etag",
        "response.header.expires",
        "response.header.last-modified",
        "response.header.location",
        "response.header.range",
        "response.header.retry-after",
        "response.header.server",
        "response.header.strict-transport-security",
        "response.header.transfer-encoding",
        "response.header.vary",
        "response.header.via",
        "response.header.warning",
        "response.header.www-authenticate",
        "response.header.x-cache",
        "response.header.x-content-type-options",
    }
)
"""Headers whose values stay. Those called ``ratelimit-*`` and ``x-goog-*`` stay too."""

_PUBLIC_HEADER_START = re.compile(
    r"^response\.header\.(?:x-)?(?:ratelimit-|goog-(?!.*(?:signature|credential|token)))"
)
_ADDRESS_HEADERS = re.compile(
    r"^re\w+\.header\.(?:docker-ratelimit-source|x-forwarded-for|x-real-ip)(?:\.\d+)?$"
)
_HEADER = re.compile(r"^(?:request|response)\.header\.")
_REPEATED = re.compile(r"\.\d+$")

_SECRET_WORD = (
    r"(?:pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"
)
_SECRET_KEY = re.compile(rf"(?i)(?:^|[._-])(?:{_SECRET_WORD}|authorization|cookie)$")

# Patterns start at something fixed and are bounded before it: a hostile line must not make them slow.
_QUOTED_VALUE = r"""\\*"(?:\\+[^"\\]|[^"\\])*\\*"|\\*'[^']*'"""
_VALUE = rf"""(?P<secret>{_QUOTED_VALUE}|[^\s"'\\&|;]+?(?=[)\]}},]{{0,8}}(?:[\s"'\\&|;]|\Z)))"""
# Words of a secret's name; a mark holds some of them too.
_NAME = rf"(?<!\[redacted:)(?:{_SECRET_WORD}|(?<![a-z])pass(?=\s?=)|_pwd(?=\s?=))"
_NAME_END = r"[\w.-]{0,64}"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pem", re.compile(r"-----BEGIN (?P<name>[A-Z0-9 ]{1,64})-----.*?(?:-----END (?P=name)-----|\Z)", re.S)),
    ("userinfo", re.compile(r"(?<=://)(?!git@)(?P<secret>[^\s/\"'\\]+)(?=@(?!sha(?:256|512):))")),
    ("jwt", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    (
        "token",
        re.compile(
            r"\b(?:gh[opsur]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|dckr_[op]at_[\w-]{16,}"
            r"|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abeprs]-[\w-]{10,}|npm_\w{30,}|pypi-[\w-]{40,}"
            r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|sk_live_\w{16,}|hv[sb]\.[\w-]{20,})"
        ),
    ),
    ("bearer", re.compile(r"(?i)(?<![\w/.-])bearer:?\s+(?P<secret>[\w.~+/-]{16,}=*)")),
    ("basic", re.compile(r"(?i)(?<![\w/.-])basic:?\s+(?P<secret>[a-z0-9+/]{8,}={0,2})")),
    # A repository may be called `token-service` and an image that is not found is told as `secrets: not found`:
    # so a secret's name must stand as a variable, a flag, a header or a key in quotes.
    ("password", re.compile(rf"(?i){_NAME}{_NAME_END}\s?=\s?{_VALUE}")),
    ("password", re.compile(rf"(?i)(?<![\w-])--?[\w-]{{0,40}}?{_SECRET_WORD}{_NAME_END}\s+(?!-){_VALUE}")),
    (
        "password",
        re.compile(rf"(?<![\w./-])(?:[A-Z][A-Za-z]{{0,20}}-){{1,4}}(?i:token|key|secret):\s?{_VALUE}"),
    ),
    (
        "password",
        re.compile(
            rf"(?i)(?<=[\"'])[\w-]{{0,40}}?{_SECRET_WORD}[\w-]{{0,40}}\\*[\"']\s?[:=]\s?"
            rf"(?P<secret>{_QUOTED_VALUE})"
        ),
    ),
    ("password", re.compile(rf"(?i)(?<![\w./-])pass(?:word|wd|phrase):\s{_VALUE}")),
    (
        "password",
        re.compile(rf"(?i)(?<![\w./-])authorization:\s?(?!bearer\b|basic\b)(?:[\w-]{{1,20}}\s)?{_VALUE}"),
    ),
    (
        "password",
        re.compile(
            r"(?<![\w-])(?:-u|--user)[\s=]\\*[\"']?[^\s:\"'\\]{1,64}:(?!\d+\b)(?P<secret>[^\s\"'\\]+)"
        ),
    ),
)
# What a text must hold, in small letters, for a pattern of the same place to find anything in it.
_WORDS = ("pass", "secret", "token", "key", "credential")
_HINTS: tuple[tuple[str, ...], ...] = (
    ("-----begin ",),
    ("@",),
    ("eyj",),
    (
        *("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "dckr_", "akia", "asia", "xox"),
        *("npm_", "pypi-", "aiza", "ya29.", "sk_live_", "hvs.", "hvb."),
    ),
    ("bearer",),
    ("basic",),
    (*_WORDS, "_pwd"),
    _WORDS,
    _WORDS,
    _WORDS,
    ("pass",),
    ("authorization",),
    ("-u",),
)
_URL = re.compile(r"\b(?P<address>https?://[^\s\"'<>\\?#]+)\?(?P<query>[^\s\"'<>\\#?]+)", re.I)
_PATH = re.compile(r"(?<=[\w/.%-])\?(?P<query>[^\s\"'<>\\#?=]+=[^\s\"'<>\\#?]*)")
_QUOTED = re.compile(r"\\*[\"'](?P<inside>.*?)\\*[\"']$", re.S)
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?$")
_NO_SECRETS = ("true", "false", "null", "nil", "<nil>")
_MARK = re.compile(r"\[redacted:\w+:\w+\]?$|redacted-\w+-\w+$")


def _other_parameter() -> str:
    """RE2 for a query parameter that is none of the public ones; RE2 cannot look ahead."""
    stops = r"=&#\s\"'\\"
    ways = []
    for word in PUBLIC_QUERY:
        ways.append(rf"{word}[^{stops}]")
    prefixes = {word[:length] for word in PUBLIC_QUERY for length in range(len(max(PUBLIC_QUERY, key=len)))}
    for prefix in sorted(prefixes - set(PUBLIC_QUERY)):
        following = "".join(
            sorted({word[len(prefix)] for word in PUBLIC_QUERY if word.startswith(prefix) and word != prefix})
        )
        ways.append(rf"{prefix}[^{following}{stops}]")
        if prefix:
            ways.append(rf"{prefix}=")
    return rf"\?(?:[^\s\"']*&)?(?:{'|'.join(ways)})"


# One pass of RE2 over a column finds nearly every value that needs no look: a superset of `_PATTERNS`.
_SUSPICIOUS = "|".join(
    (
        r"-----BEGIN ",
        r"://[^\s/@]+@",
        r"eyJ[\w-]{8}",
        r"gh[opsur]_\w|github_pat_|glpat-|dckr_[op]at_|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abeprs]-|npm_\w|pypi-\w"
        r"|AIza|ya29\.|sk_live_|hv[sb]\.",
        r"(?i:bearer:?\s+[\w.~+/-]{16}|basic:?\s+[a-z0-9+/]{8})",
        r"(?i:authorization:|-key:)|(?:-u|--user)[\s=][^\s:]+:",
        rf"(?i:{_SECRET_WORD}|pass\s?=|_pwd\s?=)",
        _other_parameter(),
    )
)
_COLUMNS = ("message", "span", "error", "text")


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
        for (kind, pattern), hints in zip(_PATTERNS, _HINTS, strict=True):
            if plain and not any(hint in small for hint in hints):
                continue
            new = pattern.sub(partial(self._replace, kind), value)
            if new != value:
                value, small = new, new.lower()
        if "?" in value:
            value = _URL.sub(lambda match: f"{match['address']}?{self._query(match['query'])}", value)
            value = _PATH.sub(lambda match: f"?{self._query(match['query'])}", value)
        return value

    def field(self, key: str, value: str) -> str:
        """A record's field without its secrets: some are secret by their key."""
        if not self._enabled or not value:
            return value
        kind = _kind_of_key(key)
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
        if kind == "password" and (quoted := _QUOTED.match(match[group])):
            begin, end = begin + quoted.start("inside"), begin + quoted.end("inside")
        secret = match.string[begin:end]
        if not secret or _MARK.match(secret) or _is_harmless(kind, secret):
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


def _is_public(header: str) -> bool:
    return header in PUBLIC_HEADERS or _PUBLIC_HEADER_START.match(header) is not None


def _is_basic(token: str) -> bool:
    """Whether a word is base64 of ``user:password``, as Basic credentials are."""
    try:
        return b":" in base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_harmless(kind: str, secret: str) -> bool:
    """Whether what looked like a secret is a word of a sentence, or only the name of a variable."""
    if kind == "basic":
        return not _is_basic(secret)
    return kind == "password" and (_VARIABLE.match(secret) is not None or secret in _NO_SECRETS)


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
    hits = pc.fill_null(pc.match_substring_regex(pa.concat_arrays(list(columns)), _SUSPICIOUS), False)
    begins = [0]
    for column in columns:
        begins.append(begins[-1] + len(column))
    return [hits.slice(begin, len(column)) for begin, column in zip(begins, columns, strict=False)]


# Fields of BuildKit's own, of a fixed form, and headers of public form: most of a log's bytes, no secrets.
_INERT = frozenset(
    {
        "digest",
        "mediatype",
        "size",
        "request.method",
        "response.status",
        "request.header.accept",
        "request.header.accept-encoding",
        "response.header.content-type",
        "response.header.content-length",
        "response.header.date",
        "response.header.docker-content-digest",
        "response.header.etag",
        "chunk_size",
        "offset",
        "parallelism",
        "initial_parallelism",
        "desc.digest",
    }
)


_OPEN, _CLOSED, _SECRET = range(3)
"""How values of a key are looked at: they may hold secrets, cannot, or are secrets themselves."""


@lru_cache(maxsize=4096)
def _look_at(key: str) -> int:
    if _kind_of_key(key) is not None:
        return _SECRET
    return _CLOSED if key in _INERT else _OPEN


@lru_cache(maxsize=4096)
def _kind_of_key(key: str) -> str | None:
    """The kind of secret that the values of a key are by themselves."""
    plain_key = _REPEATED.sub("", key)
    if _ADDRESS_HEADERS.match(key):
        return "address"
    if _HEADER.match(key) and not _is_public(plain_key):
        return "header"
    return "password" if _SECRET_KEY.search(plain_key) else None


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
