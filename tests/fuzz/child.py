"""One target under Atheris, in a process of its own: ``python -m tests.fuzz.child TARGET [libFuzzer's options]``.

libFuzzer ends the process at the first broken promise, and writes the input down.
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Fuzz until the options say that it is enough."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["analyzer"], enable_loader_override=False):
        from tests.fuzz.targets import attack

    atheris.Setup(sys.argv, lambda data: attack(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
