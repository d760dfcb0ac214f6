"""DuckDB: keys and values of a line by two regular expressions into a map, written to Parquet."""

import sys
from pathlib import Path

import duckdb

FIELD = r"""([^ ="]+)=("(?:[^"\\]|\\.)*"|[^ ]*)"""
QUERY = """
COPY (
  WITH lines AS (
    SELECT line, line LIKE 'time=%' AS record
    FROM read_csv($log, columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
                  header = false, auto_detect = false, max_line_size = 16000000, null_padding = true)
  ), pairs AS (
    SELECT line, record, map_from_entries(list_zip(
      regexp_extract_all(line, $field, 1), regexp_extract_all(line, $field, 2))) AS fields
    FROM lines
  )
  SELECT TRY_CAST(trim(fields['time'], '"') AS TIMESTAMPTZ) AS time, fields['level'] AS level,
         trim(fields['msg'], '"') AS message, fields['traceID'] AS trace_id, fields['spanID'] AS span_id,
         trim(fields['span'], '"') AS span, fields['error'] AS error, fields,
         CASE WHEN NOT record THEN line END AS text
  FROM pairs
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""


def main() -> None:
    target = Path(sys.argv[2]) / "records.parquet"
    connection = duckdb.connect()
    connection.execute(QUERY.format(target=target), {"log": sys.argv[1], "field": FIELD})
    print(connection.execute("SELECT count(*) FROM read_parquet(?)", [str(target)]).fetchall()[0][0], "rows")


if __name__ == "__main__":
    main()
