"""A client of one etcd endpoint over its JSON gateway, connected from inside the node."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cka_lab.etcd.process import address
from cka_lab.wire import LIMIT, Connections, NotServed, error_text, message_of, tls_reason

if TYPE_CHECKING:
    from cka_lab.api import NodeView

BATCH, BATCH_BYTES = 120, 1 << 20
"""Operations and bytes of one transaction."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as etcd stores it."""

    key: str
    value: bytes
    created: int
    modified: int
    version: int


@contextmanager
def etcds_own() -> Iterator[None]:
    """Whoever listens may answer anything: what does not look like etcd's answer is NotServed, not our failure."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise NotServed("error", "what answers there is not etcd") from error


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def prefix_range(prefix: str) -> dict[str, str]:
    """The range of all keys that begin with ``prefix``; all keys for an empty one."""
    raw = prefix.encode()
    end = raw[:-1] + bytes([raw[-1] + 1]) if raw else b"\0"
    return {"key": b64(raw or b"\0"), "range_end": b64(end)}


class EtcdClient:
    """Asks one endpoint, with each of its contexts (client pairs) in turn while TLS refuses.

    Every call may raise NotServed.
    """

    def __init__(
        self, node: NodeView, url: str, contexts: Iterable[ssl.SSLContext], connections: Connections | None = None
    ) -> None:
        self.node = node
        self._connections = connections or Connections()
        self.url = url
        self._made: list[ssl.SSLContext] = []
        self._more = iter(contexts)

    @property
    def address(self) -> tuple[str, int]:
        return address(self.url)

    def _contexts(self) -> Iterator[ssl.SSLContext]:
        """Those made so far, then the others: most are never needed."""
        yield from self._made
        for context in self._more:
            self._made.append(context)
            yield context

    # -- questions --------------------------------------------------------------------------------------------

    @etcds_own()
    def get(self, key: str, *, serializable: bool = False) -> KeyValue | None:
        answer = self.call("kv/range", {"key": b64(key), "serializable": serializable})
        found = answer.get("kvs") or []
        return _key_value(found[0]) if found else None

    @etcds_own()
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

    @etcds_own()
    def range(self, prefix: str, limit: int = 0) -> list[KeyValue]:
        body = {**prefix_range(prefix), "limit": limit}
        return [_key_value(kv) for kv in self.call("kv/range", body).get("kvs") or []]

    @etcds_own()
    def count(self, prefix: str) -> int:
        body = {**prefix_range(prefix), "count_only": True}
        return int(self.call("kv/range", body).get("count", 0))

    @etcds_own()
    def revision(self, *, serializable: bool = False) -> int:
        """The store's revision, by a read that (unless ``serializable``) needs a quorum."""
        answer = self.call("kv/range", {"key": b64("\0"), "count_only": True, "serializable": serializable})
        return int(answer["header"]["revision"])

    @etcds_own()
    def members(self) -> list[dict[str, Any]]:
        return list(self.call("cluster/member/list", {}).get("members") or [])

    @etcds_own()
    def status(self) -> dict[str, Any]:
        return self.call("maintenance/status", {})

    @etcds_own()
    def hash(self) -> int:
        """The hash of its keys, as `etcdctl endpoint hashkv` prints it."""
        return int(self.call("maintenance/hash", {}).get("hash", 0))

    @etcds_own()
    def alarms(self) -> list[str]:
        return [a.get("alarm", "") for a in self.call("maintenance/alarm", {"action": "GET"}).get("alarms") or []]

    @etcds_own()
    def healthy(self) -> str:
        """What etcd's own /health complains of: an empty string when it is healthy."""
        answer = json.loads(self._exchange("GET", "/health"))
        return "" if answer.get("health") == "true" else answer.get("reason") or "it says that it is not healthy"

    def snapshot(self) -> Iterator[bytes]:
        """The parts of a snapshot, as `etcdctl snapshot save` writes them."""
        for line in self._exchange("POST", "/v3/maintenance/snapshot", b"{}", limit=1 << 30).splitlines():
            with etcds_own():
                part = json.loads(line)
                if "result" not in part:
                    raise NotServed("error", message_of(part))
                blob = base64.b64decode(part["result"].get("blob", ""))
            yield blob

    # -- changes ----------------------------------------------------------------------------------------------

    def put_many(self, pairs: Sequence[tuple[str, bytes]]) -> int:
        """Write keys, as few transactions as fit; the revision after it."""
        return self._transact([{"requestPut": {"key": b64(k), "value": b64(v)}} for k, v in pairs])

    def delete_many(self, keys: Sequence[str]) -> int:
        return self._transact([{"requestDeleteRange": {"key": b64(key)}} for key in keys])

    @etcds_own()
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

    @etcds_own()
    def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to /v3/``method``; the parsed answer."""
        answer = json.loads(self._exchange("POST", f"/v3/{method}", json.dumps(body).encode()))
        if not isinstance(answer, dict):
            raise TypeError(answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes = b"", limit: int = LIMIT) -> bytes:
        refusal: NotServed | None = None
        for context in self._contexts() if self.url.startswith("https") else [None]:
            try:
                status, answer = self._connections.exchange(self.node, self.url, context, method, path, body, limit)
            except ssl.SSLError as error:
                refusal = NotServed("tls", tls_reason(error))
                continue
            if status != 200 and path != "/health":
                raise NotServed("error", error_text(status, answer))
            return answer
        raise refusal or NotServed("tls", "no certificate to ask with")


def _key_value(data: dict[str, Any]) -> KeyValue:
    return KeyValue(
        base64.b64decode(data["key"]).decode(errors="replace"),
        base64.b64decode(data.get("value", "")),
        int(data.get("create_revision", 0)),
        int(data.get("mod_revision", 0)),
        int(data.get("version", 0)),
    )
