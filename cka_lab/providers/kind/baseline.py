"""A state of a cluster's nodes, saved on the host, and put back in place however broken they are."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cka_lab.errors import CommandFailed, LabFailure
from cka_lab.providers.kind.agent import script
from cka_lab.providers.kind.node import KindNode
from cka_lab.providers.kind.originals import ORIGINALS, put_back

PATHS = (
    "etc", "kind", "root", "home", "opt", "srv", "mnt", "media", "backup", "var/backups", "var/spool/cron",
    "var/lib/kubelet/config.yaml", "var/lib/kubelet/kubeadm-flags.env", "var/lib/kubelet/pki",
    "var/local-path-provisioner",
)  # fmt: skip
"""What is saved and put back whole, from the root."""
IMAGES = ("/usr", "/opt/cni")
"""Where the node's image has the files: what differs from it is saved."""
SAVE_SECONDS = 60.0
RESTORE_SECONDS = 120.0
ABOUT = "about.json"
SERVICES = ("kubelet", "containerd")
USUAL_DISKS = ("/tmp", "/run", "/dev", "/proc", "/sys", "/var/lib/kubelet", "/var/lib/containerd")


@dataclass(slots=True)
class Known:
    """Of one node: its address, etcd's directory, services that don't run, small disks that a fault mounted (bytes)."""

    address: str = ""
    data_dir: str = ""
    stopped: list[str] = field(default_factory=list)
    disks: dict[str, int] = field(default_factory=dict)
    since: str = ""
    """When the node was last shown to be as saved, by its own clock; empty: when it was saved."""


class Baseline:
    """One saved state: a folder with NODE.tar for each node and, written last, what is known of the whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        return (self.folder / ABOUT).exists()

    def ready(self) -> list[str] | None:
        """The Nodes that were Ready; None where the API server was not."""
        ready: list[str] | None = self._about()["ready"]
        return ready

    def known(self) -> dict[str, Known]:
        return {name: Known(**about) for name, about in self._about()["nodes"].items()}

    def _about(self) -> dict:  # type: ignore[type-arg]
        about: dict = json.loads((self.folder / ABOUT).read_text())  # type: ignore[type-arg]
        return about

    def _write(self, ready: list[str] | None, known: dict[str, Known]) -> None:
        draft = self.folder / f"{ABOUT}.new"
        draft.write_text(json.dumps({"ready": ready, "nodes": {name: asdict(about) for name, about in known.items()}}))
        draft.rename(self.folder / ABOUT)

    def save(self, nodes: Sequence[KindNode], known: dict[str, Known], ready: list[str] | None) -> None:
        """Keep the present state of every node and what is ``known`` of it; ``ready``: as for ready()."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / ABOUT).unlink(missing_ok=True)
        at_once(lambda node: self._save(node, known[node.container]), nodes)
        self._write(ready, known)

    def _save(self, node: KindNode, known: Known) -> None:
        """etcd stands still for the moment of the copy."""
        argv = ["bash", "-c", _of("save.sh"), "save", known.data_dir, " ".join(known.disks)]
        done = node.run(argv, timeout=SAVE_SECONDS, cwd="/")
        file = self.folder / f"{node.container}.tar"
        file.touch(0o600)
        file.write_bytes(done.out)

    def restore(
        self, nodes: Sequence[KindNode], image: str, control_planes: Sequence[str], *, go_on: bool = False
    ) -> None:
        """Put every node's state back and start its services. LabFailure says what did not work.

        A control plane's kubelet is started in any case, since its pods come by it: see settle(). ``go_on``: kubelets
        aren't started anew.
        """
        known = self.known()

        def work(node: KindNode) -> None:
            about = known[node.container]
            stay = [] if node.container in control_planes else about.stopped
            about.since = self._restore(node, about, stay, go_on, lambda folders: put_back(node, image, folders))

        at_once(work, nodes)
        self._write(self.ready(), known)

    def settle(self, nodes: Sequence[KindNode]) -> None:
        """Stop the services that did not run."""
        for node in nodes:
            if stopped := self.known()[node.container].stopped:
                node.run(["systemctl", "stop", *stopped], timeout=60)

    def _restore(
        self, node: KindNode, known: Known, stay: Sequence[str], go_on: bool, mend: Callable[[Sequence[str]], str]
    ) -> str:
        data = (self.folder / f"{node.container}.tar").read_bytes()
        disks = " ".join(f"{path}={size}" for path, size in known.disks.items())
        began, since, api = time.monotonic(), known.since, "" if self.ready() is None else "ready"
        try:
            while True:
                words = [known.data_dir, since, " ".join(stay), disks, api, "go on" if go_on else ""]
                argv = ["bash", "-c", _of("restore.sh"), "restore", *words]
                said = node.run(argv, stdin=data, timeout=RESTORE_SECONDS, cwd="/").text.splitlines()
                if said and said[-1].startswith("since "):
                    return said[-1].split()[1]
                if since != known.since:
                    raise LabFailure(f"{node.container} can't be put back: {', '.join(said)} stay changed")
                since = mend(said)
        except CommandFailed as error:
            took = time.monotonic() - began
            raise LabFailure(
                f"{node.container} can't be put back ({took:.0f} s): {error.err.strip()[-300:]}"
            ) from error


def know(node: KindNode, address: str, data_dir: str) -> Known:
    """What there is to know of a node now."""
    units = {name: node.unit(name) for name in SERVICES}
    stopped = [name for name, unit in units.items() if unit is None or unit.active != "active"]
    return Known(address, data_dir, stopped, _disks(node.read("/proc/1/mounts").decode(errors="replace")))


def _disks(mounts: str) -> dict[str, int]:
    """Size in bytes of the tmpfs that a node does not have from the start, by where it is mounted."""
    found = {}
    for line in mounts.splitlines():
        _, path, kind, options, *_ = line.split()
        size = re.search(r"\bsize=(\d+)k\b", options)
        if kind == "tmpfs" and size and not path.startswith(USUAL_DISKS):
            found[path] = int(size[1]) << 10
    return found


def at_once(work: Callable[[KindNode], object], nodes: Sequence[KindNode]) -> None:
    """Do the same on every node, all at the same time; the first failure is raised."""
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(work, nodes):
            pass


def _of(name: str) -> str:
    """One of our scripts, with the places above named in it."""
    places = {"@PATHS@": " ".join(PATHS), "@IMAGES@": " ".join(IMAGES), "@ORIGINALS@": ORIGINALS}
    text = script(name)
    for word, meant in places.items():
        text = text.replace(word, meant)
    return text
