"""The package ``logfmtkv`` and pandas: its parser for each line, then a DataFrame with a column a key."""

import sys

import logfmtkv
import pandas as pd


def main() -> None:
    rows = []
    with open(sys.argv[1], encoding="utf-8", errors="replace") as stream:
        for line in stream:
            rows.append(logfmtkv.parse(line.rstrip("\n")) if line.startswith("time=") else {"text": line})
    frame = pd.DataFrame(rows)
    frame["time"] = pd.to_datetime(frame["time"])
    print(len(frame), "rows", len(frame.columns), "columns")


if __name__ == "__main__":
    main()
