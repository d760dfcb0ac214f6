"""What ``docker buildx inspect`` and ``docker inspect`` print of a builder.

The first is made for people: docker/buildx ``commands/inspect.go`` writes it through a tab writer, and shows the
configuration file and the certificate files, keys among them, since v0.18.0 (``File#NAME:``, then lines ``> ...``).
The driver docker-container puts them under ``/etc/buildkit`` and starts the daemon with its own ``--config`` before the
user's flags (``driver/docker-container/driver.go``, getBuildkitFlags); the driver kubernetes mounts them there and
gives no ``--config``. Of a key only the public half is kept, of the environment only what changes the daemon.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from analyzer.sources.moments import read_moment
from analyzer.sources.surroundings import CertificateFile, ConfigFile, Program, Surroundings, is_kept_variable

_TEXT: Final = 64 << 20
"""Characters of a text that are read at most: a builder's certificate files take a few hundred thousand."""

_FOLDER: Final = "/etc/buildkit"
_CONFIG: Final = "buildkitd.toml"
_DRIVERS: Final = frozenset({"docker-container", "kubernetes"})
_CONTAINER: Final = "buildx_buildkit_"

_FIELD = re.compile(r"([A-Z][A-Za-z ]{0,40}):[ \t]*(.*)")
_FILE = re.compile(r"File#(.{1,1024}):")
_CONTENT = re.compile(r"[ \t]+> ?(.*)")
_OPTION = re.compile(r'([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*")')
_DAEMON = re.compile(r"(rootless-)?buildkitd|dockerd(-[a-z-]+(\.sh)?)?")
_KEY_BLOCK: Final = "PRIVATE KEY-----"


@dataclass
class _Node:
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)


def read_inspection(text: str) -> tuple[Surroundings, ...]:
    """Read the text of ``docker buildx inspect``.

    Args:
        text: The text, of any version of buildx.

    Returns:
        One for each node, in their order, since each is a daemon of its own; none where the text is something
        else. Without a configuration file in the text `config` is None: an older buildx shows none, and an image may
        hold one.
    """
    head, nodes = _parse(text) if len(text) <= _TEXT else ({}, [])
    name, driver = head.get("Name"), head.get("Driver")
    if not name or not driver:
        return ()
    shown = [f"builder:{name}"] * len(nodes)
    if len(nodes) > 1:
        shown = [f"builder:{name} ({node.fields['Name']})" for node in nodes]
    return tuple(_surroundings(one, driver, node) for one, node in zip(shown, nodes, strict=True))


def _parse(text: str) -> tuple[dict[str, str], list[_Node]]:
    """What the text says of the builder, and its nodes."""
    head: dict[str, str] = {}
    nodes: list[_Node] = []
    content: list[str] | None = None
    in_nodes = False
    # not splitlines: a file may hold other characters that it takes for line ends
    for line in text.replace("\r\n", "\n").split("\n"):
        if content is not None and (found := _CONTENT.fullmatch(line)):
            content.append(found[1])
            continue
        content = None
        if nodes and (found := _FILE.fullmatch(line.rstrip())):
            content = nodes[-1].files.setdefault(found[1], [])
        elif line.rstrip() == "Nodes:":
            in_nodes = True
        elif found := _FIELD.fullmatch(line.rstrip()):
            if in_nodes and found[1] == "Name":
                nodes.append(_Node())
            fields = nodes[-1].fields if nodes else {} if in_nodes else head
            fields.setdefault(found[1], found[2])
    return head, nodes


def _surroundings(name: str, driver: str, node: _Node) -> Surroundings:
    fields = node.fields
    options = _options(fields.get("Driver Options", ""))
    image = options.get("image") or None
    config, files, not_read = _given(node)
    command_line = None
    # Of a node that could not be reached the flags are not shown.
    if driver in _DRIVERS and "Status" in fields:
        flags = (fields.get("BuildKit daemon flags") or fields.get("Flags") or "").split()
        own = ("--config", f"{_FOLDER}/{_CONFIG}") if config and driver == "docker-container" else ()
        pods = driver == "kubernetes" and options.get("rootless") in ("true", "1")
        starter = ("rootlesskit",) if pods or _is_rootless(image) else ()
        last = ("--oci-worker-no-process-sandbox",) if pods else ()  # toRootless in manifest.go
        command_line = (*starter, "buildkitd", *own, *flags, *last)
    return Surroundings(
        name=name,
        program="dockerd" if driver == "docker" else "buildkitd",
        command_line=command_line,
        environment=_allowed(
            {key.removeprefix("env."): options[key] for key in options if key[:4] == "env."}
        ),
        image=image,
        version=fields.get("BuildKit version") or fields.get("Buildkit") or None,
        driver=driver,
        config=config,
        files=files,
        not_read=tuple(not_read),
    )


def _given(node: _Node) -> tuple[ConfigFile | None, dict[str, CertificateFile], list[str]]:
    """The files of a node, and what of them was not taken."""
    config: ConfigFile | None = None
    files: dict[str, CertificateFile] = {}
    not_read: list[str] = []
    for name, lines in node.files.items():
        path = posixpath.normpath(posixpath.join(_FOLDER, name))
        content = "\n".join(lines)
        if name == _CONFIG:
            config = _config_file(path, content)
            if config.error:
                not_read.append(f"{path}: {config.error}")
        elif path.startswith(f"{_FOLDER}/certs/"):
            from analyzer.sources.pem import read_pem

            files[path] = read_pem(path, content.encode("utf-8", "surrogatepass"))
    return config, files, not_read


def _config_file(path: str, content: str) -> ConfigFile:
    if _KEY_BLOCK in content:
        return ConfigFile(path, exists=True, error="it holds a private key, and is not kept")
    return ConfigFile(path, exists=True, text=content.encode("utf-8", "surrogatepass"))


def _options(text: str) -> dict[str, str]:
    """The driver's options, ``name="value"`` as Go quotes it."""
    options = {}
    for name, quoted in _OPTION.findall(text):
        try:
            options[name] = str(json.loads(quoted))
        except ValueError:
            continue  # an escape of Go's that JSON lacks: not in what is looked for here
    return options


def _allowed(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if is_kept_variable(name)}


def _is_rootless(image: str | None) -> bool:
    return image is not None and image.partition("@")[0].endswith("rootless")


def read_docker_inspect(text: str) -> Surroundings | None:
    """Read the JSON of ``docker inspect CONTAINER``.

    Args:
        text: The text: an array of containers, of which the first counts, or one container.

    Returns:
        How the daemon was started, without its files; None where the text is cut, or of no container of buildkitd or
        dockerd.
    """
    try:
        whole = json.loads(text) if len(text) <= _TEXT else None
    except (ValueError, RecursionError):
        return None
    container = whole[0] if isinstance(whole, list) and whole else whole
    if not isinstance(container, dict):
        return None
    config, state = _table(container, "Config"), _table(container, "State")
    path, arguments = _text(container, "Path"), _texts(container, "Args")
    if path is None or arguments is None:
        return None
    words = (path, *arguments)
    program = _program(words, _text(config, "Image"))
    if program is None:
        return None
    name = (_text(container, "Name") or _text(container, "Id") or "container").removeprefix("/")
    parted = [variable.partition("=") for variable in _texts(config, "Env") or ()]
    return Surroundings(
        name=f"container:{name}",
        program=program,
        command_line=words,
        environment=_allowed({variable: value for variable, _, value in parted}),
        image=_text(config, "Image"),
        image_id=_text(container, "Image"),
        driver="docker-container" if name.startswith(_CONTAINER) else None,
        created=read_moment(container.get("Created")),
        started=read_moment(state.get("StartedAt")),
        user=_text(config, "User"),
    )


def _program(words: tuple[str, ...], image: str | None) -> Program | None:
    for word in words:
        if _DAEMON.fullmatch(base := posixpath.basename(word)):
            return "dockerd" if base.startswith("dockerd") else "buildkitd"
    # started by a shell, or by a script of the image's own
    own = image is not None and re.search(r"(^|/)buildkit($|[:@])", image) is not None
    return "buildkitd" if own or any("buildkitd" in word for word in words) else None


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str | None:
    text = value.get(key)
    return text if isinstance(text, str) and text else None


def _texts(value: Mapping[str, Any], key: str) -> list[str] | None:
    texts = value.get(key)
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else None
