"""Waiting until a node has followed the learner's last change, so that nobody loses points by asking too soon."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from cka_lab.api import Container, EtcdProcess, LabView, NodeView, PodFile, find_etcds, pod_files

QUIET = 0.4
"""Seconds without a change in the manifests folder after which the kubelet has seen it."""
FIRST_START = 2.0
"""Seconds within which a sandbox's kubelet starts a pod that it has just been given; a real one takes up to 60."""
STOPPED = (0, 137, 143)
"""Exit codes of a container that was ended, and did not fail."""
STARTS_WITHIN = 4.0
"""Seconds in which etcd may start without serving; a wrong key shows after 2.0."""
MANIFESTS = "/etc/kubernetes/manifests"
DATA = ("", "/member", "/member/snap", "/member/snap/db", "/member/wal")


def settle(lab: LabView, node: str | None = None, pod: str = "etcd") -> None:
    """Wait, once within one grading, until what the learner changed last has had its effect on etcd (or that pod)."""
    place = lab.node(node)
    start = time.monotonic()
    last = [0.0]
    longest = lab.follow_seconds
    first_start = FIRST_START if lab.provider == "sandbox" else 60.0

    def so_far() -> float:
        if not any(_in_motion(place, pod, time.monotonic() - start, first_start)):
            return math.inf
        last[0] = max(time.monotonic() - start, last[0] + 1e-6)
        if last[0] >= longest:
            lab.still_following()
        return last[0]

    lab.once(("settle", place.name, pod), lambda: lab.hold(longest, so_far))


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
