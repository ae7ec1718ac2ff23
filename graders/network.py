"""What a Pod reaches, tried from its own network: the image needs no tool for it."""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from cka_lab.api import LabFailure, LabView, Mismatch, NodeView, TrialFailed, TrialPod, grader
from graders._kube import Api, Object, selector

Protocol = Literal["TCP", "UDP"]
TIMEOUT = 2.0
"""Seconds; a policy bites or lets go within 1-2 s of its making, so that a wrong answer is asked again."""
PATIENCE = 4.0
DNS_SUFFIX = "cluster.local"
TYPES = {"A": 1, "CNAME": 5, "TXT": 16, "AAAA": 28, "SRV": 33}


@grader("connection")
def connection(
    lab: LabView,
    *,
    to: str,
    port: int,
    from_labels: Mapping[str, str] | None = None,
    namespace: str = "default",
    protocol: Protocol = "TCP",
    allowed: bool = True,
) -> Mismatch | None:
    """A Pod reaches (or, with ``allowed: false``, does not reach) ``to``: an address, the name of a Service
    (NAME.NAMESPACE) or Pods, as pod:NAMESPACE/KEY=VALUE (the first ready one). It is tried from the first ready Pod of
    ``namespace`` with ``from_labels``; without them from a throw-away one.

    A handshake counts, no answer is needed; with UDP only that nothing refuses it.
    """
    api = Api(lab)
    host, ports = _target(api, to, protocol)
    if allowed and ports and port not in ports:
        return Mismatch(f"{to} has no port {port}", str(port), ", ".join(map(str, ports)))
    with _source(lab, api, namespace, from_labels) as source:
        deadline = time.monotonic() + PATIENCE
        while (reached := _reaches(source, host, port, protocol)) != allowed and time.monotonic() < deadline:
            time.sleep(0.5)
    if reached == allowed:
        return None
    what = f"{to} port {port} from {source.title}"
    if allowed:
        return Mismatch(f"{what} can't be reached", "a connection", "none")
    return Mismatch(f"{what} can be reached", "no connection", "a connection")


class _Source:
    """A Pod's network, and what to call it."""

    def __init__(self, node: NodeView, pod: str, title: str) -> None:
        self.node, self.pod, self.title = node, pod, title


def _source(
    lab: LabView, api: Api, namespace: str, labels: Mapping[str, str] | None
) -> AbstractContextManager[_Source]:  # fmt: skip
    if labels is None:
        return _Trial(lab, namespace)
    pod = _first_ready(api, namespace, selector(labels))
    name = pod["metadata"]["name"]
    return nullcontext(_Source(lab.node(pod["spec"]["nodeName"]), f"{namespace}/{name}", f"the Pod {name}"))


class _Trial:
    """A throw-away Pod as a source. That it does not run is ours to say, not the check's matter."""

    def __init__(self, lab: LabView, namespace: str) -> None:
        self._lab, self._made = lab, lab.trial_pod(namespace)

    def __enter__(self) -> _Source:
        try:
            pod: TrialPod = self._made.__enter__()
        except TrialFailed as error:
            raise LabFailure(f"no probe: {error.message}") from error
        return _Source(self._lab.node(pod.node), f"{pod.namespace}/{pod.name}", f"a Pod in {pod.namespace}")

    def __exit__(self, *error: object) -> None:
        self._made.__exit__(None, None, None)


def _first_ready(api: Api, namespace: str, labels: str) -> Object:
    for pod in api.list("Pod", namespace, labels, "status.phase=Running"):
        if "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("podIP"):
            return pod
    raise LabFailure(f"no Pod with {labels or 'any labels'} runs in {namespace}, so this can't be told")


def _target(api: Api, to: str, protocol: Protocol) -> tuple[str, list[int]]:
    """The address that a target has now, and a Service's ports: what goes to another one may be answered by anybody on
    the way. No ports where it is none.
    """
    if to.startswith("pod:"):
        namespace, _, labels = to.removeprefix("pod:").partition("/")
        return str(_first_ready(api, namespace, labels)["status"]["podIP"]), []
    parts = to.split(".")
    if to.replace(".", "").isdigit() or ":" in to:
        return to, []
    found = api.get("Service", parts[0], parts[1] if len(parts) > 1 else "default")
    if found is None:
        raise LabFailure(f"there is no Service {to}, so this can't be told")
    ports = [p["port"] for p in found["spec"].get("ports", []) if p.get("protocol", "TCP") == protocol]
    return str(found["spec"]["clusterIP"]), ports


def _reaches(source: _Source, host: str, port: int, protocol: Protocol) -> bool:
    try:
        made = source.node.connect_from(source.pod, host, port, udp=protocol == "UDP", timeout=TIMEOUT)
    except OSError:
        return False
    with made:
        if protocol == "TCP":
            return True
        made.settimeout(0.5)
        try:
            made.sendall(b"\0")
            return made.recv(1) != b""  # the relay ends where ICMP refuses
        except TimeoutError:
            return True
        except OSError:
            return False


@grader("dns")
def dns(
    lab: LabView,
    *,
    name: str,
    type: Literal["A", "AAAA", "SRV", "TXT", "CNAME"] = "A",  # noqa: A002
    answers: Sequence[str] | None = None,
    exists: bool = True,
    from_labels: Mapping[str, str] | None = None,
    namespace: str = "default",
    tcp: bool = False,
) -> Mismatch | None:
    """The cluster's DNS gives ``name`` (short names of Services, too, as seen from ``namespace``) to a Pod: with these
    ``answers``, or any; with ``exists: false`` it says that there is none.

    Asked at the Service kube-dns from the network of the first Pod with ``from_labels``, else of a throw-away one.
    """
    api = Api(lab)
    server = api.get("Service", "kube-dns", "kube-system")
    if server is None:
        return Mismatch("the Service kube-system/kube-dns does not exist", "the cluster's DNS", "nothing")
    with _source(lab, api, namespace, from_labels) as source:
        deadline = time.monotonic() + PATIENCE
        while True:
            found = _resolve(source, server["spec"]["clusterIP"], name, namespace, TYPES[type], tcp)
            mismatch = _wrong_answers(name, source.title, found, answers, exists)
            if mismatch is None or time.monotonic() > deadline:
                return mismatch
            time.sleep(0.5)


def _wrong_answers(
    name: str, title: str, found: list[str] | None, answers: Sequence[str] | None, exists: bool
) -> Mismatch | None:
    if found is None:
        return Mismatch(f"the cluster's DNS does not answer {title}", "an answer", "none within 2 s")
    if bool(found) != exists:
        wanted = "an address" if exists else "no such name"
        return Mismatch(
            f"{name} {'does not resolve' if exists else 'resolves'}", wanted, ", ".join(found) or "no such name"
        )
    if answers is not None and sorted(found) != sorted(answers):
        return Mismatch(f"{name} resolves to something else", ", ".join(answers), ", ".join(found))
    return None


def _resolve(source: _Source, server: str, name: str, namespace: str, kind: int, tcp: bool) -> list[str] | None:
    """What the name, or the first of its completions, resolves to; None where no server answers."""
    search = [f"{namespace}.svc.{DNS_SUFFIX}", f"svc.{DNS_SUFFIX}", DNS_SUFFIX]
    names = [name] if name.count(".") >= 4 or name.endswith(".") else [*(f"{name}.{s}" for s in search), name]
    for full in names:
        found = _query(source, server, full.rstrip("."), kind, tcp)
        if found is None or found:
            return found
    return []


def _query(source: _Source, server: str, name: str, kind: int, tcp: bool) -> list[str] | None:
    number = secrets.randbelow(1 << 16)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
    try:
        with source.node.connect_from(source.pod, server, 53, udp=not tcp, timeout=TIMEOUT) as made:
            made.settimeout(TIMEOUT)
            made.sendall(struct.pack(">H", len(question)) + question if tcp else question)
            answer = made.recv(4096)
    except OSError:
        return None
    answer = answer[2:] if tcp else answer
    if len(answer) < 12 or answer[:2] != question[:2]:
        return None
    return list(_records(answer, len(question), kind))


def _records(answer: bytes, at: int, kind: int) -> Sequence[str]:
    """The answers of one kind, behind the question."""
    found = []
    for _ in range(struct.unpack_from(">H", answer, 6)[0]):
        at = _after_name(answer, at)
        what, _, _, size = struct.unpack_from(">HHIH", answer, at)
        data = answer[at + 10 : at + 10 + size]
        if what == kind:
            found.append(_told(kind, data))
        at += 10 + size
    return found


def _after_name(answer: bytes, at: int) -> int:
    while answer[at] and answer[at] < 0xC0:
        at += answer[at] + 1
    return at + (2 if answer[at] >= 0xC0 else 1)


def _told(kind: int, data: bytes) -> str:
    if kind in (1, 28):
        return socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)
    return data.hex()
