"""Every way in which text from a log is made harmless for the thing that will show it.

A log, a configuration and a rule file are written by others. Rich passes ``ESC[2J`` through, ElementTree
writes XML that no parser accepts, a spreadsheet runs a cell that starts with ``=``, and a runner of workflows
obeys ``::`` at the start of a line. So no report writes foreign text without one of these functions.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\x1b": r"\x1b"}
_FORMULA = frozenset("=+-@＝＋－＠\t\r")
_FENCE = re.compile("`+")
_SPAN_OR_WORD = re.compile(r"(?<!\S)(\(*)`([^`]+)`([,;:.)?!]*)(?!\S)|\S+")
_WORD = re.compile(r"(\(*)(.*?)([,;:.)?!]*)")
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:,\d+)*")
_COMMAND = re.compile(r"^(\s*):(?=:)")
_OLD_COMMAND = "##["


def _visible(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def escape_terminal(text: str) -> str:
    """The text with everything that does not print as itself written as a visible escape.

    Control characters (C0 and C1, so every ANSI and OSC sequence), marks that turn the direction of writing,
    zero-width and private characters, and line ends become ``\\x1b``, ``\\u202e``, ``\\n``. So does the first sign of
    ``##[``: where the terminal is the log of a workflow, that is a command (see `escape_runner`).
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else _visible(character) for character in text)
    return text.replace(_OLD_COMMAND, f"{_visible('#')}#[")


def escape_html(text: str) -> str:
    """The text for HTML, in content and in quoted attributes."""
    return html.escape(escape_terminal(text), quote=True)


def escape_xml(text: str) -> str:
    """The text for XML 1.0, without the characters that XML forbids even as references."""
    return escape_html(text.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff"))


def escape_markdown(text: str, *, prose: bool = False) -> str:
    """The text for Markdown: no link, image, mention or HTML in it comes alive.

    Args:
        text: The text. Bars are escaped as well, so that it can stand in a table's cell.
        prose: Leave words that mean nothing to Markdown as they are, and make code spans of the others only, such as
            names of hosts; what stands between backticks stays a code span. Else the whole is one code span.
    """
    safe = escape_terminal(text).replace("|", "\\|")
    return _SPAN_OR_WORD.sub(_mark_word, safe) if prose else _code_span(safe)


def _mark_word(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[1] + _code_span(match[2]) + match[3]
    word = _WORD.fullmatch(match[0])
    if word is None:
        return _code_span(match[0])
    opening, core, closing = word.groups()
    # a number and a stop at the start of a block would be a list
    plain = _PLAIN.fullmatch(core) and (match.start() > 0 or not core[0].isdigit())
    return match[0] if plain else opening + _code_span(core) + closing


def _code_span(safe: str) -> str:
    if not safe.strip():
        return ""
    longest = max((len(run) for run in _FENCE.findall(safe)), default=0)
    fence = "`" * (longest + 1)
    space = " " if safe[0] in "` " or safe[-1] in "` " else ""
    return f"{fence}{space}{safe}{space}{fence}"


def escape_sarif(text: str) -> str:
    """The text for a message of SARIF, where ``[words](target)`` would be a link (SARIF 2.1.0, 3.11.6)."""
    return escape_terminal(text).replace("](", "] (")


def escape_csv(text: str) -> str:
    """The text for a cell that a spreadsheet will not take for a formula."""
    safe = escape_terminal(text)
    start = text.lstrip(" ")[:1]
    return f"'{safe}" if start and start in _FORMULA else safe


def escape_workflow(text: str, *, argument: bool = False) -> str:
    """The text for a GitHub workflow command.

    Args:
        text: The text.
        argument: Whether it is the value of an argument (``file=...``) and not the message.
    """
    safe = escape_terminal(text).replace("%", "%25")
    return safe.replace(":", "%3A").replace(",", "%2C") if argument else safe


def escape_runner(line: str) -> str:
    """A line of text for the log of a workflow, where ``::`` at its start would be a command.

    GitHub's runner obeys that, and ``##[`` anywhere, whoever printed it (actions/runner 079cdb1, ActionCommand.cs).
    """
    return _COMMAND.sub(lambda match: match[1] + _visible(":"), line)


def dump_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON in ASCII: a terminal that shows it sees escapes, never controls."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, indent=indent)
    return text.replace("\x7f", "\\u007f").replace(_OLD_COMMAND, "\\u0023#[")


def dump_script_json(value: Any) -> str:
    """The value as compact JSON for a script element: nothing in it ends the element, or opens a comment in it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&\x7f":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
