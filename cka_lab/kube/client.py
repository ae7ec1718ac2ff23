"""A client of a lab's API server: connected from inside the node, with a certificate of our own."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from cka_lab.errors import LabFailure
from cka_lab.kube.kinds import path_of
from cka_lab.tls import context
from cka_lab.wire import LIMIT, Connections, NotServed, connections, error_text, tls_reason

if TYPE_CHECKING:
    from cka_lab.api import LabView, NodeView

URL = "https://127.0.0.1:6443"
CA = "/etc/kubernetes/pki/ca.crt"
JSON = "Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: cka-lab\r\n"
Object = Mapping[str, Any]


class KubeClient:
    """Asks the API server of one control plane. Every call may raise NotServed: it does not serve us."""

    def __init__(
        self, node: NodeView, files: Mapping[str, bytes], url: str = URL, connections: Connections | None = None
    ) -> None:
        self.node, self.url = node, url
        self._files = files
        self._connections = connections or Connections()

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object; None where there is none."""
        return self._object(f"{path_of(kind, namespace)}/{quote(name)}")

    def list(
        self, kind: str, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Object]:  # fmt: skip
        """The objects of a namespace (all of them for None) that fit the selectors."""
        words = {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
        path = path_of(kind, namespace) + (f"?{urlencode(words)}" if words else "")
        found = self._object(path)
        return list(found["items"]) if found else []

    def ready(self) -> str:
        """What /readyz complains of; empty when the API server is ready."""
        status, answer = self._ask("/readyz")
        return "" if status == 200 else error_text(status, answer)[:300]

    def version(self) -> str:
        """As `kubectl version` gives it: v1.35.2."""
        return str(self._parsed("/version").get("gitVersion", ""))

    def raw(self, path: str) -> Object:
        """Any path of the API that gives JSON."""
        return self._parsed(path)

    def send(self, method: str, path: str, body: Object | None = None) -> Object:
        """A change, by whoever may make changes: the answer."""
        status, answer = self._ask(path, method, json.dumps(body).encode() if body else b"")
        return _as_object(200 if status in (200, 201, 202) else status, answer)

    def _object(self, path: str) -> Object | None:
        status, answer = self._ask(path)
        if status == 404:
            return None
        return _as_object(status, answer)

    def _parsed(self, path: str) -> Object:
        return _as_object(*self._ask(path))

    def _ask(self, path: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        try:
            trusted = self._files["kube-ca"]
            made = context(_with(trusted, self.node), self._files["kube-cert"], self._files["kube-key"], names=False)
        except KeyError as error:
            raise LabFailure("this place has no API server") from error
        try:
            return self._connections.exchange(self.node, self.url, made, method, path, body, LIMIT, JSON)
        except ssl.SSLError as error:
            raise NotServed("tls", tls_reason(error)) from error


def _with(trusted: bytes, node: NodeView) -> bytes:
    """The cluster's CA as it was made, and the one that lies on the node now, if it is another."""
    try:
        now = node.read(CA, 1 << 16)
        context(now)
    except Exception:
        return trusted
    return trusted if now.strip() in trusted else trusted + b"\n" + now


def _as_object(status: int, answer: bytes) -> Object:
    if status != 200:
        raise NotServed("error", error_text(status, answer))
    try:
        found = json.loads(answer)
    except ValueError as error:
        raise NotServed("error", "what answers there is not an API server") from error
    if not isinstance(found, dict):
        raise NotServed("error", "what answers there is not an API server")
    return found


def kube(lab: LabView, node: str | None = None) -> KubeClient:
    """A client of the API server on a control plane, the first by default."""
    return KubeClient(lab.node(node), lab.client_files(), connections=connections(lab))


def has_api(lab: LabView) -> bool:
    """Is there meant to be an API server in this kind of place?"""
    return "kube-cert" in lab.client_files()
