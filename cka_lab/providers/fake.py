"""A provider without processes, for authors' tests of graders and faults: files in a dict, everything else as set.

provider = FakeProvider()
cluster = provider.create("lab", ClusterSpec(), Progress())
cluster.node().write("/etc/kubernetes/manifests/etcd.yaml", b"...")
cluster.node().answers[("etcdctl", "version")] = Completed(("etcdctl", "version"), 0, b"3.5.1", b"")
"""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cka_lab.api import (
    Bench,
    Cluster,
    ClusterSpec,
    Completed,
    Container,
    FileInfo,
    Process,
    ProviderInfo,
    ShellChannel,
    Spare,
    TrialPod,
    Unit,
)
from cka_lab.errors import CommandFailed, LabFailure, LabGone, NotAvailable, NotFound, Unreadable
from cka_lab.wait import Progress


@dataclass
class FakeFile:
    """A regular file; ``kind`` other than file makes it unreadable, as on a real node."""

    data: bytes
    mode: int = 0o644
    mtime: float = 0.0
    kind: str = "file"


@dataclass
class FakeNode:
    """api.Node over dicts. ``answers``: what run() returns, by argv; others end with 127."""

    name: str = "controlplane"
    files: dict[str, FakeFile] = field(default_factory=dict)
    answers: dict[tuple[str, ...], Completed] = field(default_factory=dict)
    process_list: list[Process] = field(default_factory=list)
    container_list: list[Container] = field(default_factory=list)
    units: dict[str, Unit] = field(default_factory=dict)

    def read(self, path: str, limit: int = 16 << 20) -> bytes:
        info = self.stat(path)
        if info is None:
            raise FileNotFoundError(path)
        if info.kind != "file":
            raise Unreadable(f"{path} is not a regular file")
        if info.size > limit:
            raise Unreadable(f"{path} is {info.size} bytes, more than the {limit} that are looked at")
        return self.files[path].data

    def fetch(self, path: str, to: Path, limit: int = 1 << 30) -> None:
        to.write_bytes(self.read(path, limit))

    def stat(self, path: str) -> FileInfo | None:
        if found := self.files.get(path):
            inode = hash(path) & 0xFFFFFF
            return FileInfo(found.kind, len(found.data), found.mode, found.mtime, 0, 0, inode, 1)
        if self.list(path):
            return FileInfo("dir", 0, 0o755, 0.0, 0, 0, hash(path) & 0xFFFFFF, 1)
        return None

    def list(self, path: str) -> Sequence[str]:
        below = path.rstrip("/") + "/"
        return sorted({name[len(below) :].split("/")[0] for name in self.files if name.startswith(below)})

    def processes(self) -> Sequence[Process]:
        return [*self.process_list]

    def containers(self) -> Sequence[Container]:
        return [*self.container_list]

    def connect(self, host: str, port: int, timeout: float = 3.0) -> socket.socket:
        raise ConnectionRefusedError(f"nothing listens at {host}:{port} of a fake")

    def connect_from(
        self, pod: str, host: str, port: int, *, udp: bool = False, timeout: float = 3.0
    ) -> socket.socket:  # fmt: skip
        return self.connect(host, port, timeout)

    def unit(self, name: str) -> Unit | None:
        return self.units.get(name)

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
        done = self.answers.get(tuple(argv), Completed(tuple(argv), 127, b"", b"not set in this fake"))
        if done.code not in ok:
            raise CommandFailed(argv, done.code, done.errors)
        return done

    def write(self, path: str, data: bytes, mode: int = 0o644, mtime: float | None = None) -> None:
        self.files[path] = FakeFile(data, mode, time.time() if mtime is None else mtime)

    def remove(self, path: str) -> None:
        for name in [n for n in self.files if n == path or n.startswith(path.rstrip("/") + "/")]:
            del self.files[name]

    def shell(self, rows: int, cols: int, term: str = "xterm-256color", argv: Sequence[str] = ()) -> ShellChannel:
        raise LabGone("a fake has no shell")


class FakeCluster:
    """api.Cluster: one FakeNode, a baseline that is a copy of its files."""

    provider = "fake"
    follow_seconds = 0.0

    def __init__(self, lab_id: str, spec: ClusterSpec) -> None:
        self.id, self.spec = lab_id, spec
        self.living = True
        self._node = FakeNode()
        self._baseline: dict[str, FakeFile] | None = None

    def names(self) -> Sequence[str]:
        return (self._node.name,)

    def node(self, name: str | None = None) -> FakeNode:
        if name not in (None, self._node.name):
            raise LabFailure(f"the fake has no node {name!r}, only {self._node.name}")
        return self._node

    def shell(self, rows: int, cols: int, term: str, node: str | None = None) -> ShellChannel:
        return self.node(node).shell(rows, cols, term)

    def alive(self) -> bool:
        return self.living

    def trouble(self) -> str:
        return ""

    def client_files(self) -> Mapping[str, bytes]:
        return {"ca": b"", "cert": b"", "key": b""}

    @contextmanager
    def trial_pod(self, namespace: str = "default") -> Iterator[TrialPod]:
        raise NotAvailable("a fake has no Pods")
        yield

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        raise NotAvailable("a fake has no bench")
        yield

    def save_baseline(self, progress: Progress) -> None:
        self._baseline = copy.deepcopy(self._node.files)

    def reset(self, progress: Progress) -> None:
        if self._baseline is None:
            raise LabFailure(f"the lab {self.id} has no baseline", fix="save one first")
        self._node.files = copy.deepcopy(self._baseline)
        self.living = True


class FakeProvider:
    """api.Provider that keeps its clusters in memory."""

    name = "fake"

    def __init__(self, capabilities: Collection[str] = ("etcd", "static-pods")) -> None:
        self._capabilities = frozenset(capabilities)
        self._clusters: dict[str, FakeCluster] = {}

    def info(self, *, deep: bool = False) -> ProviderInfo:
        return ProviderInfo(self.name, "a fake, for tests", self._capabilities)

    def create(self, lab_id: str, spec: ClusterSpec, progress: Progress) -> Cluster:
        with progress.step("nothing at all"):
            self._clusters[lab_id] = FakeCluster(lab_id, spec)
        return self._clusters[lab_id]

    def attach(self, lab_id: str) -> Cluster:
        if lab_id not in self._clusters:
            raise NotFound(f"there is no fake lab {lab_id!r}")
        return self._clusters[lab_id]

    def labs(self) -> Sequence[str]:
        return sorted(self._clusters)

    def delete(self, lab_id: str) -> None:
        if gone := self._clusters.pop(lab_id, None):
            gone.living = False

    def retire(self, lab_id: str) -> None:
        self.delete(lab_id)

    def spares(self) -> Sequence[Spare]:
        return ()

    def drop_spares(self) -> None:
        pass
