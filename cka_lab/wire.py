"""One HTTP exchange with an endpoint of a lab (etcd, an API server), on a connection made from inside the node."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cka_lab.errors import CkaLabError
from cka_lab.etcd.process import address

if TYPE_CHECKING:
    import socket

    from cka_lab.api import NodeView

TIMEOUT = 5.0
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
    text = getattr(error, "verify_message", "") or (error.reason or str(error)).replace("_", " ").lower()
    return f"TLS: {text}"


def exchange(
    node: NodeView, url: str, context: ssl.SSLContext | None, method: str, path: str, body: bytes, limit: int,
    headers: str = "",
) -> tuple[int, bytes]:  # fmt: skip
    """Status and body of one request; NotServed, or ssl.SSLError where TLS refuses."""
    host, port = address(url)
    head = f"{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    with open_socket(node, host, port) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) if context else plain as made:
                made.sendall(head.encode() + body)
                return _answer(made, limit)
        except ssl.SSLError:
            raise
        except TimeoutError as error:
            raise NotServed("silent", f"no answer within {TIMEOUT:g} s") from error
        except OSError as error:
            raise NotServed("refused", f"the connection broke: {error.strerror or error}") from error


def _answer(made: socket.socket, limit: int) -> tuple[int, bytes]:
    parts: list[bytes] = []
    size = 0
    began = time.monotonic()
    with suppress(ssl.SSLEOFError):  # closed without a goodbye; a refusal comes as another SSLError
        while size <= limit and (part := made.recv(1 << 18)):
            parts.append(part)
            size += len(part)
            if time.monotonic() - began > TIMEOUT + size / SLOWEST:
                raise TimeoutError
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise NotServed("error", "what answers there does not speak HTTP")
    return int(words[1]), body


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
