"""What the command line does so that it starts, and runs, fast."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _WithoutPandas:
    """An import hook that knows no pandas."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse pandas; leave everything else to the finders after this one."""
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not needed here", name=name)
        return None


def prepare_arrow() -> None:
    """Import pyarrow as a command needs it: its first array made without pandas.

    pyarrow looks for pandas once, when it first makes an array, and imports all of it (0.2 s) if it is there. No
    command needs a frame. A later ``to_pandas`` in the same process still finds pandas.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    hook = _WithoutPandas()
    sys.meta_path.insert(0, hook)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hook)


def prepare_process() -> None:
    """Set up what must be set before pyarrow is imported, and holds for processes that this one starts.

    Of Arrow's allocators the system's takes the least time and memory for buffers of the size of a chunk. Python
    looks for cycles less often: a log makes millions of small objects and no cycles of them.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.set_threshold(100_000, 20, 50)
