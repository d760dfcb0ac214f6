"""Who is measured: this tool, and its peers, each with what it does less."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent
MB = 10**6

_MAIN = "import sys; from analyzer.cli import main; sys.exit(main())"


def own_command(*words: str) -> list[str]:
    """The words that run the tool of this checkout."""
    return [sys.executable, "-c", _MAIN, *words]


def knows_jobs() -> bool:
    """Whether the tool can be told how many processes to use."""
    asked = subprocess.run(
        own_command("export", "--help"), capture_output=True, text=True, cwd=ROOT, check=False
    )
    return "--jobs" in asked.stdout


@dataclass(frozen=True)
class Peer:
    """Another tool.

    Attributes:
        key: Its short name.
        title: What it is.
        less: What it does less than `export`.
        needs: A Python package, or a program when it starts with ``/``.
        command: Makes the command from the log and a folder.
        most: A larger log is too much for it to be measured often; it gets one of this size.
        twin: It reads the JSON twin of the log, without blocks.
    """

    key: str
    title: str
    less: str
    needs: str
    command: Callable[[Path, Path], Sequence[str]]
    most: int | None = None
    twin: bool = False

    @property
    def missing(self) -> str | None:
        """Why it cannot be measured here."""
        if self.needs.startswith("/"):
            return None if shutil.which(self.needs[1:]) else f"the program {self.needs[1:]} is not installed"
        try:
            version(self.needs)
        except PackageNotFoundError:
            return f"the package {self.needs} is not installed"
        return None

    @property
    def version(self) -> str:
        """Name and version of what it uses."""
        if not self.needs.startswith("/"):
            return f"{self.needs} {version(self.needs)}"
        told = subprocess.run(
            [self.needs[1:], "--version"], capture_output=True, text=True, check=False
        ).stdout
        return next(iter(told.splitlines()), self.needs[1:])


def _script(name: str) -> Callable[[Path, Path], Sequence[str]]:
    return lambda log, target: [sys.executable, "-m", f"benchmarks.peers.{name}", str(log), str(target)]


def _miller(log: Path, target: Path) -> Sequence[str]:
    line = 'exec mlr --idkvp --ifs " " --ips "=" --ojsonl cat "$0" > "$1"'
    return ["sh", "-c", line, str(log), str(target / "records.jsonl")]


def _lnav(log: Path, target: Path) -> Sequence[str]:
    query = ";SELECT log_line, log_time, log_level, log_body, fields FROM logfmt_log"
    return ["lnav", "-n", "-c", query, "-c", f":write-jsonlines-to {target / 'records.jsonl'}", str(log)]


def _grep(log: Path, target: Path) -> Sequence[str]:
    del target
    return ["grep", "-c", "traceID=", str(log)]


PEERS = (
    Peer(
        "re",
        "`re` + pandas, to a DataFrame",
        "nothing is written; lines only, no blocks; of the escapes only the common ones; no damage is found, no "
        "redaction, no requests, traces or spans",
        "pandas",
        _script("re_pandas"),
        most=100 * MB,
    ),
    Peer(
        "logfmtkv",
        "`logfmtkv` + pandas, to a DataFrame",
        "the same, but all escapes are read; its parser is pure Python",
        "logfmtkv",
        _script("logfmtkv_pandas"),
        most=50 * MB,
    ),
    Peer(
        "duckdb",
        "DuckDB, `regexp_extract_all` to a map, to Parquet",
        "quotes and escapes stay in the values; lines only; no redaction, no other tables",
        "duckdb",
        _script("duckdb_map"),
        most=250 * MB,
    ),
    Peer(
        "miller",
        "Miller (DKVP), to JSON lines",
        "it splits at every space: quoted values with spaces, most of a debug log, come apart into wrong fields; "
        "lines only; no redaction, no other tables",
        "/mlr",
        _miller,
        most=250 * MB,
    ),
    Peer(
        "polars",
        "Polars `extract_all`, to Parquet",
        "a list of `key=value` texts a line: no keys, no columns, no time, no escapes; lines only; no redaction, "
        "no other tables",
        "polars",
        _script("polars_extract"),
    ),
    Peer(
        "chdb",
        "chdb `extractKeyValuePairsWithEscaping`, to Parquet",
        "the values are the same as here, but the order of the lines is lost; lines only, no blocks; no damage is "
        "found, no redaction, no other tables",
        "chdb",
        _script("chdb_pairs"),
    ),
    Peer(
        "lnav",
        "lnav (logfmt), to JSON lines",
        "lines only; messages keep their quotes, fields stay one JSON text; no redaction, no other tables",
        "/lnav",
        _lnav,
        most=100 * MB,
    ),
    Peer(
        "arrow-json",
        "`pyarrow.json` on the JSON twin, to Parquet",
        "reads another form, which the daemon must be told to write (the same records; its speed is given over the "
        "size of the text), without the stacks; all in memory; no redaction, no other tables",
        "pyarrow",
        _script("arrow_json"),
        twin=True,
    ),
    Peer(
        "grep",
        "`grep -c`",
        "counts lines: the limit of reading",
        "/grep",
        _grep,
    ),
)
