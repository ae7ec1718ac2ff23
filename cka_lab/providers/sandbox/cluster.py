"""One sandbox lab: its node's life, its baseline, and the bench beside it.

Folder: ``root/`` the node's files · ``baseline/`` what reset returns to · ``private/`` what only the host sees ·
``agent.sock`` the door to the agent · ``state.json`` · ``node.log``.
"""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cka_lab import proc
from cka_lab.api import Bench, ClusterSpec, Completed, TrialPod
from cka_lab.errors import LabFailure, LabGone, NotAvailable
from cka_lab.providers.sandbox import client, host, launch, layout, machine
from cka_lab.providers.sandbox.node import SandboxNode, SandboxShell
from cka_lab.wait import Progress, until

ANSWERS_WITHIN = 15.0
HEALTHY_WITHIN = 45.0
LITTLE_DISK = 8 << 20
"""Bytes below which etcd can't be expected to write."""


@dataclass(slots=True)
class State:
    """What attach() must know: the shape, which etcd, the processes, and whether etcd was healthy at the baseline."""

    spec: ClusterSpec = field(default_factory=ClusterSpec)
    tools: str = ""
    version: str = ""
    processes: list[host.HostProcess] = field(default_factory=list)
    healthy_baseline: bool = False

    @classmethod
    def load(cls, folder: Path) -> State:
        """The saved state; an empty one for a lab that was never booted."""
        try:
            data: dict[str, Any] = json.loads((folder / "state.json").read_text())
        except (OSError, ValueError):
            return cls()
        data["spec"] = ClusterSpec.of(data["spec"])
        data["processes"] = [host.HostProcess(**p) for p in data["processes"]]
        return cls(**data)

    def save(self, folder: Path) -> None:
        draft = folder / "state.json.new"
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(folder / "state.json")


class SandboxCluster:
    """api.Cluster with one node."""

    provider = "sandbox"
    follow_seconds = 15.0

    def __init__(self, folder: Path, state: State) -> None:
        self.id = folder.name
        self.folder = folder
        self.state = state
        self.spec = state.spec

    def names(self) -> Sequence[str]:
        return (layout.NODE,)

    def node(self, name: str | None = None) -> SandboxNode:
        if name not in (None, layout.NODE):
            raise LabFailure(f"the sandbox has no node {name!r}, only {layout.NODE}")
        return SandboxNode(self.folder)

    def shell(self, rows: int, cols: int, term: str, node: str | None = None) -> SandboxShell:
        return self.node(node).shell(rows, cols, term)

    def alive(self) -> bool:
        with suppress(LabGone, OSError):
            return bool(client.ask(self.folder, "ping", timeout=3)["ok"])
        return False

    def trouble(self) -> str:
        free = machine.free_disk(self.folder)
        return "" if free > LITTLE_DISK else f"there is no disk space left for the lab at {self.folder.parent}"

    def client_files(self) -> Mapping[str, bytes]:
        private = self.folder / "private"
        files = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key"}
        return {name: (private / file).read_bytes() for name, file in files.items()}

    # -- life -------------------------------------------------------------------------------------------------

    def boot(self, progress: Progress) -> None:
        """Start the node's processes and wait until its agent and its kubelet answer."""
        if launch.is_root():
            self.folder.chmod(0o711)  # the unprivileged uid passes through, in a folder that only root reaches
        with client.listen(self.folder) as listener:
            self.state.processes = host.boot(self.folder, Path(self.state.tools), listener)
        self.state.save(self.folder)

        def ended() -> str:
            return "" if self.state.processes[0].alive() else f"it ended: {host.tail(self.folder)}"

        until(
            lambda: client.ask(self.folder, "containers", timeout=ANSWERS_WITHIN)["synced"],
            "the sandbox's agent",
            timeout=ANSWERS_WITHIN,
            every=0.01,
            cancel=progress.cancel,
            hopeless=ended,
        )

    def end(self) -> None:
        """Kill everything of it and wait until it is gone."""
        for process in self.state.processes:
            process.kill()
        for process in self.state.processes:
            process.wait_gone()

    def wait_healthy(self, progress: Progress) -> None:
        context = self._tls()
        for member in layout.members(self.spec):
            until(
                lambda m=member: self._healthy(m.address, context),  # type: ignore[misc]
                f"etcd at {member.client_url}",
                timeout=HEALTHY_WITHIN,
                every=0.01,
                cancel=progress.cancel,
            )

    def _tls(self) -> ssl.SSLContext:
        private = self.folder / "private"
        context = ssl.create_default_context(cafile=str(private / "ca.crt"))
        context.load_cert_chain(private / "client.crt", private / "client.key")
        return context

    def _healthy(self, address: str, context: ssl.SSLContext) -> bool:
        """One GET /health over TLS, as kubeadm's probe asks it."""
        with (
            self.node().connect(address, 2379, timeout=3) as plain,
            context.wrap_socket(plain, server_hostname=address) as secure,
        ):
            secure.sendall(f"GET /health HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            answer = b""
            while chunk := secure.recv(4096):
                answer += chunk
        return b'"health":"true"' in answer

    # -- baseline ---------------------------------------------------------------------------------------------

    def save_baseline(self, progress: Progress) -> None:
        """Freeze everything inside, copy its files, let it go on: what a power cut would leave, so etcd recovers."""
        progress.check()
        self.state.healthy_baseline = self._all_healthy()
        baseline, draft = self.folder / "baseline", self.folder / "baseline.new"
        for old in (draft, baseline):
            if old.exists():
                host.remove(old)
        client.ask(self.folder, "freeze")
        try:
            host.copy(self.folder / "root", draft)
        finally:
            client.ask(self.folder, "thaw")
        draft.rename(baseline)
        self.state.save(self.folder)

    def _all_healthy(self) -> bool:
        context = self._tls()
        try:
            return all(self._healthy(m.address, context) for m in layout.members(self.spec))
        except (OSError, LabFailure):
            return False

    def reset(self, progress: Progress) -> None:
        baseline, root = self.folder / "baseline", self.folder / "root"
        fresh, old = self.folder / "root.new", self.folder / "root.old"
        if not baseline.is_dir():
            raise LabFailure(f"the lab {self.id} has no baseline", fix=f"`cka-lab stop {self.id}`, then start it anew")
        with progress.step("ending what runs"):
            self.end()
        with progress.step("files back to the starting point"):
            for left in (fresh, old):
                if left.exists():
                    host.remove(left)
            host.copy(baseline, fresh)
            if root.exists():
                root.rename(old)
            fresh.rename(root)
            if old.exists():
                host.remove(old)
        with progress.step("the node"):
            self.boot(progress)
        if self.state.healthy_baseline:
            with progress.step("etcd"):
                self.wait_healthy(progress)

    @contextmanager
    def trial_pod(self, namespace: str = "default") -> Iterator[TrialPod]:
        raise NotAvailable("the sandbox runs no Pods but static ones")
        yield

    # -- bench ------------------------------------------------------------------------------------------------

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=self.folder))
        try:
            host.own(folder)
            yield SandboxBench(folder, launch.Places(self.folder, Path(self.state.tools)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class SandboxBench:
    """api.Bench: each command in namespaces of its own; files go in and out by ``folder``."""

    def __init__(self, folder: Path, places: launch.Places) -> None:
        self.folder = folder
        self._places = places

    def run(self, argv: Sequence[str], *, timeout: float = 30.0, ok: Collection[int] = (0,)) -> Completed:
        for entry in self.folder.rglob("*"):
            if not entry.is_symlink():
                entry.chmod(entry.stat().st_mode | 0o600)
        host.own(self.folder)
        done = proc.run(launch.bench(self._places, self.folder.name, list(argv)), timeout=timeout, ok=ok)
        return Completed(tuple(argv), done.code, done.out, done.err)
