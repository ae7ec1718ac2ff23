"""A gate before docker's socket: shut, docker is stopped as far as anybody behind it can tell; frozen, it hangs."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

SOCKET = "/var/run/docker.sock"


class Gate:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = threading.Event()
        self._open.set()
        self._made: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        self._open.set()
        if self._listener is None:
            self.path.unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.path))
            self._listener.listen(64)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """As when docker is stopped: connections break, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for made in list(self._made):
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Nothing gets through until it is opened again."""
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(SOCKET)
            except OSError:
                near.close()
                continue
            self._made |= {near, far}
            threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        for end in (near, far):
            self._made.discard(end)
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._open.wait()
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def gate(folder: Path) -> Iterator[Gate]:
    """Everything that this process and its children ask docker goes through it."""
    from cka_lab.providers.kind.engine import engine

    made = Gate(folder / "docker.sock")
    engine.cache_clear()
    try:
        with mock.patch.dict(os.environ, {"DOCKER_HOST": f"unix://{made.path}"}):
            yield made
    finally:
        made.open()
        made.shut()
        engine.cache_clear()
