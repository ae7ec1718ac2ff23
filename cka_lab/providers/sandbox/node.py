"""A sandbox node as api.Node: everything is asked of the agent inside."""

from __future__ import annotations

import os
import socket
import struct
import termios
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from fcntl import ioctl
from pathlib import Path
from typing import Any

from cka_lab.api import Completed, Container, FileInfo, Process, Unit
from cka_lab.errors import CkaLabError, CommandFailed, LabGone, NotAvailable, Unreadable
from cka_lab.providers.sandbox import client
from cka_lab.providers.sandbox.layout import NODE


class SandboxShell:
    """An interactive shell in a sandbox: api.ShellChannel."""

    def __init__(self, connection: client.Connection) -> None:
        self._connection = connection
        (self.fd,) = connection.take(1)
        self._code: int | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with suppress(OSError, ValueError, KeyError, CkaLabError):
            self._code = int(self._connection.receive(None)["code"])
        self._ended.set()

    def resize(self, rows: int, cols: int) -> None:
        with suppress(OSError):
            ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def wait(self, timeout: float | None = None) -> int | None:
        self._ended.wait(timeout)
        return self._code

    def close(self) -> None:
        with self._lock:
            if self.fd < 0:
                return
            fd, self.fd = self.fd, -1
        with suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        os.close(fd)


class SandboxNode:
    """The one node of a sandbox lab."""

    name = NODE

    def __init__(self, lab: Path) -> None:
        self._lab = lab

    def read(self, path: str, limit: int = 16 << 20) -> bytes:
        fd = client.open_file(self._lab, path)
        with os.fdopen(fd, "rb") as file:
            _check_size(path, os.fstat(fd).st_size, limit)
            data = file.read(limit + 1)
        _check_size(path, len(data), limit)
        return data

    def fetch(self, path: str, to: Path, limit: int = 1 << 30) -> None:
        fd = client.open_file(self._lab, path)
        with os.fdopen(fd, "rb") as source, to.open("wb") as target:
            _check_size(path, os.fstat(fd).st_size, limit)
            copied = 0
            while chunk := source.read(1 << 20):
                copied += len(chunk)
                _check_size(path, copied, limit)
                target.write(chunk)

    def stat(self, path: str) -> FileInfo | None:
        try:
            info = client.ask(self._lab, "stat", path=path)["info"]
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror or error}") from error
        return FileInfo(**info) if info else None

    def list(self, path: str) -> Sequence[str]:
        try:
            return tuple(client.ask(self._lab, "list", path=path)["names"])
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror or error}") from error

    def processes(self) -> Sequence[Process]:
        found = client.ask(self._lab, "ps")["processes"]
        return [Process(**{**p, "argv": tuple(p["argv"])}) for p in found if p["pid"] != 1]

    def containers(self) -> Sequence[Container]:
        found = client.ask(self._lab, "containers")["containers"]
        return [_container(record) for record in found]

    def waiting_pods(self) -> Mapping[str, str]:
        """Pods that have no live container, and why."""
        return dict(client.ask(self._lab, "containers")["waiting"])

    def connect(self, host: str, port: int, timeout: float = 3.0) -> socket.socket:
        request = {"op": "connect", "host": host, "port": port, "timeout": timeout}
        with client.Connection(self._lab, request, timeout=timeout + 2) as connection:
            (fd,) = connection.take(1)
        made = socket.socket(fileno=fd)
        made.settimeout(timeout)
        return made

    def connect_from(
        self, pod: str, host: str, port: int, *, udp: bool = False, timeout: float = 3.0
    ) -> socket.socket:  # fmt: skip
        raise NotAvailable("the sandbox has no networks of Pods")

    def unit(self, name: str) -> Unit | None:
        raise NotAvailable("the sandbox has no systemd")

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str = "/root",
    ) -> Completed:
        try:
            code, out, err = client.execute(self._lab, argv, timeout=timeout, stdin=stdin, env=env or {}, cwd=cwd)
        except OSError as error:
            raise CommandFailed(argv, 127, error.strerror or str(error)) from error
        if code is None or code not in ok:
            raise CommandFailed(argv, code, (err or out).decode(errors="replace"))
        return Completed(tuple(argv), code, out, err)

    def write(self, path: str, data: bytes, mode: int = 0o644, mtime: float | None = None) -> None:
        request = {"op": "write", "path": path, "size": len(data), "mode": mode, "mtime": mtime}
        try:
            client.Connection(self._lab, request, data).close()
        except OSError as error:
            raise Unreadable(f"can't write {path}: {error.strerror or error}") from error

    def remove(self, path: str) -> None:
        try:
            client.ask(self._lab, "remove", path=path)
        except OSError as error:
            raise Unreadable(f"can't remove {path}: {error.strerror or error}") from error

    def shell(self, rows: int, cols: int, term: str = "xterm-256color", argv: Sequence[str] = ()) -> SandboxShell:
        request = {"op": "shell", "rows": rows, "cols": cols, "term": term, "argv": list(argv)}
        try:
            return SandboxShell(client.Connection(self._lab, request))
        except OSError as error:
            raise LabGone(f"no shell could be opened: {error.strerror or error}", fix=client.FIX) from error


def _container(record: dict[str, Any]) -> Container:
    known = {field.name: record[field.name] for field in fields(Container)}
    return Container(**known | {"argv": tuple(record["argv"])})


def _check_size(path: str, size: int, limit: int) -> None:
    if size > limit:
        raise Unreadable(f"{path} is {size} bytes, more than the {limit} that are looked at")
