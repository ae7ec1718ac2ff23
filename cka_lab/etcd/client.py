"""A client of one etcd endpoint over its JSON gateway, connected from inside the node."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cka_lab.errors import CkaLabError
from cka_lab.etcd.process import address

if TYPE_CHECKING:
    import socket

    from cka_lab.api import NodeView

TIMEOUT = 5.0
LIMIT = 64 << 20
"""Bytes of one answer."""
BATCH, BATCH_BYTES = 120, 1 << 20
"""Operations and bytes of one transaction."""


class NotServed(Exception):
    """etcd's own answer that it does not serve us, or that nothing does: the learner's matter, not ours.

    ``kind``: refused (no one listens), tls (the handshake fails), silent (no answer in time), error (etcd says so).
    """

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as etcd stores it."""

    key: str
    value: bytes
    created: int
    modified: int
    version: int


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def prefix_end(prefix: str) -> bytes:
    """The first key behind all that begin with ``prefix``."""
    raw = prefix.encode()
    return raw[:-1] + bytes([raw[-1] + 1])


class EtcdClient:
    """Asks one endpoint, with each of its contexts (client pairs) in turn while TLS refuses.

    Every call may raise NotServed.
    """

    def __init__(self, node: NodeView, url: str, contexts: Iterable[ssl.SSLContext]) -> None:
        self.node = node
        self.url = url
        self._made: list[ssl.SSLContext] = []
        self._more = iter(contexts)

    def _contexts(self) -> Iterator[ssl.SSLContext]:
        """Those made so far, then the others: most are never needed."""
        yield from self._made
        for context in self._more:
            self._made.append(context)
            yield context

    # -- questions --------------------------------------------------------------------------------------------

    def get(self, key: str, *, serializable: bool = False) -> KeyValue | None:
        answer = self.call("kv/range", {"key": b64(key), "serializable": serializable})
        found = answer.get("kvs") or []
        return _key_value(found[0]) if found else None

    def get_many(self, keys: Sequence[str]) -> list[KeyValue | None]:
        """Several keys at one revision."""
        wanted = [{"requestRange": {"key": b64(key)}} for key in keys]
        found: list[KeyValue | None] = []
        for start in range(0, len(wanted), BATCH):
            answer = self.call("kv/txn", {"success": wanted[start : start + BATCH]})
            for response in answer.get("responses") or []:
                kvs = response.get("response_range", {}).get("kvs") or []
                found.append(_key_value(kvs[0]) if kvs else None)
        return found

    def range(self, prefix: str, limit: int = 0) -> list[KeyValue]:
        body = {"key": b64(prefix), "range_end": b64(prefix_end(prefix)), "limit": limit}
        return [_key_value(kv) for kv in self.call("kv/range", body).get("kvs") or []]

    def count(self, prefix: str) -> int:
        body = {"key": b64(prefix), "range_end": b64(prefix_end(prefix)), "count_only": True}
        return int(self.call("kv/range", body).get("count", 0))

    def revision(self, *, serializable: bool = False) -> int:
        """The store's revision, by a read that (unless ``serializable``) needs a quorum."""
        answer = self.call("kv/range", {"key": b64("\0"), "count_only": True, "serializable": serializable})
        return int(answer["header"]["revision"])

    def members(self) -> list[dict[str, Any]]:
        return list(self.call("cluster/member/list", {}).get("members") or [])

    def status(self) -> dict[str, Any]:
        return self.call("maintenance/status", {})

    def alarms(self) -> list[str]:
        return [a.get("alarm", "") for a in self.call("maintenance/alarm", {"action": "GET"}).get("alarms") or []]

    def healthy(self) -> str:
        """What etcd's own /health complains of: an empty string when it is healthy."""
        answer = json.loads(self._exchange("GET", "/health"))
        return "" if answer.get("health") == "true" else answer.get("reason") or "it says that it is not healthy"

    def snapshot(self) -> Iterator[bytes]:
        """The parts of a snapshot, as `etcdctl snapshot save` writes them."""
        for line in self._exchange("POST", "/v3/maintenance/snapshot", b"{}", limit=1 << 30).splitlines():
            part = json.loads(line)
            if "result" not in part:
                raise NotServed("error", _message(part))
            yield base64.b64decode(part["result"].get("blob", ""))

    # -- changes ----------------------------------------------------------------------------------------------

    def put_many(self, pairs: Sequence[tuple[str, bytes]]) -> int:
        """Write keys, as few transactions as fit; the revision after it."""
        return self._transact([{"requestPut": {"key": b64(k), "value": b64(v)}} for k, v in pairs])

    def delete_many(self, keys: Sequence[str]) -> int:
        return self._transact([{"requestDeleteRange": {"key": b64(key)}} for key in keys])

    def _transact(self, requests: Sequence[dict[str, Any]]) -> int:
        """In transactions that stay below etcd's limits of 128 operations and 1.5 MiB."""
        revision = size = 0
        batch: list[dict[str, Any]] = []
        for request in (*requests, None):
            weight = len(next(iter(request.values())).get("value", "")) * 3 // 4 + 200 if request else 0
            if batch and (request is None or len(batch) == BATCH or size + weight > BATCH_BYTES):
                revision = int(self.call("kv/txn", {"success": batch})["header"]["revision"])
                batch, size = [], 0
            if request:
                batch.append(request)
                size += weight
        return revision

    # -- the wire ---------------------------------------------------------------------------------------------

    def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to /v3/``method``; the parsed answer."""
        answer = self._exchange("POST", f"/v3/{method}", json.dumps(body).encode())
        try:
            return dict(json.loads(answer))
        except ValueError as error:
            raise NotServed("error", "what answers there is not etcd") from error

    def _exchange(self, method: str, path: str, body: bytes = b"", limit: int = LIMIT) -> bytes:
        refusal: NotServed | None = None
        for context in self._contexts() if self.url.startswith("https") else [None]:
            try:
                status, answer = self._once(context, method, path, body, limit)
            except ssl.SSLError as error:
                refusal = NotServed("tls", tls_reason(error))
                continue
            if status != 200 and path != "/health":
                raise NotServed("error", _error_text(status, answer))
            return answer
        raise refusal or NotServed("tls", "no certificate to ask with")

    def _once(
        self, context: ssl.SSLContext | None, method: str, path: str, body: bytes, limit: int
    ) -> tuple[int, bytes]:
        host, port = address(self.url)
        head = f"{method} {path} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
        with open_socket(self.node, host, port) as plain:
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


def _answer(made: socket.socket, limit: int) -> tuple[int, bytes]:
    parts: list[bytes] = []
    size = 0
    with suppress(ssl.SSLEOFError):  # closed without a goodbye; a refusal comes as another SSLError
        while size <= limit and (part := made.recv(1 << 18)):
            parts.append(part)
            size += len(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise NotServed("error", "what answers there does not speak HTTP")
    return int(words[1]), body


def _error_text(status: int, answer: bytes) -> str:
    try:
        return _message(json.loads(answer))
    except ValueError:
        return f"HTTP {status}: {answer[:200].decode(errors='replace').strip()}"


def _message(answer: Any) -> str:
    inner = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(inner, dict):
        return str(inner.get("message", inner))
    return str(inner or (answer.get("message") if isinstance(answer, dict) else "") or answer)


def _key_value(data: dict[str, Any]) -> KeyValue:
    return KeyValue(
        base64.b64decode(data["key"]).decode(errors="replace"),
        base64.b64decode(data.get("value", "")),
        int(data.get("create_revision", 0)),
        int(data.get("mod_revision", 0)),
        int(data.get("version", 0)),
    )
