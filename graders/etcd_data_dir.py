"""Which directory of the node does etcd run on?"""

from __future__ import annotations

from collections.abc import Sequence

from cka_lab.api import (
    EtcdProcess,
    LabPath,
    LabView,
    Mark,
    MarkName,
    Mismatch,
    NodeView,
    NotBolt,
    NotServed,
    Store,
    Unreadable,
    etcd_clients,
    find_etcds,
    grader,
    read_store,
)
from graders._etcd_facts import (
    etcd_pods,
    holds_open,
    host_dir,
    is_restored,
    is_same,
    marked_keys,
    mounted_dirs,
    not_served,
)
from graders._lessons import (
    EMPTY_STORE,
    FAILED_RESTORE_REUSED,
    MANIFEST_NOT_REPOINTED,
    NOT_RESTARTED,
    RESTORED_INTO_RUNNING_DIR,
    WRONG_DIRECTORY,
)
from graders._settle import settle
from graders._users import user_name

DB = "member/snap/db"
LARGEST = 1 << 30
"""Bytes of a database that are fetched at most."""


@grader("etcd_data_dir")
def etcd_data_dir(
    lab: LabView, *, path: LabPath, user: str | None = None, restored: bool = False, node: str | None = None
) -> Mismatch | None:
    """A running etcd has its database open in ``path`` of the node: device and inode are those of the database that
    the process itself sees (``/proc/PID/root``) and holds open (``/proc/PID/fd``), whatever flags and mounts say.
    ``user``: who it runs as. ``restored``: the directory holds the first .snap file (term 1) of a finished restore.

    Tells apart: manifest-not-repointed, not-restarted, restored-into-running-dir, wrong-directory, empty-store (the
    directory is not mounted, so etcd writes into its container's layer), and failed-restore-reused (no finished
    restore, yet the store has a higher revision than its raft log can have brought about).
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
        why = FAILED_RESTORE_REUSED if _db_from_elsewhere(lab, node) else None
        found = "a directory that no restore has finished"
        return Mismatch(f"{path} is no restored directory", "a finished restore", found, why)
    if user is not None and (found := user_name(place, etcd.process.uid)) != user:
        return Mismatch("etcd runs as another user", user, found)
    return None


def _is_on(node: NodeView, etcd: EtcdProcess, path: str) -> bool:
    theirs, ours = node.stat(etcd.seen(f"{etcd.data_dir}/{DB}")), node.stat(f"{path}/{DB}")
    if not theirs or not ours or (theirs.device, theirs.inode) != (ours.device, ours.inode):
        return False
    return holds_open(node, etcd, ours)


def _none_runs(lab: LabView, node: str | None, path: str) -> Mismatch:
    place = lab.node(node)
    message = f"etcd does not run on {path}"
    if etcd_pods(place) and is_restored(place, path) and path not in mounted_dirs(place):
        found = f"no etcd is running; its manifest mounts {', '.join(mounted_dirs(place)) or 'nothing'}"
        return Mismatch(message, path, found, MANIFEST_NOT_REPOINTED)
    return not_served(lab, node, message, NotServed("refused", "no etcd is running"))


def _elsewhere(node: NodeView, etcd: EtcdProcess, path: str) -> Mismatch:
    """etcd runs, but not on ``path``: where does it run, and why?"""
    host = host_dir(node, etcd)
    diagnosis = None
    if host is None and node.stat(etcd.seen(etcd.data_dir)) and _in_container(node, etcd):
        host, diagnosis = "a directory of its own container, which is thrown away with it", EMPTY_STORE
    elif host == path and is_restored(node, path) and _same_folder(node, etcd, path):
        host, diagnosis = "files that are deleted: it never opened what was restored there", RESTORED_INTO_RUNNING_DIR
    elif host == path:
        host, diagnosis = "the directory that was at that path when it started", NOT_RESTARTED
    elif is_restored(node, etcd.seen(etcd.data_dir)):
        diagnosis = WRONG_DIRECTORY
    elif is_restored(node, path):
        diagnosis = MANIFEST_NOT_REPOINTED
    return Mismatch(f"etcd does not run on {path}", path, host or etcd.data_dir, diagnosis)


def _db_from_elsewhere(lab: LabView, node: str | None) -> bool:
    """Is the store's revision beyond what this etcd's own log has applied? Then the database was not made by it."""
    try:
        status = etcd_clients(lab, None, node)[0].status()
    except NotServed:
        return False
    return int(status["header"].get("revision", 0)) > int(status.get("raftAppliedIndex", 0)) + 1


def _same_folder(node: NodeView, etcd: EtcdProcess, path: str) -> bool:
    """Is the folder at ``path`` the very one that etcd began in?"""
    theirs, ours = node.stat(etcd.seen(etcd.data_dir)), node.stat(path)
    return bool(theirs and ours and (theirs.device, theirs.inode) == (ours.device, ours.inode))


def _in_container(node: NodeView, etcd: EtcdProcess) -> bool:
    """Is its root another one than the node's?"""
    theirs, ours = node.stat(etcd.seen("/")), node.stat("/")
    return bool(theirs and ours and (theirs.device, theirs.inode) != (ours.device, ours.inode))


@grader("etcd_store")
def etcd_store(
    lab: LabView,
    *,
    path: LabPath,
    contains: Sequence[MarkName] = (),
    lacks: Sequence[MarkName] = (),
    node: str | None = None,
) -> Mismatch | None:
    """The data directory ``path`` lies on the node, used or not, and its database holds the keys of ``contains`` (as
    the marks recorded them) and none of ``lacks``. The database alone is read: what only the WAL holds doesn't count.
    """
    place = lab.node(node)
    with lab.bench() as bench:
        try:
            place.fetch(f"{path}/member/snap/db", bench.folder / "db", LARGEST)
            store = read_store(bench.folder / "db")
        except FileNotFoundError:
            return Mismatch(f"{path} is no data directory of etcd", f"{path}/member/snap/db", "nothing")
        except (Unreadable, NotBolt) as error:
            return Mismatch(f"{path} can't be read", "a database of etcd", str(error))
    for name in contains:
        if not all(_holds(store, lab.marks[name])):
            return Mismatch(f"{path} does not hold what it held", "the store as it was", f"revision {store.revision}")
    for name in lacks:
        if any(_holds(store, lab.marks[name])):
            return Mismatch(f"{path} holds what it must not hold", f"nothing of {lab.marks[name].key}", "it is there")
    return None


def _holds(store: Store, mark: Mark) -> list[bool]:
    """Of each key of a mark: is it there, as it was?"""
    found = [(key, store.keys.get(key)) for key in marked_keys(mark)]
    return [kv is not None and is_same(mark, key, kv) for key, kv in found]
