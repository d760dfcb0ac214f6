"""Every command on logs of real daemons: none fails, and nothing that does not print gets out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SQL = "SELECT host, count(*) AS n, count(status_code) AS answered FROM requests GROUP BY host"


@pytest.mark.slow
def test_real_logs_are_judged_and_shown(run: Any, captures_root: Path | None) -> None:
    if captures_root is None:
        pytest.skip("no captures beside this checkout")
    folders = sorted(path.parent for path in captures_root.glob("*/buildkitd.log"))
    assert folders
    for folder in folders[::5]:
        log, given = folder / "buildkitd.log", ("--config", folder / "intended.toml")
        for command in (
            ("check", log, *given),
            ("check", log, *given, "--format", "json"),
            ("query", log, SQL, *given, "--format", "json"),
            ("spans", log, *given),
        ):
            code, out, err = run(*command)
            assert code in ((0, 1, 3) if command[0] == "check" else (0,)), (folder.name, err)
            assert err == ""
            assert all(line.isprintable() for line in out.split("\n")), folder.name
            if "json" in command:
                json.loads(out)
