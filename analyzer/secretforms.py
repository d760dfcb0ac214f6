"""The forms of secrets: by what a secret is known in a text, or by the key of its field.

Three things say the same, each for its own use, and must agree: `PATTERNS` finds the secrets of a text; `HINTS`
tells which patterns need not be tried; `SUSPICIOUS` tells, for a whole column at once, which texts need no look.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

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

INERT = frozenset(
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
"""Fields of BuildKit's own, of a fixed form, and headers of public form: most of a log's bytes, no secrets."""

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
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
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
"""Kinds of secrets and how a text shows them: the group ``secret``, or else the whole match."""

_WORDS = ("pass", "secret", "token", "key", "credential")
HINTS: tuple[tuple[str, ...], ...] = (
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
"""What a text must hold, in small letters, for the pattern of the same place to find anything in it."""

URL_QUERY = re.compile(r"\b(?P<address>https?://[^\s\"'<>\\?#]+)\?(?P<query>[^\s\"'<>\\#?]+)", re.I)
PATH_QUERY = re.compile(r"(?<=[\w/.%-])\?(?P<query>[^\s\"'<>\\#?=]+=[^\s\"'<>\\#?]*)")
"""Queries of a URL, and of a path that stands alone."""

QUOTED = re.compile(r"\\*[\"'](?P<inside>.*?)\\*[\"']$", re.S)
"""A quoted value, its quotes escaped or not."""

_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?$")
_NO_SECRETS = ("true", "false", "null", "nil", "<nil>")


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
        ways.append(rf"{prefix}(?:[{stops}]|$)" if prefix else "=")
    return rf"\?(?:[^\s\"']*&)?(?:{'|'.join(ways)})"


_BEYOND = r"\x{80}-\x{10FFFF}"
_SPACE, _WORD = rf"\s\x0b\x1c-\x1f{_BEYOND}", rf"\w{_BEYOND}"
"""What Python may take for white space and for letters, for RE2, which takes less. All that is beyond ASCII: RE2's
classes of letters would make the search fifty times slower."""

SUSPICIOUS = "|".join(
    (
        r"-----BEGIN ",
        r"://[^\s/]+@",
        rf"eyJ[{_WORD}-]{{8}}",
        rf"gh[opsur]_[{_WORD}]|github_pat_|glpat-|dckr_[op]at_|(?:AKIA|ASIA)[A-Z0-9]{{16}}|xox[abeprs]-|npm_[{_WORD}]"
        rf"|pypi-[{_WORD}-]|AIza|ya29\.|sk_live_|hv[sb]\.",
        rf"(?i:bearer:?[{_SPACE}]+[{_WORD}.~+/-]{{16}}|basic:?[{_SPACE}]+[a-z0-9+/]{{8}})",
        rf"(?i:authorization:|-key:)|(?:-u|--user)[{_SPACE}=][^\s:]+:",
        rf"(?i:{_SECRET_WORD}|pass[{_SPACE}]?=|_pwd[{_SPACE}]?=)",
        _other_parameter(),
    )
)
"""RE2 for texts that need a look, a superset of `PATTERNS`: one pass over a column spares nearly every value."""


@lru_cache(maxsize=4096)
def kind_of_key(key: str) -> str | None:
    """The kind of secret that the values of a key are by themselves."""
    plain_key = _REPEATED.sub("", key)
    if _ADDRESS_HEADERS.match(key):
        return "address"
    if _HEADER.match(key) and not _is_public(plain_key):
        return "header"
    return "password" if _SECRET_KEY.search(plain_key) else None


def _is_public(header: str) -> bool:
    return header in PUBLIC_HEADERS or _PUBLIC_HEADER_START.match(header) is not None


def _is_basic(token: str) -> bool:
    """Whether a word is base64 of ``user:password``, as Basic credentials are."""
    try:
        return b":" in base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def is_harmless(kind: str, secret: str) -> bool:
    """Whether what looked like a secret is a word of a sentence, or only the name of a variable."""
    if kind == "basic":
        return not _is_basic(secret)
    return kind == "password" and (_VARIABLE.match(secret) is not None or secret in _NO_SECRETS)
