"""Where the rule files and sample logs lie: in the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import RuleError

_PACKAGE = Path(__file__).resolve().parent.parent


def find_folder(name: str) -> Path:
    """The folder of packaged data with a name: `rules` or `sample_logs`.

    A wheel carries it as `analyzer/data/<name>`; a checkout and an editable install have it at the top.

    Raises:
        RuleError: The installation lacks it.
    """
    for folder in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise RuleError(
        f"this installation lacks its folder {name}", where=str(_PACKAGE), hint="install the package again"
    )
