"""Waiting until a node has followed the learner's last change, so that nobody loses points by asking too soon."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cka_lab.api import Container, EtcdProcess, LabView, NodeView, PodFile, find_etcds, pod_files

QUIET = 0.4
"""Seconds without a change in the manifests folder after which the kubelet has seen it."""
FIRST_START = 2.0
"""Seconds within which a sandbox's kubelet starts a pod that it has just been given."""
REAL_START = 90.0
"""Seconds that a real one may take, while the API server has no etcd."""
CALM, LATELY = 3.0, 20.0
"""Seconds that a real node must have been calm, where a manifest was changed so many seconds ago or less."""
STOPPED = (0, 137, 143)
"""Exit codes of a container that was ended, and did not fail."""
STARTS_WITHIN = 4.0
"""Seconds in which etcd may start without serving; a wrong key shows after 2.0."""
MANIFESTS = "/etc/kubernetes/manifests"
DATA = ("", "/member", "/member/snap", "/member/snap/db", "/member/wal")


WHAT = "the kubelet to follow the last change of {}'s manifest (70-110 s as a rule, while the API server has no etcd)"


def settle(lab: LabView, node: str | None = None, pod: str = "etcd") -> None:
    """Wait, once within one grading, until what the learner changed last has had its effect on etcd (or that pod)."""
    watch = _Watch(lab, lab.node(node), pod)
    lab.once(("settle", watch.node.name, pod), lambda: lab.follow(watch.on_its_way, WHAT.format(pod)))


class _Watch:
    """Looks at a node again and again; a real kubelet must have been calm for a while after a recent change."""

    def __init__(self, lab: LabView, node: NodeView, pod: str) -> None:
        self.node, self.pod = node, pod
        self.real = lab.provider != "sandbox"
        self.start = time.monotonic()
        self.calm_since: float | None = None

    def on_its_way(self) -> bool:
        now = time.monotonic()
        if self.real and not has_kubelet(self.node):
            return False
        if any(_in_motion(self.node, self.pod, now - self.start, REAL_START if self.real else FIRST_START)):
            self.calm_since = None
            return True
        self.calm_since = self.calm_since or now
        return self.real and now - self.calm_since < CALM and _changed_lately(self.node, self.pod)


def has_kubelet(node: NodeView) -> bool:
    """Does a kubelet run?"""
    return any(p.argv and p.argv[0].endswith("kubelet") for p in node.processes())


def _changed_lately(node: NodeView, name: str) -> bool:
    """Did the pod's manifest, or the folder, change within the last moments, and its container not since?"""
    since = time.time() - LATELY
    if not any(info.mtime > since for path in _manifest_paths(node) if (info := node.stat(path))):
        return False
    containers = node.containers()
    folder = node.stat(MANIFESTS)
    for pod in pod_files(node):
        info = node.stat(pod.path)
        if pod.name.startswith(name) and info and folder:
            changed = max(info.mtime, folder.mtime)
            tried = [max(c.created, c.started) for c in containers if c.manifest == pod.path]
            if changed > since and not any(moment > changed for moment in tried):
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
            yield newest.exit_code in STOPPED or newest.argv != pod.argv or _repaired_since(node, pod, newest)
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
