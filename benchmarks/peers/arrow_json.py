"""``pyarrow.json`` on the log's JSON twin: a column a key, written to Parquet. Blocks are left out before."""

import sys
from pathlib import Path

import pyarrow.json
import pyarrow.parquet


def main() -> None:
    options = pyarrow.json.ReadOptions(block_size=4 << 20)
    table = pyarrow.json.read_json(sys.argv[1], read_options=options)
    pyarrow.parquet.write_table(table, Path(sys.argv[2]) / "records.parquet", compression="zstd")
    print(table.num_rows, "rows", table.num_columns, "columns")


if __name__ == "__main__":
    main()
