"""Reports as text, and words that would harm whoever shows them."""

from __future__ import annotations

import io
from typing import Any

from analyzer.reports import write_report

HOSTILE = "\x1b[2J\n::error::x\r\n<script>]]>&\x00\ufffe|`[a](b)@user =1+1 \u202e ##[error]"


def render(report: Any, name: str) -> str:
    """The report in a format."""
    stream = io.StringIO()
    write_report(report, name, stream)
    return stream.getvalue()
