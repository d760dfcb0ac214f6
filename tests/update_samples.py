"""Write what each sample must say. Read the difference before committing it: ``python -m tests.update_samples``."""

from __future__ import annotations

import os

from tests.test_samples import SAMPLES, judge


def main() -> None:
    for sample in SAMPLES:
        os.chdir(sample)
        (sample / "expected.json").write_text(judge(sample))


if __name__ == "__main__":
    main()
