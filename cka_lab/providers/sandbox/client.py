"""The host's end of a node's agent: one connection a request. Nothing that comes back is trusted."""

from __future__ import annotations

import array
import json
import os
import selectors
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import AF_UNIX, CMSG_SPACE, SCM_RIGHTS, SOL_SOCKET, socket
from typing import Any

from cka_lab.errors import LabGone, Unreadable

ANSWER_LIMIT = 16 << 20
"""Bytes of one answer; more is not from our agent."""
OUTPUT_LIMIT = 32 << 20
"""Bytes of a command's output that are kept; a command that prints more is ended."""
ANSWER_SECONDS = 10.0
ABRUPT = (BrokenPipeError, ConnectionError, FileNotFoundError, TimeoutError)


class Connection:
    """An open request. Close it, or use it in a with block; closing ends what it started."""

    def __init__(
        self, lab: Path, request: Mapping[str, Any], data: bytes = b"", timeout: float = ANSWER_SECONDS
    ) -> None:
        self.socket = _connect(lab, timeout)
        self._rest = b""
        self.fds: list[int] = []
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n" + data)
            line = self._line(timeout)
        except ABRUPT as error:
            self.close()
            raise LabGone(f"the lab does not answer ({error or type(error).__name__})", fix=FIX) from error
        except BaseException:
            self.close()
            raise
        try:
            self.answer = _parse(line)
        except BaseException:
            self.close()
            raise

    def receive(self, timeout: float | None) -> dict[str, Any]:
        """The next answer. TimeoutError; OSError as the agent met it; LabGone when the agent ends."""
        return _parse(self._line(timeout))

    def _line(self, timeout: float | None) -> bytes:
        self.socket.settimeout(timeout)
        while b"\n" not in self._rest:
            chunk, ancillary, _, _ = self.socket.recvmsg(1 << 16, CMSG_SPACE(16))
            for level, kind, payload in ancillary:
                if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
                    fds = array.array("i")
                    fds.frombytes(payload[: len(payload) // fds.itemsize * fds.itemsize])
                    self.fds += fds
            if not chunk:
                raise LabGone("the lab's agent ended in the middle of an answer", fix=FIX)
            self._rest += chunk
            if len(self._rest) > ANSWER_LIMIT:
                raise LabGone("the lab's agent sends garbage", fix=FIX)
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def take(self, count: int) -> list[int]:
        """The descriptors of the answer, now the caller's."""
        if len(self.fds) != count:
            raise LabGone("the lab's agent sent no descriptor", fix=FIX)
        fds, self.fds = self.fds, []
        return fds

    def close(self) -> None:
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _parse(line: bytes) -> dict[str, Any]:
    """An answer; the agent's errors become OSError of their own kind (FileNotFoundError ...)."""
    try:
        answer = dict(json.loads(line))
    except ValueError as error:
        raise LabGone("the lab's agent sends garbage", fix=FIX) from error
    if "error" in answer:
        raise OSError(answer.get("errno") or 0, str(answer["error"]))
    return answer


def ask(lab: Path, op: str, timeout: float = ANSWER_SECONDS, **fields: Any) -> dict[str, Any]:
    """One question, one answer."""
    with Connection(lab, {"op": op, **fields}, timeout=timeout) as connection:
        return connection.answer


def open_file(lab: Path, path: str) -> int:
    """A descriptor of a regular file inside the lab, opened inside it. FileNotFoundError, Unreadable."""
    try:
        with Connection(lab, {"op": "open", "path": path}) as connection:
            (fd,) = connection.take(1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unreadable(f"{path} is not a regular file")
    return fd


def execute(
    lab: Path, argv: Sequence[str], *, timeout: float, stdin: bytes, env: Mapping[str, str], cwd: str
) -> tuple[int | None, bytes, bytes]:
    """Run argv inside: exit code (None when it took longer than ``timeout`` and was killed), stdout, stderr."""
    deadline = time.monotonic() + timeout
    request = {"op": "exec", "argv": list(argv), "env": dict(env), "cwd": cwd}
    with Connection(lab, request) as connection, _Pipes(connection, stdin) as pipes:
        code = pipes.until_end(deadline)
        return code, bytes(pipes.out), bytes(pipes.err)


class _Pipes:
    """A running command's three pipes and the connection on which its exit code comes."""

    def __init__(self, connection: Connection, stdin: bytes) -> None:
        self._connection, self._stdin = connection, stdin
        self._write, self._out, self._err = connection.take(3)
        self.out, self.err = bytearray(), bytearray()
        self._code: int | None = None
        self._selector = selectors.DefaultSelector()
        for fd in (self._write, self._out, self._err):
            os.set_blocking(fd, False)
        if stdin:
            self._selector.register(self._write, selectors.EVENT_WRITE, self._feed)
        else:
            self._close_stdin()
        self._selector.register(self._out, selectors.EVENT_READ, lambda: self._read(self._out, self.out))
        self._selector.register(self._err, selectors.EVENT_READ, lambda: self._read(self._err, self.err))
        self._selector.register(connection.socket, selectors.EVENT_READ, self._ended)

    def until_end(self, deadline: float) -> int | None:
        """Move bytes until the exit code is there and the pipes are empty (a daemon may hold them open)."""
        while (left := deadline - time.monotonic()) > 0:
            ready = self._selector.select(0 if self._code is not None else left)
            if self._code is not None and not ready:
                return self._code
            for key, _ in ready:
                key.data()
            if max(len(self.out), len(self.err)) > OUTPUT_LIMIT:
                return None
        return self._code

    def _ended(self) -> None:
        self._selector.unregister(self._connection.socket)
        self._code = int(self._connection.receive(ANSWER_SECONDS)["code"])

    def _feed(self) -> None:
        self._stdin = self._stdin[_write(self._write, self._stdin) :]
        if not self._stdin:
            self._selector.unregister(self._write)
            self._close_stdin()

    def _read(self, fd: int, kept: bytearray) -> None:
        chunk = _read(fd)
        kept += chunk
        if not chunk:
            self._selector.unregister(fd)

    def _close_stdin(self) -> None:
        os.close(self._write)
        self._write = -1

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *error: object) -> None:
        self._selector.close()
        for fd in (self._write, self._out, self._err):
            if fd >= 0:
                os.close(fd)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data[: 1 << 16])
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)  # the command does not read its stdin


def _connect(lab: Path, timeout: float) -> socket:
    """Connect by the folder's descriptor: a socket's address may have 108 bytes only."""
    made = socket(AF_UNIX)
    made.settimeout(timeout)
    try:
        folder = os.open(lab, os.O_RDONLY | os.O_DIRECTORY)
        try:
            made.connect(f"/proc/self/fd/{folder}/agent.sock")
        finally:
            os.close(folder)
    except OSError as error:
        made.close()
        raise LabGone("the lab is not running", fix=FIX) from error
    return made


def listen(lab: Path) -> socket:
    """The listening end that the agent inherits: nothing inside the lab can see or replace it."""
    path = lab / "agent.sock"
    path.unlink(missing_ok=True)
    made = socket(AF_UNIX)
    folder = os.open(lab, os.O_RDONLY | os.O_DIRECTORY)
    try:
        made.bind(f"/proc/self/fd/{folder}/agent.sock")
    finally:
        os.close(folder)
    path.chmod(0o600)
    made.listen(64)
    return made


FIX = "`cka-lab reset` starts it anew from its baseline"
