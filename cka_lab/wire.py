"""HTTP with the servers of a lab (etcd, an API server), on connections made from inside the node and used again."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from cka_lab.errors import CkaLabError
from cka_lab.etcd.process import address
from cka_lab.tls import handshake

if TYPE_CHECKING:
    import socket

    from cka_lab.api import LabView, NodeView

TIMEOUT = 5.0
CONNECTIONS = ("connections",)
"""The key of the shared ones: see connections()."""
LIMIT = 64 << 20
"""Bytes of one answer."""
SLOWEST = 1 << 20
"""Bytes a second: who answers more slowly than that is given up after TIMEOUT."""


class NotServed(Exception):
    """The server's own answer that it does not serve us, or that nothing does: the learner's matter, not ours.

    ``kind``: refused (no one listens), tls (the handshake fails), silent (no answer in time), error (it says so).
    """

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why


def open_socket(node: NodeView, host: str, port: int) -> socket.socket:
    """A connection from inside the node. NotServed when nothing takes it; LabGone as usual."""
    try:
        made = node.connect(host, port, TIMEOUT)
    except CkaLabError:
        raise
    except ConnectionRefusedError as error:
        raise NotServed("refused", f"nothing listens on {host}:{port} (connection refused)") from error
    except OSError as error:
        raise NotServed("refused", f"{host}:{port} can't be reached: {error.strerror or error}") from error
    made.settimeout(TIMEOUT)
    return made


def tls_reason(error: ssl.SSLError) -> str:
    """What a failed handshake says, without OpenSSL's places in its source."""
    said = getattr(error, "reason", None) or str(error)
    return f"TLS: {getattr(error, 'verify_message', '') or said.replace('_', ' ').lower()}"


class Connections:
    """Kept connections, by server and by who we are there; any thread may use them. Close it in the end.

    To make one costs a process in the node and a handshake, 0.1 s on kind; to use it again 5 ms.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[object, ...], list[socket.socket]] = {}

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for made in (made for several in idle.values() for made in several):
            made.close()

    def exchange(
        self, node: NodeView, url: str, context: ssl.SSLContext | None, method: str, path: str, body: bytes,
        limit: int, headers: str = "",
    ) -> tuple[int, bytes]:  # fmt: skip
        """Status and body of one request; NotServed, or ssl.SSLError where TLS refuses."""
        host, port = address(url)
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        key, request = (node.name, host, port, context), head.encode() + body
        while made := self._kept(key):
            with suppress(_Stale):
                return self._ask(key, made, request, limit, fresh=False)
        with _told():
            plain = open_socket(node, host, port)
            made = handshake(context, plain, host) if context else plain
        return self._ask(key, made, request, limit, fresh=True)

    def _kept(self, key: tuple[object, ...]) -> socket.socket | None:
        with self._lock:
            several = self._idle.get(key)
            return several.pop() if several else None

    def _ask(
        self, key: tuple[object, ...], made: socket.socket, request: bytes, limit: int, *, fresh: bool
    ) -> tuple[int, bytes]:
        """One request on a connection, which is kept for the next one where that can be."""
        answer = Answer(made, limit)
        try:
            with _told():
                _send(made, request)
                answer.read()
        except BaseException as error:
            made.close()
            silent = isinstance(error, NotServed) and error.kind == "silent"
            if fresh or silent or answer.begun or not isinstance(error, NotServed | ssl.SSLError):
                raise
            raise _Stale from error
        if answer.reusable:
            with self._lock:
                self._idle.setdefault(key, []).append(made)
        else:
            made.close()
        return answer.status, bytes(answer.body)


def connections(lab: LabView) -> Connections:
    """Those of one grading, or of one set-up."""
    return lab.once(CONNECTIONS, Connections)


def _send(made: socket.socket, request: bytes) -> None:
    """Where the server has gone already, what it said before tells more: with TLS 1.3 it refuses a client only then."""
    try:
        made.sendall(request)
    except ConnectionError:
        with suppress(ConnectionError):
            made.recv(1)
        raise


class _Stale(Exception):
    """A kept connection had ended meanwhile."""


@contextmanager
def _told() -> Iterator[None]:
    """What a socket raises, in our words; TLS keeps its own."""
    try:
        yield
    except ssl.SSLError:
        raise
    except TimeoutError as error:
        raise NotServed("silent", f"no answer within {TIMEOUT:g} s") from error
    except OSError as error:
        raise NotServed("refused", f"the connection broke: {error.strerror or error}") from error


class Answer:
    """One HTTP answer, as it comes; a body beyond ``limit`` is cut off there."""

    def __init__(self, made: socket.socket, limit: int) -> None:
        self.status, self.body, self.begun, self.reusable = 0, bytearray(), False, False
        self._made, self._limit = made, limit
        self._buffer, self._ended = bytearray(), False
        self._size, self._began = 0, time.monotonic()

    def read(self) -> None:
        """NotServed where it is no HTTP; TimeoutError where it comes too slowly."""
        while b"\r\n\r\n" not in self._buffer and self._more():
            pass
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        words = head.split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise NotServed("error", "what answers there does not speak HTTP")
        self.status = int(words[1])
        lines = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
        fields = {name.strip(): value.strip() for name, _, value in lines}
        self._body(fields)
        lasts = words[0] == b"HTTP/1.1" and b"close" not in fields.get(b"connection", b"")
        self.reusable = lasts and not self._ended and len(self.body) <= self._limit and not self._buffer

    def _body(self, fields: Mapping[bytes, bytes]) -> None:
        length = fields.get(b"content-length", b"")
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while size := self._chunk_size():
                self._take(size)
                self._line()
            while self._line():
                pass
        elif length.isdigit():
            self._take(int(length))
        else:
            while len(self._buffer) <= self._limit and self._more():
                pass
            self._take(len(self._buffer))
            self._ended = True

    def _chunk_size(self) -> int:
        if len(self.body) > self._limit:
            self._ended = True
            return 0
        try:
            return int(self._line().split(b";")[0] or b"0", 16)
        except ValueError:
            raise NotServed("error", "what answers there does not speak HTTP") from None

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer and not self._ended and self._more():
            pass
        line, _, rest = bytes(self._buffer).partition(b"\r\n")
        self._buffer = bytearray(rest)
        return line

    def _take(self, size: int) -> None:
        """So many bytes of the body, or what there is of them."""
        while len(self._buffer) < size and len(self._buffer) + len(self.body) <= self._limit and self._more():
            pass
        self._ended = self._ended or len(self._buffer) < size
        self.body += self._buffer[:size]
        del self._buffer[:size]

    def _more(self) -> bool:
        part = b""
        with suppress(ssl.SSLEOFError):  # closed without a goodbye; a refusal comes as another SSLError
            part = self._made.recv(1 << 18)
        self.begun = self.begun or bool(part)
        self._buffer += part
        self._size += len(part)
        self._ended = self._ended or not part
        if time.monotonic() - self._began > TIMEOUT + self._size / SLOWEST:
            raise TimeoutError
        return bool(part)


def error_text(status: int, answer: bytes) -> str:
    try:
        return message_of(json.loads(answer))
    except ValueError:
        return f"HTTP {status}: {answer[:200].decode(errors='replace').strip()}"


def message_of(answer: Any) -> str:
    inner = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(inner, dict):
        return str(inner.get("message", inner))
    return str(inner or (answer.get("message") if isinstance(answer, dict) else "") or answer)
