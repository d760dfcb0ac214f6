"""Plain ``re`` and pandas: one dictionary a line, then a DataFrame with a column a key."""

import re
import sys

import pandas as pd

FIELD = re.compile(r'([^ ="]+)=(?:"((?:[^"\\]|\\.)*)"|([^ ]*))')
ESCAPE = re.compile(r"\\(.)")
MEANING = {"n": "\n", "t": "\t", "r": "\r"}


def main() -> None:
    rows = []
    with open(sys.argv[1], encoding="utf-8", errors="replace") as stream:
        for line in stream:
            row = {}
            if line.startswith("time="):
                for key, quoted, bare in FIELD.findall(line.rstrip("\n")):
                    if "\\" in quoted:
                        quoted = ESCAPE.sub(lambda match: MEANING.get(match[1], match[1]), quoted)
                    row[key] = quoted or bare
            else:
                row["text"] = line
            rows.append(row)
    frame = pd.DataFrame(rows)
    frame["time"] = pd.to_datetime(frame["time"])
    print(len(frame), "rows", len(frame.columns), "columns")


if __name__ == "__main__":
    main()
