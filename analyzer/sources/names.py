"""What a source is called where people see it: no password, no signed query.

A URL may carry both, and its text turns up again in the errors of the libraries that read it.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_QUERY = re.compile(r"\?[^=&?*\[\]/]+=")


def is_url(spec: str) -> bool:
    """Whether a name is a URL, or a chain of them as fsspec writes it (``simplecache::s3://...``)."""
    return bool(_SCHEME.match(spec.rpartition("::")[2])) or bool(_SCHEME.match(spec))


def shown_name(spec: str) -> str:
    """A path or URL as it may be shown: user, password, query and fragment of a URL are hidden."""
    return "::".join(_hide(part) for part in spec.split("::"))


def shown_text(text: str) -> str:
    """A message of another library with every URL in it as it may be shown."""
    return _URL_IN_TEXT.sub(lambda match: shown_name(match[0]), text)


def query_start(url: str) -> int:
    """Where the query or fragment of a URL begins; its length without one.

    Outside HTTP a ``?`` is a wildcard of the path unless ``name=`` follows.
    """
    if url[:7].lower() == "http://" or url[:8].lower() == "https://":
        found = [at for at in (url.find("?"), url.find("#")) if at >= 0]
        return min(found, default=len(url))
    match = _QUERY.search(url)
    return match.start() if match else len(url)


def _hide(url: str) -> str:
    scheme = _SCHEME.match(url)
    if not scheme:
        return url
    cut = query_start(url)
    place, query = url[scheme.end() : cut], url[cut : cut + 1]
    host, slash, path = place.partition("/")
    if "@" in host:
        host = f"{HIDDEN}@{host.rpartition('@')[2]}"
    elif "@" in path and ":" in host and not host.rpartition(":")[2].isdigit():
        # a password with a slash in it that nobody escaped
        path = path.rpartition("@")[2]
        host, slash, path = f"{HIDDEN}@{path.partition('/')[0]}", *path.partition("/")[1:]
    return f"{scheme[0]}{host}{slash}{path}{query}{HIDDEN if query else ''}"
