"""chdb (ClickHouse in a process): ``extractKeyValuePairsWithEscaping`` into a map, written to Parquet."""

import sys
from pathlib import Path

import chdb

QUERY = r"""
INSERT INTO FUNCTION file('{target}', 'Parquet')
SELECT parseDateTimeBestEffortOrNull(fields['time']) AS time, fields['level'] AS level, fields['msg'] AS message,
       fields['traceID'] AS trace_id, fields['spanID'] AS span_id, fields['span'] AS span,
       fields['error'] AS error, fields, if(startsWith(line, 'time='), NULL, line) AS text
FROM (SELECT line, extractKeyValuePairsWithEscaping(line, '=', ' ', '"') AS fields
      FROM file('{log}', 'LineAsString'))
SETTINGS output_format_parquet_compression_method = 'zstd', engine_file_truncate_on_insert = 1
"""


def main() -> None:
    target = Path(sys.argv[2]) / "records.parquet"
    chdb.query(QUERY.format(target=target, log=sys.argv[1]))
    print(chdb.query(f"SELECT count() FROM file('{target}', 'Parquet')", "CSV").data().strip(), "rows")


if __name__ == "__main__":
    main()
