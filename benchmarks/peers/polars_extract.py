"""Polars ``extract_all``: a line's ``key=value`` texts as a list, not split any further, written to Parquet."""

import sys
from pathlib import Path

import polars as pl

FIELD = r'[^ ="]+=(?:"(?:[^"\\]|\\.)*"|[^ ]*)'


def main() -> None:
    lines = pl.scan_csv(
        sys.argv[1],
        has_header=False,
        separator="\x01",
        quote_char=None,
        schema={"line": pl.String},
        encoding="utf8-lossy",
    )
    record = pl.col("line").str.starts_with("time=")
    table = lines.select(
        pl.col("line").str.extract_all(FIELD).alias("fields"), pl.when(~record).then("line").alias("text")
    )
    target = Path(sys.argv[2]) / "records.parquet"
    table.sink_parquet(target, compression="zstd")
    print(pl.scan_parquet(target).select(pl.len()).collect().item(), "rows")


if __name__ == "__main__":
    main()
