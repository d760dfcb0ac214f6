"""Questions to the tables of a source, put in SQL: the answers are few whatever the size of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from analyzer.checks.engine import Engine, SqlError
from analyzer.checks.facts import complete
from analyzer.errors import OutputError
from analyzer.limits import LIMITS

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.tables.spool import Rows


@contextmanager
def ask(tables: Mapping[str, pa.Table | Rows]) -> Iterator[Engine]:
    """An engine over the tables of a source; those that it does not have are there without rows.

    Raises:
        OutputError: A question takes too much time or memory.
    """
    try:
        with Engine(complete(tables), seconds=LIMITS.page_seconds) as engine:
            yield engine
    except SqlError as error:
        raise OutputError(
            f"the tables cannot be drawn together for the page: {error}",
            hint="`check --format terminal` and `export` take any size",
        ) from None
