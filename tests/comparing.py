"""Two configurations compared, for tests of what is told of them."""

from __future__ import annotations

import pyarrow as pa

from analyzer.intent import parse_config
from analyzer.intent.differences import Difference, compare
from analyzer.intent.tables import differences_table

MIRROR = '[registry."docker.io"]\nmirrors = ["mirror.example.com"]\n'
HOST = '[registry."mirror.example.com"]\n'
CNI = '[worker.oci]\nnetworkMode = "cni"\n'
BUILDER = "--config /etc/buildkit/buildkitd.toml"
NETWORK_HOST = f"{BUILDER} --allow-insecure-entitlement=network.host"


def diff(
    meant: str, given: str, flags: str = "", *, driver: str | None = None, version: str | None = None
) -> tuple[Difference, ...]:
    """All settings of two texts; the second is a builder's, started with flags."""
    effective = parse_config(given, name="/etc/buildkit/buildkitd.toml").with_flags(flags)
    return compare(parse_config(meant, name="b.toml"), effective, driver=driver, version=version)


def told(
    meant: str, given: str, flags: str = "", *, driver: str | None = None, version: str | None = None
) -> list[tuple[str, str, bool | None]]:
    """Setting, cause and whether it agrees, of all settings."""
    rows = diff(meant, given, flags, driver=driver, version=version)
    return [(row.setting, row.cause, row.agrees) for row in rows]


def only(
    meant: str, given: str, flags: str = "", *, driver: str | None = None, version: str | None = None
) -> Difference:
    """The only setting that is not the same."""
    rows = diff(meant, given, flags, driver=driver, version=version)
    (row,) = [row for row in rows if row.cause != "same"]
    return row


def tables_of(
    meant: str, given: str, flags: str = "", *, driver: str | None = None, version: str | None = None
) -> dict[str, pa.Table]:
    """The tables that rules ask of two texts."""
    intended = parse_config(meant, name="b.toml")
    effective = parse_config(given, name="/etc/buildkit/buildkitd.toml").with_flags(flags)
    rows = compare(intended, effective, driver=driver, version=version)
    return {
        **intended.tables(version, prefix="intended"),
        **effective.tables(version, prefix="effective"),
        "configuration_differences": differences_table(rows),
    }
