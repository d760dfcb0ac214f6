"""Write what each sample must say, in every format. Read the difference before committing it.

``python -m tests.update_samples``
"""

from __future__ import annotations

import os

from tests.test_samples import SAMPLES, judge


def main() -> None:
    for sample in SAMPLES:
        os.chdir(sample)
        for path, text in judge(sample).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
