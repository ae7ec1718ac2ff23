"""Waiting until a node has followed the learner's last change, so that nobody loses points by asking too soon."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from cka_lab.api import Container, EtcdProcess, LabView, NodeView, PodFile, find_etcds, pod_files

QUIET = 0.4
"""Seconds without a change in the manifests folder after which the kubelet has seen it."""
FIRST_START = 2.0
"""Seconds within which a sandbox's kubelet starts a pod that it has just been given."""
REAL_START = 90.0
"""Seconds that a real one may take, while the API server has no etcd."""
CALM, LATELY = 6.0, 90.0
"""Seconds that a real node must have been calm, where it was changed so many seconds ago or less."""
STOPPED = (0, 137, 143)
"""Exit codes of a container that was ended, and did not fail."""
STARTS_WITHIN = 4.0
"""Seconds in which etcd may start without serving; a wrong key shows after 2.0."""
MANIFESTS = "/etc/kubernetes/manifests"
DATA = ("", "/member", "/member/snap", "/member/snap/db", "/member/wal")


def settle(lab: LabView, node: str | None = None, pod: str = "etcd") -> None:
    """Wait, once within one grading, until what the learner changed last has had its effect on etcd (or that pod)."""
    watch = _Watch(lab, lab.node(node), pod)
    lab.once(("settle", watch.node.name, pod), lambda: lab.hold(lab.follow_seconds, watch.seconds))


class _Watch:
    """Looks at a node again and again; a real kubelet must have been calm for a while after a recent change."""

    def __init__(self, lab: LabView, node: NodeView, pod: str) -> None:
        self.lab, self.node, self.pod = lab, node, pod
        self.real = lab.provider != "sandbox"
        self.start = time.monotonic()
        self.calm_since: float | None = None
        self.last = 0.0

    def seconds(self) -> float:
        """How long there has been waiting; infinite when there is nothing to wait for."""
        now = time.monotonic()
        if any(_in_motion(self.node, self.pod, now - self.start, REAL_START if self.real else FIRST_START)):
            self.calm_since = None
        else:
            self.calm_since = self.calm_since or now
            if now - self.calm_since >= CALM or not self.real or not _changed_lately(self.node, self.pod):
                return math.inf
        self.last = max(now - self.start, self.last + 1e-6)
        if self.last >= self.lab.follow_seconds:
            self.lab.still_following()
        return self.last


def _changed_lately(node: NodeView, name: str) -> bool:
    """Did the pod's manifest change, or the kubelet start, within the last minutes, and its container not since?"""
    kubelets = [p.age for p in node.processes() if p.argv and p.argv[0].endswith("kubelet")]
    containers = node.containers()
    for pod in pod_files(node):
        info = node.stat(pod.path)
        if pod.name.startswith(name) and info:
            changed = min([time.time() - info.mtime, *kubelets])
            started = [time.time() - c.started for c in containers if c.manifest == pod.path and c.state == "running"]
            if changed < LATELY and not any(age < changed for age in started):
                return True
    return False


def _in_motion(node: NodeView, name: str, waited: float, first_start: float) -> Iterator[bool]:
    """Is a pod whose name begins so still on its way, ``waited`` seconds after the first look?"""
    changed = [info.mtime for path in _manifest_paths(node) if (info := node.stat(path))]
    yield any(0 <= time.time() - moment < QUIET for moment in changed)
    containers = node.containers()
    for pod in pod_files(node):
        if not pod.name.startswith(name):
            continue
        mine = [c for c in containers if c.manifest == pod.path]
        running = [c for c in mine if c.state == "running"]
        if running:
            yield any(c.argv != pod.argv for c in running)
        elif mine:
            newest = max(mine, key=lambda c: c.finished)
            yield newest.exit_code in STOPPED or _repaired_since(node, pod, newest)
        else:
            yield waited < first_start
    yield any(etcd.process.age < STARTS_WITHIN and not _listens(node, etcd) for etcd in find_etcds(node))


def _manifest_paths(node: NodeView) -> list[str]:
    return [MANIFESTS, *(f"{MANIFESTS}/{name}" for name in node.list(MANIFESTS))]


def _repaired_since(node: NodeView, pod: PodFile, ended: Container) -> bool:
    """Did what an ended container failed on change after its end? Then its next start will tell more."""
    if ended.finished == 0:
        return False
    paths = [pod.path, *(f"{host}{part}" for host in pod.mounts.values() for part in DATA)]
    paths += [host for value in pod.flags.values() if value.startswith("/") and (host := pod.host_path(value))]
    infos = [info for path in paths if (info := node.stat(path))]
    return any(info.mtime > ended.finished + 0.01 for info in infos)


def _listens(node: NodeView, etcd: EtcdProcess) -> bool:
    try:
        node.connect(*etcd.addresses[0], 1.0).close()
    except OSError:
        return False
    return True
