"""The rule engine: DuckDB over Arrow tables, closed to files, network and settings.

A rule or query from elsewhere is data. So only a single SELECT runs, the configuration is locked, and time
and memory are limited. DuckDB looks for an interrupt only between blocks of rows, and counts only what its
buffer manager hands out; what slips through either is stopped from outside: the statement runs in a thread
that is left behind when it does not answer, and the address space of the process is capped while it runs.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from analyzer.checks.messages import clean
from analyzer.limits import LIMITS
from analyzer.tables.spool import Rows, coarse_times

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

T = TypeVar("T")

_GRACE = 2.0
"""Seconds that an interrupted statement gets to stop."""

_ROOM = 2 << 30
"""Bytes of address space that a statement may add: the memory limit, and as much for results and stacks."""

_SETTINGS = (
    "TimeZone = 'UTC'",
    "temp_directory = ''",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "python_enable_replacements = false",
    "disabled_filesystems = 'LocalFileSystem'",
    "enable_external_access = false",
    "lock_configuration = true",
)
"""Set in this order: each closes a door, the last one all the others for good."""

_guard = threading.RLock()
_databases: dict[tuple[int, str], duckdb.DuckDBPyConnection] = {}


def _database(memory: str) -> duckdb.DuckDBPyConnection:
    """The closed and empty database of this process, of which each engine gets a connection of its own.

    Starting one takes longer than all the rules over a small log. A forked process starts its own.
    """
    import duckdb

    with _guard:
        key = (os.getpid(), memory)
        if key not in _databases:
            # one thread: the order of rows, and with it every report, is then the same in each run
            database = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": memory})
            for setting in _SETTINGS:
                database.execute(f"SET GLOBAL {setting}")
            _databases[key] = database
        return _databases[key]


def _forget(database: duckdb.DuckDBPyConnection) -> None:
    """Let later engines start a database anew: in this one a statement does not stop."""
    with _guard:
        for key in [key for key, known in _databases.items() if known is database]:
            del _databases[key]


class SqlError(Exception):
    """A statement cannot be run; the text says why, in DuckDB's words, made harmless."""


def _with_reckonable_times(table: pa.Table) -> pa.Table:
    """The table with times in microseconds: DuckDB can neither subtract nor truncate nanoseconds with a zone."""
    for place, field in enumerate(coarse_times(table.schema)):
        if not field.type.equals(table.schema.field(place).type):
            table = table.set_column(place, field, table.column(place).cast(field.type, safe=False))
    return table


class Engine:
    """A database of tables that can be asked and not changed.

    Args:
        tables: Arrow tables and spooled rows by name; they are read in place.
        seconds: Time that a statement may take.
        memory: Memory that the database may take, in DuckDB's notation.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Table | Rows],
        *,
        seconds: float = LIMITS.rule_seconds,
        memory: str = LIMITS.rule_memory,
    ) -> None:
        import duckdb

        self._seconds = seconds
        self._abandoned = False
        self._errors: tuple[type[BaseException], ...] = (duckdb.Error, MemoryError, OverflowError)
        self._select = duckdb.StatementType.SELECT
        self._database = _database(memory)
        self._connection: duckdb.DuckDBPyConnection = self._database.cursor()
        self._tables = dict(tables)  # the file of spooled rows goes with its last owner
        for name, table in tables.items():
            self._register(name, table)

    def _register(self, name: str, table: pa.Table | Rows) -> None:
        """Show a table as a temporary view, which no other connection sees."""
        if isinstance(table, Rows) and not table.in_memory:
            self._connection.register(f"_spooled_{name}", table.relation(coarse_times=True))
            nothing = ", ".join(["NULL"] * len(table.schema))
            # DuckDB takes what it streams for a single row, and would load it to join a small table to it. The
            # second branch gives no rows, but DuckDB only knows that it has a fifth of so many.
            self._connection.execute(
                f'CREATE TEMP VIEW "{name}" AS SELECT * FROM "_spooled_{name}" '
                f"UNION ALL SELECT {nothing} FROM range({table.num_rows}) WHERE random() > 2"
            )
            return
        whole = table.table() if isinstance(table, Rows) else table
        self._connection.register(name, _with_reckonable_times(whole))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the tables."""
        if not self._abandoned:  # closing would wait for the statement that does not stop
            self._connection.close()

    def require_select(self, sql: str) -> None:
        """See that a text is one SELECT and nothing else.

        Raises:
            SqlError: It is not SQL, holds several statements or one of another kind.
        """
        try:
            statements = self._connection.extract_statements(sql)
        except self._errors as error:
            raise SqlError(_words(error)) from None
        if len(statements) != 1 or statements[0].type != self._select:
            raise SqlError("only a single SELECT can be run")

    def columns(self, select: str) -> list[str]:
        """Names of the columns that a SELECT gives."""

        def describe() -> list[str]:
            description = self._connection.execute(f"SELECT * FROM (\n{select}\n) LIMIT 0").description
            return [column[0] for column in description or ()]

        return self._run(describe)

    def execute(self, statement: str) -> None:
        """Run a statement of the program's own."""
        self._run(lambda: self._connection.execute(statement))

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows that a statement gives, as dictionaries."""

        def fetch() -> list[dict[str, Any]]:
            cursor = self._connection.execute(statement)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return self._run(fetch)

    def table(self, select: str) -> pa.Table:
        """What a SELECT gives, as an Arrow table."""

        def fetch() -> pa.Table:
            return self._connection.sql(select).to_arrow_table()

        return self._run(fetch)

    def _run(self, work: Callable[[], T]) -> T:
        """Do work in a thread of its own, within the limits of time and memory."""
        answer: list[T] = []
        failure: list[BaseException] = []

        def target() -> None:
            try:
                answer.append(work())
            except BaseException as error:
                failure.append(error)

        worker = threading.Thread(target=target, name="buildkit-analyzer-sql", daemon=True)
        with _capped_memory():
            worker.start()
            try:
                worker.join(self._seconds)
            except BaseException:
                self._connection.interrupt()
                raise
            if worker.is_alive():
                self._connection.interrupt()
                worker.join(_GRACE)
                if worker.is_alive():
                    self._abandoned = True
                    _forget(self._database)
                raise SqlError(f"it took longer than {self._seconds:g} seconds")
        if failure:
            if isinstance(failure[0], self._errors):
                raise SqlError(_words(failure[0])) from None
            raise failure[0]
        return answer[0]


@contextlib.contextmanager
def _capped_memory() -> Iterator[None]:
    """Cap the address space of the process for a while, where the system can."""
    try:
        import resource
        from pathlib import Path

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        yield
        return
    with _guard:  # a cap that two threads set and restore across each other would stay
        before, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = used + _ROOM
        if before != resource.RLIM_INFINITY:
            wanted = min(wanted, before)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _words(error: BaseException) -> str:
    """The first paragraph of an error, without its statement."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return "it needs more memory than it may take"
    if type(error).__name__ == "PermissionException":
        return "files, network and settings are closed to rules and queries"
    paragraph = str(error).split("\n\n", 1)[0]
    return clean(" ".join(paragraph.split())) or type(error).__name__
