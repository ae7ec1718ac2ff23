"""The one door to the docker engine: clients, errors, labels, and commands inside containers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from cka_lab import paths
from cka_lab.container import inside as in_container
from cka_lab.errors import LabFailure, LabGone, NotAvailable

LABEL = "io.cka-lab.home"
"""On every container, network, volume and image of ours: whose data folder it belongs to."""
ANSWER_SECONDS = 60
OUTPUT_LIMIT = 64 << 20
"""Bytes of one command's output; more is not kept, and the command is ended."""
FIX = "reset it: `cka-lab reset`"


def home_mark() -> str:
    """Four letters for this data folder: clusters of another one are not ours.

    In containers the data folders of all volumes bear one name: there a word in the folder takes its place.
    """
    home = paths.home()
    name = _word(paths.make_private(home)) if in_container() else home
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:4]


def _word(home: Path) -> str:
    """A word of this folder's own, made up when it is first asked for."""
    kept = home / "mark"
    if not kept.exists():
        draft = home / f"mark.{os.getpid()}"
        draft.write_text(os.urandom(8).hex())
        with contextlib.suppress(FileExistsError):
            os.link(draft, kept)
        draft.unlink()
    return kept.read_text()


@lru_cache(maxsize=1)
def engine() -> Any:
    """A client of the engine that DOCKER_HOST (or the current context) names. NotAvailable."""
    import docker

    try:
        made = docker.from_env(timeout=ANSWER_SECONDS)
        made.ping()
    except docker.errors.DockerException as error:
        raise NotAvailable(
            f"docker does not answer: {reason(error)}", fix="start docker, or see `cka-lab doctor`"
        ) from error
    return made


def reason(error: Exception) -> str:
    """The engine's own words, in one line."""
    text = getattr(error, "explanation", None) or str(error)
    return " ".join(str(text).split())[:300]


@contextmanager
def ours(what: str) -> Iterator[None]:
    """The engine's errors as ours: LabGone where the container is not there or does not run, else LabFailure."""
    import docker
    import requests

    try:
        yield
    except docker.errors.NotFound as error:
        raise LabGone(f"{what}: {reason(error)}", fix=FIX) from error
    except docker.errors.APIError as error:
        if error.status_code == 409:
            raise LabGone(f"{what}: {reason(error)}", fix=FIX) from error
        raise LabFailure(f"{what}: {reason(error)}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise LabFailure(f"{what}: docker does not answer ({reason(error)})") from error


class Exec:
    """A command inside a container, joined by a socket. Close it, or use it in a with block."""

    def __init__(
        self, container: str, argv: Sequence[str], *, tty: bool = False, stdin: bool = True, user: str = "root",
        env: Mapping[str, str] | None = None, cwd: str | None = None,
    ) -> None:  # fmt: skip
        self.container, self.tty = container, tty
        with ours(container):
            self._api = engine().api
            made = self._api.exec_create(
                container, list(argv), stdin=stdin, tty=tty, user=user, environment=dict(env or {}), workdir=cwd
            )
            self.id: str = made["Id"]
            stream = self._api.exec_start(self.id, tty=tty, socket=True)
        self.socket: socket.socket = getattr(stream, "_sock", stream)
        self.socket.settimeout(None)
        self._finish = weakref.finalize(self, _hang_up, self.socket, stream)
        self._rest = bytearray()

    def send(self, data: bytes) -> None:
        with ours(self.container):
            self.socket.sendall(data)

    def end_of_input(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def frame(self, timeout: float | None) -> tuple[int, bytes] | None:
        """The next piece of output: 1 for stdout, 2 for stderr, and the bytes; None at the end. TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        head = self._exactly(8, deadline)
        if head is None:
            return None
        stream, length = struct.unpack(">BxxxL", head)
        body = self._exactly(length, deadline)
        return None if body is None else (stream, body)

    def _exactly(self, count: int, deadline: float | None) -> bytes | None:
        """So many bytes. The socket stays blocking, since another thread may be sending."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        while len(self._rest) < count:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not poll.poll(left):
                raise TimeoutError
            chunk = self.socket.recv(1 << 16)
            if not chunk:
                return None
            self._rest += chunk
        data = bytes(self._rest[:count])
        del self._rest[:count]
        return data

    def code(self) -> int | None:
        """The exit code, None while it runs."""
        with ours(self.container):
            about = self._api.exec_inspect(self.id)
        return None if about["Running"] else int(about["ExitCode"] or 0)

    def resize(self, rows: int, cols: int) -> None:
        with contextlib.suppress(Exception):
            self._api.exec_resize(self.id, height=rows, width=cols)

    def close(self) -> None:
        self._finish()

    def __enter__(self) -> Exec:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _hang_up(end: socket.socket, stream: Any) -> None:
    """Close a command's socket; at the program's end at the latest, since Python 3.13 complains of one left open."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(Exception):
        getattr(stream, "_response", stream).close()  # the answer as a whole, which closes what lies below it
    with contextlib.suppress(OSError):
        end.close()


def feed(command: Exec, data: bytes) -> None:
    """Send input from a thread of its own, so that output can be read meanwhile; then its end."""

    def work() -> None:
        with contextlib.suppress(OSError, LabFailure):
            command.socket.sendall(data)
            command.end_of_input()

    threading.Thread(target=work, daemon=True).start()
