"""Waiting until a node has followed the learner's last change, so that nobody loses points by asking too soon."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from cka_lab.api import Container, EtcdProcess, LabView, NodeView, PodFile, find_etcds, pod_files

LONGEST = 15.0
"""Seconds: a kubelet's longest back-off in the lab, and a start."""
QUIET = 0.4
"""Seconds without a change in the manifests folder after which the kubelet has seen it."""
STARTS_WITHIN = 4.0
"""Seconds in which etcd may start without serving; a wrong key shows after 2.0."""
MANIFESTS = "/etc/kubernetes/manifests"
DATA = ("", "/member", "/member/snap", "/member/snap/db", "/member/wal")


def settle(lab: LabView, node: str | None = None) -> None:
    """Wait, once within one grading, until what the learner changed last has had its effect."""
    place = lab.node(node)
    start = time.monotonic()
    last = [0.0]

    def so_far() -> float:
        if not any(_in_motion(place)):
            return math.inf
        last[0] = max(time.monotonic() - start, last[0] + 1e-6)
        return last[0]

    lab.once(("settle", place.name), lambda: lab.hold(LONGEST, so_far))


def _in_motion(node: NodeView) -> Iterator[bool]:
    """Is anything still on its way?"""
    changed = [info.mtime for path in _manifest_paths(node) if (info := node.stat(path))]
    yield any(0 <= time.time() - moment < QUIET for moment in changed)
    containers = node.containers()
    for pod in pod_files(node):
        mine = [c for c in containers if c.manifest == pod.path]
        running = [c for c in mine if c.state == "running"]
        if running:
            yield any(c.argv != pod.argv for c in running)
        elif mine:
            yield _repaired_since(node, pod, max(mine, key=lambda c: c.finished))
    yield any(etcd.process.age < STARTS_WITHIN and not _listens(node, etcd) for etcd in find_etcds(node))


def _manifest_paths(node: NodeView) -> list[str]:
    return [MANIFESTS, *(f"{MANIFESTS}/{name}" for name in node.list(MANIFESTS))]


def _repaired_since(node: NodeView, pod: PodFile, ended: Container) -> bool:
    """Did what an ended container failed on change after its end? Then its next start will tell more."""
    if ended.finished == 0:
        return False
    paths = [f"{host}{part}" for host in pod.mounts.values() for part in DATA]
    paths += [host for value in pod.flags.values() if value.startswith("/") and (host := pod.host_path(value))]
    infos = [info for path in paths if (info := node.stat(path))]
    return any(info.mtime > ended.finished + 0.01 for info in infos)


def _listens(node: NodeView, etcd: EtcdProcess) -> bool:
    try:
        node.connect(*etcd.addresses[0], 1.0).close()
    except OSError:
        return False
    return True
