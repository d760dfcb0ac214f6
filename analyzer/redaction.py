"""Secrets out: the one gate between the records and everything that leaves the program.

What is replaced: credentials in URLs; values of URL queries but those that name what was asked (``ns``,
``scope``, ``service``); HTTP headers but those that checks need; bearer and basic tokens, JWTs and tokens of
known form; PEM blocks; values of password-like arguments and variables, which stand in command lines and span
names; addresses of clients. Digests, repositories, references and hosts stay.

A secret becomes a mark such as ``[redacted:jwt:3]``. Equal secrets of one kind have equal marks, numbered as
they come, so a mark tells that two secrets are the same and nothing else: a hash of a short password could be
guessed. With a key the mark is an HMAC, equal in every run with that key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

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


class Redactor:
    """Replaces secrets, with equal marks for equal secrets.

    Args:
        key: Makes marks that are equal in every run with this key; without it marks are numbered.
        enabled: If false nothing is replaced.

    Attributes:
        counts: How many secrets were replaced, by kind.
    """

    def __init__(self, key: bytes | None = None, enabled: bool = True) -> None:
        self._key = key
        self._enabled = enabled
        self._numbers: dict[tuple[str, str], int] = {}
        self._next: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def text(self, value: str) -> str:
        """A text without its secrets."""
        if not self._enabled or not value:
            return value
        for kind, pattern in _PATTERNS:
            value = pattern.sub(partial(self._replace, kind), value)
        value = _URL.sub(lambda match: f"{match['address']}?{self._query(match['query'])}", value)
        return _PATH.sub(lambda match: f"?{self._query(match['query'])}", value)

    def field(self, key: str, value: str) -> str:
        """A record's field without its secrets: some are secret by their key."""
        if not self._enabled or not value:
            return value
        plain_key = _REPEATED.sub("", key)
        if _ADDRESS_HEADERS.match(key):
            return self._mark("address", value)
        if _HEADER.match(key) and not _is_public(plain_key):
            return self._mark("header", value)
        if _SECRET_KEY.search(plain_key):
            return self._mark("password", value)
        return self.text(value)

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of records without its secrets.

        Marks are numbered in the order of the records, and within a record in the order of its columns and
        fields, so they do not depend on how the input was cut into batches.
        """
        if not self._enabled or batch.num_rows == 0:
            return batch
        suspects = sorted(_suspects(batch), key=lambda one: one[:3])
        changed: dict[str, dict[int, str]] = {}
        for _, _, place, column, key, value in suspects:
            new = self.text(value) if key is None else self.field(key, value)
            if new != value:
                changed.setdefault(column, {})[place] = new
        for column, values in changed.items():
            batch = _with_values(batch, column, values)
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
        if _MARK.match(secret):
            return secret
        self.counts[kind] += 1
        if self._key is not None:
            name = hmac.digest(self._key, f"{kind}\0{secret}".encode("utf-8", "replace"), "sha256").hex()[:12]
        else:
            if (kind, secret) not in self._numbers:
                self._next[kind] += 1
                self._numbers[kind, secret] = self._next[kind]
            name = str(self._numbers[kind, secret])
        # Brackets in the place of a user would make the URL unreadable to parsers.
        return f"redacted-{kind}-{name}" if kind == "userinfo" else f"[redacted:{kind}:{name}]"


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


def _suspects(batch: pa.RecordBatch) -> Iterator[tuple[int, int, int, str, str | None, str]]:
    """The values that need a look: row, rank of the column, place in it, column, key, value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = batch.column("fields")
    keys, values = _entries(fields)
    encoded = pc.dictionary_encode(keys)
    names = encoded.dictionary.to_pylist()
    secret = pa.array([_is_secret_key(name) for name in names], pa.bool_()).take(encoded.indices)
    inert = pa.array([name in _INERT for name in names], pa.bool_()).take(encoded.indices)
    texts = [batch.column(column) for column in _COLUMNS]
    *hits, hit = _suspicious([*texts, pc.if_else(inert, pa.scalar(None, pa.string()), values)])
    for rank, column in enumerate(_COLUMNS):
        places = pc.indices_nonzero(hits[rank])
        for place, value in zip(places.to_pylist(), texts[rank].take(places).to_pylist(), strict=True):
            yield place, rank, place, column, None, value
    places = pc.indices_nonzero(pc.and_(pc.or_(secret, hit), pc.is_valid(values)))
    rows = pc.list_parent_indices(_as_list(fields)).take(places).to_pylist()
    columns = (places.to_pylist(), keys.take(places).to_pylist(), values.take(places).to_pylist())
    for row, place, key, value in zip(rows, *columns, strict=True):
        yield row, len(_COLUMNS), place, "fields", key, value


def _suspicious(columns: list[pa.Array]) -> list[pa.Array]:
    """Where texts need a look, a column each.

    A log repeats itself, so each distinct text is searched once; and all in one go, for RE2 is set up anew
    for each search.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = [pc.dictionary_encode(column) for column in columns]
    hits = pc.match_substring_regex(pa.concat_arrays([one.dictionary for one in encoded]), _SUSPICIOUS)
    found = []
    begin = 0
    for one in encoded:
        part = hits.slice(begin, len(one.dictionary))
        found.append(pc.fill_null(part.take(one.indices), False))
        begin += len(one.dictionary)
    return found


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


def _is_secret_key(key: str) -> bool:
    plain_key = _REPEATED.sub("", key)
    if _HEADER.match(key):
        return not _is_public(plain_key)
    return _SECRET_KEY.search(plain_key) is not None


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
    mask = pc.equal(pa.Array.from_buffers(pa.uint8(), len(old), [None, pa.py_buffer(bytes(flags))]), 1)
    new = pc.replace_with_mask(old, mask, pa.array([values[place] for place in places], pa.string()))
    if keys is not None:
        offsets = pc.subtract(whole.offsets, whole.offsets[0])
        new = pa.MapArray.from_arrays(offsets, keys, new, type=field.type)
    return batch.set_column(index, field, new)
