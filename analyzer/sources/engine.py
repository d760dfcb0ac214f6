"""A Docker Engine, asked through its API and never changed.

Which one is found as the docker command finds it: ``DOCKER_HOST`` with ``DOCKER_TLS_VERIFY`` and
``DOCKER_CERT_PATH``, then ``DOCKER_CONTEXT``, then the context in use (docker/cli ``cli/command/cli.go``, v27,
resolveContextName).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import SourceError
from analyzer.sources.names import shown_name
from analyzer.sources.stored import reason

if TYPE_CHECKING:
    import docker

_ANSWER_SECONDS: Final = 30
_READ_BYTES: Final = 1 << 16

Json = dict[str, Any]


class RefusedError(SourceError):
    """The engine answers, and says no."""


class EngineLostError(Exception):
    """The connection to the engine broke while something was read."""


class Engine:
    """A Docker Engine that answers.

    Args:
        client: The SDK's client.
        where: What reports call it: its address, or its context.
    """

    def __init__(self, client: docker.APIClient, where: str) -> None:
        self._client = client
        self.where = where

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def inspect(self, container: str) -> Json | None:
        """What the engine says of a container, by name or ID; None where it has none of that name.

        Raises:
            SourceError: The engine does not answer.
        """
        import docker.errors

        with self._told(container):
            try:
                found: Json = self._client.inspect_container(container)
            except docker.errors.NotFound:
                return None
            return found

    def container_names(self) -> list[str]:
        """The names of all containers, running or not, sorted.

        Raises:
            SourceError: The engine does not answer.
        """
        with self._told(None):
            found = self._client.containers(all=True)
        return sorted(
            name.removeprefix("/") for one in found for name in one.get("Names") or () if name.count("/") == 1
        )

    def info(self) -> Json:
        """What ``docker info`` shows.

        Raises:
            SourceError: The engine does not answer.
        """
        with self._told(None):
            found: Json = self._client.info()
        return found

    def version(self) -> str | None:
        """Its version; None where it does not tell."""
        try:
            found = self._client.version().get("Version")
        except Exception:
            return None
        return found if isinstance(found, str) else None

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[tuple[Json, Iterator[bytes]] | None]:
        """A file or folder of a container as a tar stream, with the engine's word on it; None where there is none.

        Raises:
            SourceError: The engine does not answer, or refuses.
        """
        import docker.errors

        with self._told(container):
            try:
                stream, stat = self._client.get_archive(container, path, chunk_size=_READ_BYTES)
            except docker.errors.NotFound as error:
                if "no such container" in str(error.explanation).lower():
                    raise
                yield None
                return
        with closing(stream):
            yield stat or {}, stream

    @contextmanager
    def log(
        self, container: str, *, since: str | None = None, follow: bool = False, tail: int | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The log of a container with the engine's stamps, both streams, as the engine sends it.

        The SDK's own reader takes a stream that breaks for one that ends; here it is an error.

        Args:
            container: Its ID.
            since: Only from this time on, in seconds since 1970, with nine digits after the point.
            follow: Go on with what is written later.
            tail: Only so many of the last lines.

        Raises:
            SourceError: The engine does not give it.
            EngineLostError: The stream broke, told while it is read.
        """
        import docker.errors

        wanted = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        wanted["tail"] = tail if tail is not None else "all"  # type: ignore[assignment]
        if since:
            wanted["since"] = since  # type: ignore[assignment]
        client = self._client
        address = f"{client.base_url}/v{client.api_version}/containers/{container}/logs"
        with self._told(container):
            answer = client.get(
                address,
                params=wanted,
                stream=True,
                timeout=(_ANSWER_SECONDS, None if follow else 4 * _ANSWER_SECONDS),
                headers={"Accept-Encoding": "identity"},
            )
            if not answer.ok:
                with closing(answer):
                    raise docker.errors.APIError(
                        answer.reason, response=answer, explanation=_explanation(answer.content)
                    )
        with closing(answer):
            yield _pieces(answer.raw)

    @contextmanager
    def _told(self, what: str | None) -> Iterator[None]:
        """Tell what goes wrong in words for people."""
        import docker.errors
        import requests.exceptions
        import urllib3.exceptions

        try:
            yield
        except docker.errors.APIError as error:
            said = str(error.explanation or error.response.reason if error.response is not None else error)
            raise RefusedError(
                f"the Docker Engine refuses: {reason(Exception(said))}",
                where=shown_name(what or self.where),
                hint=_hint_of_refusal(said),
            ) from None
        except (
            docker.errors.DockerException,
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
        ) as error:
            raise _unanswered(self.where, error) from None


def connect(endpoint: str | None = None) -> Engine:
    """The engine that the docker command would talk to.

    Args:
        endpoint: Another one: an address (``unix://...``, ``tcp://...``, ``ssh://...``) or the name of a context.

    Raises:
        SourceError: It is not there, or may not be asked.
    """
    import docker
    import docker.errors
    import requests.exceptions

    where, options = _address(endpoint)
    shown = shown_name(where)
    try:
        client = docker.APIClient(version="auto", timeout=_ANSWER_SECONDS, use_ssh_client=True, **options)
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        OSError,
        ValueError,
    ) as error:
        raise _unanswered(shown, error) from None
    return Engine(client, shown)


def _address(endpoint: str | None) -> tuple[str, Json]:
    """What to call an engine, and what the SDK needs to reach it."""
    import docker.errors
    from docker.utils import kwargs_from_env

    named = endpoint
    if endpoint is None or endpoint == "default":
        if os.environ.get("DOCKER_HOST"):
            try:
                return os.environ["DOCKER_HOST"], dict(kwargs_from_env())
            except docker.errors.DockerException as error:
                raise SourceError(
                    f"the TLS settings cannot be used: {reason(error)}",
                    where="DOCKER_CERT_PATH",
                    hint="it names a folder with ca.pem, cert.pem and key.pem",
                ) from None
        named = None if endpoint == "default" else os.environ.get("DOCKER_CONTEXT")
    elif "://" in endpoint:
        if endpoint == os.environ.get("DOCKER_HOST"):
            return _address(None)
        return endpoint, {"base_url": endpoint}
    return _context(named)


def _context(name: str | None) -> tuple[str, Json]:
    from docker.context import ContextAPI

    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # the SDK raises bare exceptions on a damaged file
        raise SourceError(f"the docker context cannot be read: {reason(error)}", where=name) from None
    if context is None or "docker" not in context.endpoints:
        raise SourceError(
            "there is no such docker context", where=name or "docker context", hint="docker context ls"
        )
    options: Json = {"base_url": context.Host}
    if context.TLSConfig is not None:
        options["tls"] = context.TLSConfig
    called = context.Host if context.name == "default" else f"context {context.name}"
    return called or "the Docker Engine", options


def _pieces(raw: Any) -> Iterator[bytes]:
    """The body of an answer as it comes."""
    import urllib3.exceptions

    try:
        yield from raw.stream(_READ_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
        # AttributeError: the connection was closed under a reader in another thread
        raise EngineLostError(reason(error)) from None


def _explanation(content: bytes) -> str:
    try:
        said = json.loads(content)
    except ValueError:
        return content[:400].decode("utf-8", "replace").strip()
    return str(said.get("message", said)) if isinstance(said, dict) else str(said)


def _hint_of_refusal(said: str) -> str | None:
    small = said.lower()
    if "logging driver does not support reading" in small or "logging driver" in small:
        return "read the log where its logging driver keeps it, and name that file"
    if "no such container" in small:
        return "docker ps --all lists the containers"
    return None


def _unanswered(where: str, error: BaseException) -> SourceError:
    """What to tell of an engine that does not answer."""
    cause = _system_error(error)
    if "paramiko" in str(error):
        return SourceError(
            "an engine behind ssh needs one more package",
            where=where,
            hint="pip install 'buildkit-analyzer[ssh]'",
        )
    if isinstance(cause, PermissionError):
        return SourceError(
            "the Docker Engine may not be asked: permission denied",
            where=where,
            hint="join the group docker, or run this as its user",
        )
    if isinstance(cause, FileNotFoundError):
        return SourceError(
            "there is no Docker Engine: its socket does not exist",
            where=where,
            hint="is dockerd running? DOCKER_HOST and docker context name another one",
        )
    if isinstance(cause, ConnectionError):
        return SourceError(
            f"the Docker Engine does not answer: {reason(cause)}",
            where=where,
            hint="is dockerd running? DOCKER_HOST and docker context name another one",
        )
    said = (
        reason(cause)
        if cause
        else "it broke the connection off"
        if "aborted" in str(error)
        else reason(error)
    )
    return SourceError(
        f"the Docker Engine does not answer: {said}",
        where=where,
        hint="try docker version; DOCKER_HOST and docker context name another engine",
    )


def _system_error(error: BaseException | None) -> OSError | None:
    """The error of the system at the bottom of what libraries wrapped around it."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        # requests' own errors are OSErrors too, without a number
        if isinstance(one, OSError) and one.errno is not None:
            return one
        waiting += [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
    return None
