"""Facts about a lab's etcd that several graders need: its data's whereabouts, and why it is down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cka_lab.api import (
    EtcdClient,
    EtcdProcess,
    FileInfo,
    KeyValue,
    LabView,
    Mark,
    Mismatch,
    NodeView,
    NotServed,
    PodFile,
    find_etcds,
    pod_files,
)
from graders._lessons import MANIFEST_NOT_REPOINTED, PLAIN_HTTP, RESTORED_INTO_RUNNING_DIR

FIRST_SNAP = "0000000000000001-"
"""How the .snap file begins that a restore writes: term 1, which a started etcd is always beyond."""
PARENTS = ("/var/lib", "/var", "/opt", "/root", "/backup", "/tmp", "/srv", "/mnt", "/")
"""Where learners restore to."""


def is_restored(node: NodeView, data_dir: str) -> bool:
    """Did a restore finish in this directory?"""
    names = node.list(f"{data_dir}/member/snap")
    return any(name.startswith(FIRST_SNAP) and name.endswith(".snap") for name in names)


def etcd_pods(node: NodeView) -> list[PodFile]:
    return [pod for pod in pod_files(node) if pod.argv and pod.argv[0].rsplit("/", 1)[-1] == "etcd"]


def mounted_dirs(node: NodeView) -> list[str]:
    """The host paths of the data directories that the etcd manifests mount."""
    found = (pod.host_path(pod.flags.get("data-dir", "")) for pod in etcd_pods(node))
    return [path for path in found if path]


def restored_elsewhere(node: NodeView) -> str:
    """A directory with a finished restore that no etcd manifest mounts; empty where there is none, or no manifest."""
    if not etcd_pods(node):
        return ""
    mounted = mounted_dirs(node)
    for parent in PARENTS:
        for name in node.list(parent)[:100]:
            path = f"{parent.rstrip('/')}/{name}"
            if path not in mounted and path != "/proc" and is_restored(node, path):
                return path
    return ""


def host_dir(node: NodeView, etcd: EtcdProcess) -> str | None:
    """Where on the node a running etcd's data directory is meant to lie, as its manifest says."""
    for pod in etcd_pods(node):
        if pod.flags.get("data-dir") == etcd.flags.get("data-dir"):
            return pod.host_path(etcd.data_dir)
    return None


def holds_open(node: NodeView, etcd: EtcdProcess, file: FileInfo) -> bool:
    """Does the process have this very file open, and not a deleted one of the same name?"""
    folder = f"/proc/{etcd.pid}/fd"
    for number in sorted(node.list(folder), key=int):  # it is among the first
        info = node.stat(f"{folder}/{number}")
        if info and (info.device, info.inode) == (file.device, file.inode):
            return True
    return False


def restored_inside(node: NodeView) -> str:
    """A finished restore that lies within a data directory that a manifest mounts; empty where there is none."""
    for parent in mounted_dirs(node):
        for name in node.list(parent)[:100]:
            if is_restored(node, f"{parent}/{name}"):
                return f"{parent}/{name}"
    return ""


def not_served(lab: LabView, node: str | None, what: str, error: NotServed, url: str = "") -> Mismatch:
    """The mismatch of an endpoint that doesn't serve us, with a diagnosis where the evidence is certain."""
    place = lab.node(node)
    etcds = find_etcds(place)
    if url.startswith("https") and any(_speaks_http(etcd) for etcd in etcds):
        return Mismatch(what, f"an answer at {url}", "etcd serves clients by plain http", PLAIN_HTTP)
    if not etcds and (restored := restored_elsewhere(place)):
        found = f"no etcd is running; {restored} holds a finished restore that no manifest mounts"
        return Mismatch(what, "a running etcd", found, MANIFEST_NOT_REPOINTED)
    if not etcds and (restored := restored_inside(place)):
        found = f"no etcd is running; {restored} holds a finished restore, inside the directory that etcd uses"
        return Mismatch(what, "a running etcd", found, RESTORED_INTO_RUNNING_DIR)
    if not etcds:
        return Mismatch(what, "a running etcd", f"no etcd is running{_last_end(place)}")
    return Mismatch(what, f"an answer at {url}" if url else "an answer", error.why)


def _speaks_http(etcd: EtcdProcess) -> bool:
    return all(url.startswith("http:") for url in etcd.client_urls)


def _last_end(node: NodeView) -> str:
    ended = [c for c in node.containers() if c.state == "exited" and c.argv[:1] == ("etcd",)]
    if not ended:
        return ", and no container of it either"
    last = max(ended, key=lambda c: c.finished)
    return f"; its last container ended with exit code {last.exit_code}"


# -- marks ------------------------------------------------------------------------------------------------------------


def marked_keys(mark: Mark) -> list[str]:
    return list(mark.facts.get("keys") or ([mark.key] if mark.key else []))


def key_marks(marks: Iterable[Mark]) -> list[Mark]:
    return [mark for mark in marks if mark.facts.get("kind") == "keys"]


def is_same(mark: Mark, key: str, found: KeyValue) -> bool:
    """Is it the very key of set-up: the bytes of its value, and its identity (create revision)?"""
    about = mark.facts["keys"][key]
    digest = hashlib.sha256(found.value).hexdigest()
    return bool(digest == about["sha256"] and found.created == about["created"])


def present(client: EtcdClient, mark: Mark) -> bool:
    """Is any key of the mark there, as it was?"""
    keys = marked_keys(mark)
    return any(kv and is_same(mark, key, kv) for key, kv in zip(keys, client.get_many(keys), strict=True))
