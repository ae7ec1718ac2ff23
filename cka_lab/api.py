"""What authors of packs import: the protocols of a lab's place, and the decorators for graders and faults.

A grader is a read-only question, a fault is a reversible act (undone by a reset to the baseline)::

    @grader("file_exists")
    def file_exists(lab: LabView, *, path: LabPath) -> Mismatch | None:
        if lab.node().stat(path) is None:
            return Mismatch(f"{path} is not there", expected="a file", found="nothing")
        return None

Params are keyword-only and typed; YAML is checked against the signature when a scenario is loaded.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from cka_lab.errors import LabFailure, LabGone, NotAvailable, TrialFailed, Unreadable
from cka_lab.etcd.bolt import NotBolt, bolt_size
from cka_lab.etcd.client import EtcdClient, KeyValue
from cka_lab.etcd.manifest import PodFile, pod_files
from cka_lab.etcd.process import EtcdProcess, find_etcds
from cka_lab.etcd.process import address as etcd_address
from cka_lab.etcd.process import parse_flags as flags_of
from cka_lab.etcd.reach import client as etcd_client
from cka_lab.etcd.reach import clients as etcd_clients
from cka_lab.etcd.store import Store, read_store
from cka_lab.kube.client import KubeClient, has_api, kube
from cka_lab.kube.objects import condition, digest, object_key
from cka_lab.model import Diagnosis, Mark, Mismatch
from cka_lab.proc import Completed
from cka_lab.tls import context as tls_context
from cka_lab.tls import handshake as tls_handshake
from cka_lab.wait import Progress, until
from cka_lab.wire import NotServed

__all__ = [
    "Addon",
    "Bench",
    "Capability",
    "Cluster",
    "ClusterSpec",
    "Completed",
    "Container",
    "Diagnosis",
    "EtcdClient",
    "EtcdProcess",
    "Fault",
    "FileInfo",
    "Grader",
    "KeyValue",
    "KubeClient",
    "LabFailure",
    "LabGone",
    "LabPath",
    "LabView",
    "LabWriter",
    "Mark",
    "MarkName",
    "Mismatch",
    "Node",
    "NodeView",
    "NotAvailable",
    "NotBolt",
    "NotServed",
    "PackPath",
    "PodFile",
    "Problem",
    "Process",
    "Progress",
    "Provider",
    "ProviderInfo",
    "RecordedMark",
    "ShellChannel",
    "Spare",
    "Store",
    "TrialFailed",
    "TrialPod",
    "Unit",
    "Unreadable",
    "bolt_size",
    "condition",
    "digest",
    "etcd_address",
    "etcd_client",
    "etcd_clients",
    "fault",
    "find_etcds",
    "flags_of",
    "grader",
    "has_api",
    "kube",
    "object_key",
    "pod_files",
    "read_store",
    "tls_context",
    "tls_handshake",
    "until",
]

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])


# -- types of params: plain strings to Python, checked meaning to the loader ------------------------------


@dataclass(frozen=True)
class ParamKind:
    """Marks a string param whose meaning the loader checks."""

    kind: str


LabPath = Annotated[str, ParamKind("lab-path")]
"""An absolute path inside the lab."""
PackPath = Annotated[str, ParamKind("pack-path")]
"""A path below the scenario's own folder; must exist, must not leave it."""
MarkName = Annotated[str, ParamKind("mark")]
"""The name of a mark that a set-up step of the same scenario records."""
RecordedMark = Annotated[str, ParamKind("records-mark")]
"""The name under which a set-up step records a mark."""


class Capability(StrEnum):
    """What a place can do; a scenario `requires` some. Meanings: the catalogue's section 2."""

    ETCD = "etcd"
    ETCD_CLUSTER = "etcd-cluster"
    ETCD_SYSTEMD = "etcd-systemd"
    SNAPSHOT_BUMP = "snapshot-bump"
    STATIC_PODS = "static-pods"
    KUBE_API = "kube-api"
    WORKLOADS = "workloads"
    SYSTEMD = "systemd"
    MULTI_NODE = "multi-node"
    NETWORK_POLICY = "network-policy"
    CRON = "cron"
    COPY = "copy"
    KUBEADM = "kubeadm"
    PACKAGES = "packages"
    UPGRADE_KIT = "upgrade-kit"
    CNI_FREE = "cni-free"
    METRICS = "metrics"
    GATEWAY = "gateway"
    HELM = "helm"
    KUBECTL_CLIENT = "kubectl-client"


class Addon(StrEnum):
    """What a cluster can have on top."""

    METRICS_SERVER = "metrics-server"
    GATEWAY = "gateway"
    INGRESS = "ingress"
    HELM = "helm"


# -- what a place looks like ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file inside a lab, symlinks followed. ``kind``: file, dir, fifo, socket, device."""

    kind: str
    size: int
    mode: int
    mtime: float
    uid: int
    gid: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class Process:
    """A live process inside a lab; ``age`` in seconds, ``pid`` as the node sees it."""

    pid: int
    parent: int
    argv: tuple[str, ...]
    age: float
    uid: int
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a static pod as the CRI reports it. ``state``: running, exited, waiting."""

    id: str
    name: str
    pod: str
    namespace: str
    image: str
    state: str
    attempt: int
    created: float
    started: float
    finished: float
    exit_code: int | None
    pid: int
    log_path: str
    manifest: str
    argv: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit. ``active``: active, inactive, failed, activating; ``enabled``: enabled, disabled, masked, static.

    ``age``: seconds since it became active, 0 when it is not.
    """

    name: str
    active: str
    enabled: str
    result: str = ""
    triggered_by: str = ""
    pid: int = 0
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialPod:
    """A Pod that the lab made, running: its ``name``, Node and address; it is gone after the with block."""

    namespace: str
    name: str
    node: str
    address: str
    seconds: float


class ShellChannel(Protocol):
    """An interactive shell: ``fd`` is the master of its pty, owned by the caller until close()."""

    fd: int

    def resize(self, rows: int, cols: int) -> None: ...

    def wait(self, timeout: float | None = None) -> int | None:
        """Block until the shell ends; its exit code, or None at the timeout."""

    def close(self) -> None:
        """Hang up (SIGHUP to the shell's session) and close ``fd``. Never raises."""


class NodeView(Protocol):
    """What a grader may ask of a node. All paths are absolute and resolve inside the node."""

    name: str

    def read(self, path: str, limit: int = 16 << 20) -> bytes:
        """A regular file's bytes. FileNotFoundError; Unreadable if not regular or over ``limit`` bytes."""

    def fetch(self, path: str, to: Path, limit: int = 1 << 30) -> None:
        """Copy a regular file to the host path ``to``. Errors as for read()."""

    def stat(self, path: str) -> FileInfo | None:
        """None where nothing is (also for a dangling symlink)."""

    def list(self, path: str) -> Sequence[str]:
        """Sorted names in a folder, [] where there is none."""

    def processes(self) -> Sequence[Process]: ...

    def containers(self) -> Sequence[Container]:
        """All containers of static pods, the live one and the last ended one of each."""

    def connect(self, host: str, port: int, timeout: float = 3.0) -> socket.socket:
        """A TCP connection made from inside the node. OSError as usual."""

    def connect_from(
        self, pod: str, host: str, port: int, *, udp: bool = False, timeout: float = 3.0
    ) -> socket.socket:  # fmt: skip
        """The same, or a UDP one, from the network of a Pod of this node, named NAMESPACE/NAME."""

    def unit(self, name: str) -> Unit | None:
        """A systemd unit as it is now; None where there is none of that name."""


class Node(NodeView, Protocol):
    """A node as faults, solutions and front ends use it: it can be changed."""

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
        """Run a command as root; its process tree is killed at ``timeout``. Raises CommandFailed, LabGone."""

    def write(self, path: str, data: bytes, mode: int = 0o644, mtime: float | None = None) -> None:
        """Write a file at one move (temporary name, then rename), parents created."""

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder; nothing there is fine."""

    def shell(self, rows: int, cols: int, term: str = "xterm-256color", argv: Sequence[str] = ()) -> ShellChannel:
        """A login shell (or ``argv``) on a new pty, as root."""


class Bench(Protocol):
    """A throw-away place with the lab's etcd tools, apart from the lab: for trial restores.

    ``folder`` is a host folder that is seen inside as ``/bench``, removed at the end.
    """

    folder: Path

    def run(self, argv: Sequence[str], *, timeout: float = 30.0, ok: Collection[int] = (0,)) -> Completed:
        """Run a command in ``/bench``, without network, away from lab and host."""


class LabView(Protocol):
    """What a grader gets: read-only."""

    provider: str
    marks: Mapping[str, Mark]

    def node(self, name: str | None = None) -> NodeView:
        """The node of that name, else the first one."""

    def client_files(self) -> Mapping[str, bytes]:
        """The lab's own client certificate for etcd, kept out of reach: ``ca``, ``cert``, ``key`` as PEM; where there
        is an API server, ``kube-ca``, ``kube-cert`` and ``kube-key`` for it.
        """

    def trial_pod(self, namespace: str = "default") -> AbstractContextManager[TrialPod]:
        """Let the lab's own controllers, scheduler and kubelet run a throw-away Pod. TrialFailed says what did not."""

    def bench(self) -> AbstractContextManager[Bench]: ...

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """``make()`` once within one grading; checks that run in parallel share the answer."""

    def hold(self, age: float, seconds_so_far: Callable[[], float]) -> None:
        """Wait for what is missing until ``seconds_so_far()`` reaches ``age``; returns at once if it falls back."""

    def follow(self, on_its_way: Callable[[], bool], what: str, within: float = 1e9) -> None:
        """Wait as long as the lab is ``on_its_way`` to follow the last change, at most ``within`` seconds, and no
        longer than this grading is to wait. ``what`` tells the learner what is waited for, and how long it takes.
        """


class LabWriter(LabView, Protocol):
    """What a fault or set-up step gets."""

    def node(self, name: str | None = None) -> Node: ...

    def record(self, mark: Mark) -> None:
        """Keep a mark outside the learner's reach."""

    def pack_file(self, path: str) -> bytes:
        """A file of the scenario's folder."""


# -- providers --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Something missing on this machine: what, why it matters, and the exact fix.

    ``command``: what `doctor --fix` runs, if it can be fixed by one.
    """

    what: str
    why: str
    fix: str
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """``problems`` non-empty means: not available here. ``warnings`` stand in no way."""

    name: str
    title: str
    capabilities: frozenset[str]
    problems: tuple[Problem, ...] = ()
    facts: Mapping[str, str] | None = None
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """What a cluster is to be. ``etcd_members``: 1 (kubeadm's own) or 3 (m1-m3 on 127.0.0.11-13); ``unjoined``:
    machines behind the workers, with kubelet and kubeadm, that are not in the cluster; ``kubeadm``: patches (YAML) of
    kubeadm's configuration; ``images``: at hand on every node; ``addons``: names of Addon.
    """

    control_planes: int = 1
    workers: int = 0
    etcd_members: int = 1
    unjoined: int = 0
    kubeadm: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> ClusterSpec:
        """From what asdict() gave and JSON has been through."""
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in kept.items()}
        return cls(**fields)


@runtime_checkable
class Cluster(Protocol):
    """One lab's place."""

    id: str
    provider: str
    spec: ClusterSpec
    follow_seconds: float
    """How long its nodes take at most, as a rule, to follow a change of a static pod."""

    def names(self) -> Sequence[str]:
        """The node names, the first control plane first."""

    def node(self, name: str | None = None) -> Node: ...

    def shell(self, rows: int, cols: int, term: str, node: str | None = None) -> ShellChannel:
        """Where the learner sits: a root shell on the sandbox's node, the jump host of kind; or on the node named."""

    def alive(self) -> bool: ...

    def trouble(self) -> str:
        """What befell it from outside (a machine paused, no disk, no memory); empty as a rule. Asked after failures."""

    def client_files(self) -> Mapping[str, bytes]: ...

    def trial_pod(self, namespace: str = "default") -> AbstractContextManager[TrialPod]: ...

    def bench(self) -> AbstractContextManager[Bench]: ...

    def save_baseline(self, progress: Progress) -> None:
        """Keep the present state as the one that reset() returns to."""

    def reset(self, progress: Progress) -> None:
        """Back to the baseline in place; open shells end. Works also when the lab's processes are dead."""


@dataclass(frozen=True, slots=True)
class Spare:
    """A cluster that is kept between labs; ``fresh``: ready for the next one, else it is being put in order."""

    id: str
    shape: str
    fresh: bool


class Provider(Protocol):
    """A kind of place."""

    name: str

    def info(self, *, deep: bool = False) -> ProviderInfo:
        """What it can do here and what is missing; changes nothing. Cheap, unless ``deep``: then with all facts."""

    def create(self, lab_id: str, spec: ClusterSpec, progress: Progress) -> Cluster:
        """A healthy cluster. On failure or cancel what was made is removed. NotAvailable, LabFailure."""

    def attach(self, lab_id: str) -> Cluster:
        """The cluster of an existing lab, alive or not. NotFound."""

    def labs(self) -> Sequence[str]:
        """Ids of all labs of which anything is left, alive or not."""

    def delete(self, lab_id: str) -> None:
        """Remove everything of it: processes, mounts, files. Nothing there is fine."""

    def retire(self, lab_id: str) -> None:
        """The lab is over: as delete(), but what it was made of may be kept for the next one, see spares()."""

    def spares(self) -> Sequence[Spare]: ...

    def drop_spares(self) -> None:
        """Remove every spare."""


# -- graders and faults -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grader:
    """A named grader function ``(lab, **params) -> Mismatch | None``; raising means "could not check"."""

    name: str
    function: Callable[..., Mismatch | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A named fault or set-up step ``(lab, **params) -> None``."""

    name: str
    function: Callable[..., None]


def grader(name: str) -> Callable[[_F], _F]:
    """Name a function as a grader; plug-in loading finds it in its module."""

    def mark(function: _F) -> _F:
        function.__dict__["cka_lab"] = Grader(name, function)
        return function

    return mark


def fault(name: str) -> Callable[[_F], _F]:
    """Name a function as a fault or set-up step; plug-in loading finds it in its module."""

    def mark(function: _F) -> _F:
        function.__dict__["cka_lab"] = Fault(name, function)
        return function

    return mark
