"""The house: data flows one way, and so do imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LAYERS = ("sources", "records", "tables", "intent", "attribution", "checks", "reports", "cli")
SHARED = {"errors", "limits", "redaction", "secretforms"}
"""Modules that any layer may use."""

FACADE = {
    "api",
    "beside",
    "cluster",
    "collecting",
    "comparing",
    "conclusion",
    "exhibits",
    "exporting",
    "fleet",
    "given",
    "judging",
    "lineindex",
    "looking",
    "memory",
    "parcels",
    "project",
    "reading",
    "relations",
    "scan",
    "scheduler",
    "standings",
    "starting",
    "testing",
    "tracing",
    "watching",
    "workers",
}
"""The library's face: above the layers, below the command line only."""


def imports_of(path: Path) -> Iterator[str]:
    """What a module imports from this package, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("analyzer"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("analyzer"):
            if node.module == "analyzer":
                yield from (f"analyzer.{alias.name}" for alias in node.names)
            else:
                yield node.module


def layered_modules(repository: Path) -> list[Path]:
    return [path for layer in LAYERS for path in sorted((repository / "analyzer" / layer).rglob("*.py"))]


def test_no_layer_imports_a_later_one(repository: Path) -> None:
    wrong = []
    for path in layered_modules(repository):
        layer = path.relative_to(repository / "analyzer").parts[0]
        for name in imports_of(path):
            target = name.split(".")[1] if "." in name else ""
            allowed = target in SHARED or target == "__version__" or (layer == "cli" and target in FACADE)
            earlier = target in LAYERS and LAYERS.index(target) <= LAYERS.index(layer)
            if not allowed and not earlier:
                wrong.append(f"{path.relative_to(repository)} imports {name}")
    assert wrong == []


def test_every_package_is_a_layer(repository: Path) -> None:
    packages = {path.parent.name for path in (repository / "analyzer").glob("*/__init__.py")}
    assert packages == set(LAYERS)


HEAVY = ("pandas", "pyarrow", "numpy", "duckdb", "rich", "rapidfuzz")


def test_importing_the_package_or_the_command_line_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, analyzer, analyzer.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*HEAVY} & {*done.stdout.split()}


def test_a_check_of_a_log_alone_imports_nothing_of_traces_bundles_and_builders(repository: Path) -> None:
    import subprocess
    import sys

    words = ["check", str(repository / "sample_logs" / "mirror-used"), "--output", "/dev/null"]
    code = f"import sys; from analyzer.cli import main; main({words}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unneeded = {
        "analyzer.attribution.traces",
        "analyzer.sources.bundles",
        "analyzer.sources.tracefiles",
        "cryptography",
        "docker",
    }
    assert not unneeded & {*done.stdout.split()}


def test_no_command_imports_pandas(repository: Path) -> None:
    import subprocess
    import sys

    sample = repository / "sample_logs" / "mirror-used"
    common = [str(sample), "--config", str(sample / "buildkitd.toml")]
    more = {"check": [], "show": ["pulls"], "query": ["SELECT * FROM pulls"], "spans": []}
    commands = [[name, *common, *words] for name, words in more.items()]
    code = (
        "import sys; from analyzer.cli import main\n"
        f"for words in {commands}:\n"
        "    main(words)\n"
        "    if 'pandas' in sys.modules: sys.exit(words[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_modules_hold_one_idea(repository: Path) -> None:
    long = {
        str(path.relative_to(repository)): lines
        for path in (repository / "analyzer").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
