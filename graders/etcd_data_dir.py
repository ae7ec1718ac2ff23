"""Which directory of the node does etcd run on?"""

from __future__ import annotations

from cka_lab.api import EtcdProcess, LabPath, LabView, Mismatch, NodeView, NotServed, find_etcds, grader
from graders._etcd_facts import host_dir, is_restored, mounted_dirs, not_served
from graders._lessons import (
    EMPTY_STORE,
    FAILED_RESTORE_REUSED,
    MANIFEST_NOT_REPOINTED,
    NOT_RESTARTED,
    WRONG_DIRECTORY,
)
from graders._settle import settle
from graders._users import user_name

DB = "member/snap/db"


@grader("etcd_data_dir")
def etcd_data_dir(
    lab: LabView, *, path: LabPath, user: str | None = None, restored: bool = False, node: str | None = None
) -> Mismatch | None:
    """A running etcd has its database open in ``path`` of the node: device and inode are those of the database that
    the process itself sees (``/proc/PID/root``), whatever flags and mounts say. ``user``: who it runs as.

    ``restored``: the directory holds the first .snap file (term 1) that a finished restore writes. Tells apart:
    manifest-not-repointed, not-restarted, wrong-directory, empty-store (the directory is not mounted at all, so etcd
    writes into its container's layer), failed-restore-reused.
    """
    settle(lab, node)
    place = lab.node(node)
    etcds = find_etcds(place)
    if not etcds:
        return _none_runs(lab, node, path)
    etcd = next((etcd for etcd in etcds if _is_on(place, etcd, path)), None)
    if etcd is None:
        return _elsewhere(place, etcds[0], path)
    if restored and not is_restored(place, path):
        found = "a directory that no restore has finished"
        return Mismatch(f"{path} is no restored directory", "a finished restore", found, FAILED_RESTORE_REUSED)
    if user is not None and (found := user_name(place, etcd.process.uid)) != user:
        return Mismatch("etcd runs as another user", user, found)
    return None


def _is_on(node: NodeView, etcd: EtcdProcess, path: str) -> bool:
    theirs, ours = node.stat(etcd.seen(f"{etcd.data_dir}/{DB}")), node.stat(f"{path}/{DB}")
    return bool(theirs and ours and (theirs.device, theirs.inode) == (ours.device, ours.inode))


def _none_runs(lab: LabView, node: str | None, path: str) -> Mismatch:
    place = lab.node(node)
    message = f"etcd does not run on {path}"
    if is_restored(place, path) and path not in mounted_dirs(place):
        found = f"no etcd is running; its manifest mounts {', '.join(mounted_dirs(place)) or 'nothing'}"
        return Mismatch(message, path, found, MANIFEST_NOT_REPOINTED)
    return not_served(lab, node, message, NotServed("refused", "no etcd is running"))


def _elsewhere(node: NodeView, etcd: EtcdProcess, path: str) -> Mismatch:
    """etcd runs, but not on ``path``: where does it run, and why?"""
    host = host_dir(node, etcd)
    diagnosis = None
    if host is None and node.stat(etcd.seen(etcd.data_dir)) and _in_container(node, etcd):
        host, diagnosis = "a directory of its own container, which is thrown away with it", EMPTY_STORE
    elif host == path:
        host, diagnosis = "the directory that was at that path when it started", NOT_RESTARTED
    elif is_restored(node, etcd.seen(etcd.data_dir)):
        diagnosis = WRONG_DIRECTORY
    elif is_restored(node, path):
        diagnosis = MANIFEST_NOT_REPOINTED
    return Mismatch(f"etcd does not run on {path}", path, host or etcd.data_dir, diagnosis)


def _in_container(node: NodeView, etcd: EtcdProcess) -> bool:
    """Is its root another one than the node's?"""
    theirs, ours = node.stat(etcd.seen("/")), node.stat("/")
    return bool(theirs and ours and (theirs.device, theirs.inode) != (ours.device, ours.inode))
