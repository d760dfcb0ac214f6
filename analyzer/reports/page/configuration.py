"""What was meant, what was loaded, and what the log shows of it, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.checks.engine import Engine


@dataclass(frozen=True)
class Place:
    """A line of a configuration file, or a flag."""

    file: str
    line: int | None


@dataclass(frozen=True)
class Setting:
    """A setting that either configuration states.

    Attributes:
        name: The setting as TOML writes it.
        intended: The value that was meant; None where none is stated.
        effective: The value that was loaded; None where none is stated.
        agrees: The two come to the same; None where that is not known.
        cause: Why they differ, such as edited; same where they do not.
        message: Both and the cause, in words.
        fix: What to do; empty where nothing is.
        places: Where either stands.
    """

    name: str
    intended: str | None
    effective: str | None
    agrees: bool | None
    cause: str
    message: str
    fix: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Asked:
    """A host of a registry's order."""

    host: str
    role: str | None
    detail: str


@dataclass(frozen=True)
class Order:
    """The hosts of a registry, in the order in which they are asked.

    Attributes:
        registry: The registry.
        intended: By the configuration that was meant.
        effective: By the one that was loaded.
        seen: As the log shows them, with how often each was asked.
    """

    registry: str
    intended: tuple[Asked, ...]
    effective: tuple[Asked, ...]
    seen: tuple[Asked, ...]


@dataclass(frozen=True)
class Network:
    """The network of a worker: as meant, as loaded, as the daemon printed it."""

    executor: str
    intended: str | None
    effective: str | None
    seen: str | None
    line: int | None


@dataclass(frozen=True)
class CertificateFile:
    """A certificate, key or folder that the configuration names.

    Attributes:
        host: The registry section that names it.
        kind: ca, cert, key or directory.
        path: Its path as the daemon opens it.
        state: What was found there, in words; None where nobody looked.
        sound: Nothing is wrong with it; None where nobody looked.
        fix: What to do about a defect.
        place: Where the configuration names it.
    """

    host: str | None
    kind: str
    path: str
    state: str | None
    sound: bool | None
    fix: str
    place: Place | None


@dataclass(frozen=True)
class Fault:
    """A fault of the configuration file."""

    severity: str
    message: str
    fix: str
    place: Place | None


@dataclass(frozen=True)
class Configuration:
    """The configurations of a source.

    Attributes:
        given: A configuration says what was meant.
        loaded: It is known what the daemon was given.
        settings: What either states, where both are known; what differs comes first.
        orders: Hosts by registry.
        networks: Networks by worker.
        certificates: Files that are named.
        faults: Faults of the file that was meant.
    """

    given: bool
    loaded: bool
    settings: tuple[Setting, ...]
    orders: tuple[Order, ...]
    networks: tuple[Network, ...]
    certificates: tuple[CertificateFile, ...]
    faults: tuple[Fault, ...]

    @property
    def differing(self) -> tuple[Setting, ...]:
        """The settings that are not known to agree."""
        return tuple(setting for setting in self.settings if not setting.agrees)

    @property
    def agreeing(self) -> tuple[Setting, ...]:
        """The settings that come to the same."""
        return tuple(setting for setting in self.settings if setting.agrees)


_SEEN = """
SELECT registry, host, any_value(role) AS role, count(*) AS requests, min(coalesce(position, attempt - 1)) AS place
FROM requests WHERE registry IS NOT NULL AND host IS NOT NULL AND action = 'pull'
GROUP BY registry, host ORDER BY registry, place, requests DESC, host
"""

_NETWORKS = """
WITH printed AS (SELECT executor, arg_max(network, record) AS network, max(line) AS line FROM workers GROUP BY executor)
SELECT executor, meant.network AS intended, given.network AS effective, printed.network AS seen, printed.line,
       coalesce(meant.enabled, given.enabled) AS enabled
FROM intended_workers meant
FULL JOIN effective_workers given USING (executor)
FULL JOIN printed USING (executor)
ORDER BY executor DESC
"""

# a file may hold several certificates: the first defect of any speaks for the file
_CERTIFICATES = """
WITH looked AS (
    SELECT host, kind, path, first(defect ORDER BY defect IS NULL, position) AS defect,
           first(defect_detail ORDER BY defect IS NULL, position) AS detail,
           first(fix ORDER BY defect IS NULL, position) AS fix,
           first(subject ORDER BY position) AS subject, min(not_after) AS not_after
    FROM certificate_files WHERE used GROUP BY host, kind, path
), named AS (
    SELECT host, kind, path_in_builder, path, file, line FROM intended_certificates
)
SELECT coalesce(named.host, looked.host) AS host, coalesce(named.kind, looked.kind) AS kind,
       coalesce(looked.path, named.path_in_builder, named.path) AS path, looked.path IS NOT NULL AS looked,
       defect, detail, fix, subject, strftime(not_after, '%Y-%m-%d') AS until, file, line
FROM named FULL JOIN looked
     ON looked.host = named.host AND looked.kind = named.kind
        AND looked.path IN (named.path_in_builder, named.path)
ORDER BY ALL
"""


def find_configuration(engine: Engine) -> Configuration:
    """The configurations of a source, and what the log shows beside them."""
    [context] = engine.rows("SELECT config_given, effective_known FROM context")
    settings = [
        _setting(row)
        for row in engine.rows(
            "SELECT * FROM configuration_differences ORDER BY agrees NULLS FIRST, subject, setting"
        )
    ]
    return Configuration(
        bool(context["config_given"]),
        bool(context["effective_known"]),
        tuple(settings),
        _orders(engine),
        tuple(
            Network(row["executor"], row["intended"], row["effective"], row["seen"], row["line"])
            for row in engine.rows(_NETWORKS)
            if row["seen"] is not None or row["enabled"] is not False
        ),
        tuple(_certificate(row) for row in engine.rows(_CERTIFICATES)),
        tuple(
            Fault(row["severity"], row["message"], row["fix"] or "", _place(row["file"], row["line"]))
            for row in engine.rows('SELECT * FROM intended_lint ORDER BY file, line, "column", message')
        ),
    )


def _setting(row: dict[str, Any]) -> Setting:
    places = (_place(row[f"{side}_file"], row[f"{side}_line"]) for side in ("intended", "effective"))
    return Setting(
        row["setting"],
        row["intended"],
        row["effective"],
        row["agrees"],
        row["cause"],
        row["message"],
        row["fix"] or "",
        tuple(dict.fromkeys(place for place in places if place is not None)),
    )


def _orders(engine: Engine) -> tuple[Order, ...]:
    promised = {
        side: _by_registry(
            (row["registry"], Asked(row["host"], row["role"], _transport(row)))
            for row in engine.rows(f"SELECT * FROM {side}_hosts ORDER BY registry, position")
        )
        for side in ("intended", "effective")
    }
    seen = _by_registry(
        (
            row["registry"],
            Asked(
                row["host"],
                row["role"],
                f"{row['requests']:,} requests" if row["requests"] != 1 else "1 request",
            ),
        )
        for row in engine.rows(_SEEN)
    )
    # a section for a mirror has itself as its only host: that says nothing of an order
    worth = [
        name
        for name in dict.fromkeys([*promised["intended"], *promised["effective"], *seen])
        if name in seen or any(len(side.get(name, ())) > 1 for side in promised.values())
    ]
    return tuple(
        Order(
            name, promised["intended"].get(name, ()), promised["effective"].get(name, ()), seen.get(name, ())
        )
        for name in worth
    )


def _by_registry(pairs: Iterable[tuple[str, Asked]]) -> dict[str, tuple[Asked, ...]]:
    hosts: dict[str, list[Asked]] = {}
    for registry, asked in pairs:
        hosts.setdefault(registry, []).append(asked)
    return {registry: tuple(found) for registry, found in hosts.items()}


def _transport(row: dict[str, Any]) -> str:
    scheme: str = row["scheme"].replace("-then-", ", then ")
    if row["insecure"]:
        return f"{scheme}, certificates not verified"
    return f"{scheme}, trusts {', '.join(row['trust'])}" if row["trust"] else scheme


def _certificate(row: dict[str, Any]) -> CertificateFile:
    sound = row["defect"] is None if row["looked"] else None
    found = [row["subject"], f"valid until {row['until']}" if row["until"] else None]
    state = row["detail"] if row["defect"] else ", ".join(part for part in found if part) or "there"
    return CertificateFile(
        row["host"],
        row["kind"],
        row["path"],
        state if row["looked"] else None,
        sound,
        row["fix"] or "" if row["defect"] else "",
        _place(row["file"], row["line"]),
    )


def _place(file: str | None, line: int | None) -> Place | None:
    return Place(file, line) if file else None
