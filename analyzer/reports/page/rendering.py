"""The page's templates, and what they may do.

Every text that a template prints goes through `escape_html`, Jinja's own escaping being another function that lets
control and bidi characters stand. The filters of Jinja are gone, since some of them would make text pass as markup.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from analyzer.reports.escaping import dump_script_json, escape_html
from analyzer.reports.model import count, one_line

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def render_page(**parts: Any) -> str:
    """The page.

    Args:
        parts: The views that the template names, and ``data`` for the script.
    """
    style, script = _asset("page.css"), _asset("page.js")
    page = _environment().get_template("page.html.j2")
    return page.render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        # what JSON is in a script element is for the escaping of JSON to say, not for that of HTML
        data=Markup(dump_script_json(parts.pop("data"))),
        **parts,
    )


def _policy(style: str, script: str) -> str:
    """A policy that lets nothing load and nothing run but these two texts."""
    allowed = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return files("analyzer.reports.page").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.clear()
    environment.filters.update(
        count=count,
        length_of=len,
        moment=_moment,
        number=_number,
        prose=one_line,
        seconds=_seconds,
        size=_size,
        tail=_tail,
    )
    environment.tests["web"] = _is_web
    return environment


def _escaped(value: Any) -> Markup:
    if isinstance(value, Markup):
        return value
    return Markup(escape_html("" if value is None else str(value)))


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _size(value: int | None) -> str:
    """Bytes in three digits and a unit."""
    if value is None:
        return ""
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    digits = 0 if unit == 0 or amount >= 99.95 else 1
    return f"{amount:.{digits}f} {_UNITS[unit]}"


def _moment(value: int | None) -> str:
    """Microseconds since 1970 as a time in UTC."""
    if value is None:
        return ""
    return datetime.fromtimestamp(value // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def _tail(path: str) -> str:
    """The last part of a path: its folders stand in the title."""
    return path.rstrip("/").rpartition("/")[2] or path


def _is_web(address: str) -> bool:
    """Whether an address can only lead to a web page."""
    return address.startswith(("https://", "http://")) and address.isprintable() and " " not in address
