from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from analyzer.intent import parse_config
from analyzer.intent.tables import SPECS

TEXT = """
[registry."quay.io"]
mirrors = ["https://u:secret@m:5000/q", "n", "n"]
[registry."m:5000"]
http = false
ca = ["certs/ca.pem"]
tlsconfigdir = ["/d"]
keypair = [{key = "k.key", cert = "c.pem"}]
[worker.oci]
networkMode = "host"
"""


def test_the_tables_have_their_specs_and_order() -> None:
    for prefix in ("intended", "effective"):
        tables = parse_config(TEXT).tables(prefix=prefix)
        specs = {spec.name: spec for spec in SPECS if spec.name.startswith(prefix)}
        assert list(tables) == list(specs)
        for name, table in tables.items():
            assert table.schema == specs[name].schema


def test_registries_and_their_mirrors() -> None:
    rows = parse_config(TEXT).tables()["intended_registries"].to_pylist()
    assert rows[0] == {
        "registry": "quay.io",
        "mirrors": ["m:5000", "n"],
        "mirrors_written": ["https://***@m:5000/q", "n", "n"],
        "http": None,
        "insecure": None,
        "file": "buildkitd.toml",
        "line": 2,
    }
    assert (rows[1]["registry"], rows[1]["mirrors"], rows[1]["http"]) == ("m:5000", [], False)


def test_hosts_hold_docker_hub_always() -> None:
    rows = parse_config(TEXT).tables()["intended_hosts"].to_pylist()
    assert [(row["registry"], row["position"], row["host"], row["role"], row["line"]) for row in rows] == [
        ("quay.io", 0, "m:5000", "mirror", 3),
        ("quay.io", 1, "n", "mirror", 3),
        ("quay.io", 2, "n", "mirror", 3),
        ("quay.io", 3, "quay.io", "upstream", 2),
        ("m:5000", 0, "m:5000", "upstream", 4),
        ("docker.io", 0, "registry-1.docker.io", "upstream", None),
    ]
    assert rows[0]["trust"] == ["certs/ca.pem", "/d"]
    assert (rows[0]["path"], rows[0]["namespace"]) == ("/v2/q", "quay.io")
    assert rows[-1]["file"] is None


def test_certificates_know_their_path_in_a_builder() -> None:
    config = parse_config(TEXT)
    rows = config.tables()["intended_certificates"].to_pylist()
    assert [(row["kind"], row["path"], row["path_in_builder"], row["pair"]) for row in rows] == [
        ("ca", "certs/ca.pem", "/etc/buildkit/certs/m_5000/ca.pem", None),
        ("cert", "c.pem", "/etc/buildkit/certs/m_5000/c.pem", 0),
        ("key", "k.key", "/etc/buildkit/certs/m_5000/k.key", 0),
        ("directory", "/d", None, None),
    ]
    assert {(row["host"], row["line"]) for row in rows} == {("m:5000", 6), ("m:5000", 7), ("m:5000", 8)}
    loaded = config.tables(prefix="effective")["effective_certificates"].to_pylist()
    assert [row["path_in_builder"] for row in loaded] == [row["path"] for row in loaded]


def test_both_workers_are_there() -> None:
    rows = (
        parse_config(TEXT).with_flags("--containerd-worker-net=cni").tables()["intended_workers"].to_pylist()
    )
    oci, containerd = rows
    assert (oci["executor"], oci["network"], oci["network_stated"], oci["source"], oci["line"]) == (
        "oci",
        "host",
        True,
        "file",
        10,
    )
    assert (containerd["network"], containerd["source"]) == ("cni", "flag")
    assert (containerd["file"], containerd["line"]) == ("--containerd-worker-net=cni", None)
    default, _ = parse_config("").tables()["intended_workers"].to_pylist()
    assert (default["network"], default["network_stated"], default["source"]) == ("auto", False, "default")


def test_reading_a_configuration_loads_nothing_heavy(repository: Path) -> None:
    code = (
        "import sys, analyzer.intent as i;"
        "c = i.parse_config('[registry.\"a\"]\\nmirror = [\"m\"]'); c.hosts('alpine');"
        "print([m for m in ('pyarrow', 'pandas', 'numpy', 'duckdb', 'rapidfuzz') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
