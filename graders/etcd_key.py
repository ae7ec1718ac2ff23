"""Does etcd hold this key, as it was?"""

from __future__ import annotations

from collections.abc import Sequence

from cka_lab.api import (
    Diagnosis,
    EtcdClient,
    LabView,
    Mark,
    MarkName,
    Mismatch,
    NotServed,
    etcd_client,
    etcd_clients,
    find_etcds,
    grader,
)
from graders._etcd_facts import (
    holds_open,
    host_dir,
    is_restored,
    is_same,
    key_marks,
    marked_keys,
    not_served,
    present,
    restored_elsewhere,
)
from graders._lessons import (
    EMPTY_STORE,
    MANIFEST_NOT_REPOINTED,
    NOT_RESTARTED,
    RESTORED_INTO_RUNNING_DIR,
    STALE_SNAPSHOT,
    UNVERIFIED_SNAPSHOT,
)
from graders._settle import settle


@grader("etcd_key")
def etcd_key(
    lab: LabView,
    *,
    key: str = "",
    mark: MarkName | None = None,
    exists: bool = True,
    same: bool = False,
    lacks: Sequence[MarkName] = (),
    endpoint: str | None = None,
    serializable: bool = False,
    node: str | None = None,
) -> Mismatch | None:
    """``key``, or every key of ``mark``, is there (or, with ``exists: false``, is not), and no key of ``lacks`` is.

    ``same``: with the bytes of the mark and its create revision, so a key that was written anew doesn't count. The read
    needs a quorum unless ``serializable``. Tells apart: a store without any recorded key (empty-store), a restored one
    that lacks the later keys (stale-snapshot), one with keys that only damaged snapshots hold (unverified-snapshot), a
    swapped directory under a running etcd (not-restarted), a restore that nothing mounts (manifest-not-repointed).
    """
    settle(lab, node)
    try:
        client = etcd_client(lab, endpoint, node) if endpoint else etcd_clients(lab, None, node)[0]
        client.revision(serializable=serializable)
        if key or mark:
            wanted = lab.marks[mark] if mark else Mark("", key=key)
            if mismatch := _look(lab, client, wanted, exists=exists, same=same, serializable=serializable):
                return mismatch
        for name in lacks:
            if present(client, lab.marks[name]):
                return _too_much(lab, client, lab.marks[name])
    except NotServed as error:
        return not_served(lab, node, "etcd can't be asked for its keys", error, endpoint or "")
    return None


def _look(
    lab: LabView, client: EtcdClient, mark: Mark, *, exists: bool, same: bool, serializable: bool
) -> Mismatch | None:
    keys = marked_keys(mark)
    found = [client.get(keys[0], serializable=True)] if serializable and len(keys) == 1 else client.get_many(keys)
    there = [key for key, kv in zip(keys, found, strict=True) if kv]
    if not exists:
        return Mismatch("a key is still there", "no such key", there[0]) if there else None
    if len(there) < len(keys):
        absent = next(key for key, kv in zip(keys, found, strict=True) if kv is None)
        text = f"{len(keys) - len(there)} of {len(keys)} keys are missing" if len(keys) > 1 else "the key is missing"
        return Mismatch(text, absent, "nothing", _why_missing(lab, client, mark))
    for key, kv in zip(keys, found, strict=True):
        if same and kv and not is_same(mark, key, kv):
            why = _why_missing(lab, client, mark)
            return Mismatch("the key is not the one that was there: it was written again", key, "another one", why)
    return None


def _too_much(lab: LabView, client: EtcdClient, mark: Mark) -> Mismatch:
    key = marked_keys(mark)[0]
    return Mismatch(
        "etcd holds a key that must not be there", f"no {key}", "it is there", _why_newer(lab, client, mark)
    )


def _why_missing(lab: LabView, client: EtcdClient, mark: Mark) -> Diagnosis | None:
    """Why the keys of a mark are not there."""
    recorded = key_marks(lab.marks.values())
    if not recorded:
        return None
    there = [other for other in recorded if present(client, other)]
    if not there:
        deleted = mark.facts.get("deleted")
        is_old = deleted is not None and client.revision(serializable=True) >= deleted
        return _misplaced(client) if is_old else _not_restarted(client) or EMPTY_STORE
    older = [other for other in there if other.facts["revision"] < mark.facts.get("revision", 0)]
    newer = [other for other in there if other.facts["revision"] > mark.facts.get("revision", 0)]
    return STALE_SNAPSHOT if older and not newer and _runs_on_restore(client) else _misplaced(client)


def _why_newer(lab: LabView, client: EtcdClient, mark: Mark) -> Diagnosis | None:
    """Why keys are there that the right snapshot does not hold."""
    if not _runs_on_restore(client):
        return _misplaced(client)
    holding = [
        other.facts
        for other in lab.marks.values()
        if other.facts.get("kind") == "snapshot" and other.facts["revision"] >= mark.facts["revision"]
    ]
    return UNVERIFIED_SNAPSHOT if holding and all(facts["damage"] != "none" for facts in holding) else None


def _runs_on_restore(client: EtcdClient) -> bool:
    node = client.node
    return any(is_restored(node, etcd.seen(etcd.data_dir)) for etcd in find_etcds(node))


def _misplaced(client: EtcdClient) -> Diagnosis | None:
    """etcd runs on data that is no restore, while a restore is at hand."""
    if diagnosis := _not_restarted(client):
        return diagnosis
    if _runs_on_restore(client) or not restored_elsewhere(client.node):
        return None
    return MANIFEST_NOT_REPOINTED


def _not_restarted(client: EtcdClient) -> Diagnosis | None:
    """Is the directory that the manifest names, or the database in it, another one by now than the process holds?"""
    node = client.node
    for etcd in find_etcds(node):
        host = host_dir(node, etcd)
        theirs = node.stat(etcd.seen(etcd.data_dir))
        ours = node.stat(host) if host else None
        if ours and theirs and (ours.device, ours.inode) != (theirs.device, theirs.inode):
            return NOT_RESTARTED
        db = node.stat(f"{host}/member/snap/db")
        if db and is_restored(node, host or "") and not holds_open(node, etcd, db):
            return RESTORED_INTO_RUNNING_DIR
    return None
