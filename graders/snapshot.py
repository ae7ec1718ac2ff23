"""Is this file a snapshot that would bring the cluster back?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from cka_lab.api import (
    Diagnosis,
    LabFailure,
    LabPath,
    LabView,
    Mark,
    MarkName,
    Mismatch,
    NodeView,
    Store,
    Unreadable,
    find_etcds,
    grader,
)
from graders._etcd_facts import is_same, marked_keys
from graders._lessons import SAVED_IN_CONTAINER, STALE_SNAPSHOT, WRONG_TLS_FLAGS
from graders._snapshots import try_snapshot


@grader("snapshot")
def snapshot(
    lab: LabView,
    *,
    path: LabPath | None = None,
    dir_: LabPath | None = None,
    newest: bool = True,
    contains: Sequence[MarkName] = (),
    lacks: Sequence[MarkName] = (),
    min_revision: int | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """``path`` (or the newest file in ``dir``, by its time; with ``newest: false`` every file there) is an intact
    snapshot: whole database pages followed by their SHA-256, and etcdutl restores it, without overrides, in a
    throw-away place. ``contains`` and ``lacks`` look for the marks' very keys in what was restored.

    Tells apart: live-copy (no hash), damaged-snapshot (hash or length wrong), stale-snapshot (intact, its revision is
    below the mark's), saved-in-container, wrong-tls-flags (etcdctl's empty .part file, and etcd's log refused a client
    since then). FIFOs, folders, huge and sparse files fail without being read.
    """
    place = lab.node(node)
    paths = [path] if path else _files(place, dir_, newest)
    if not paths:
        return Mismatch(f"there is no snapshot in {dir_}", "a snapshot", "no file")
    for one in paths:
        trial = try_snapshot(lab, node, one)
        if trial.store is None:
            return _with_reason(place, one, trial.wrong)
        if mismatch := _holds(lab, one, trial.store, contains, lacks, min_revision):
            return mismatch
    return None


def _files(node: NodeView, folder: str | None, newest: bool) -> list[str]:
    if folder is None:
        raise LabFailure("snapshot: it needs path or dir")
    found = []
    for name in node.list(folder):
        info = node.stat(f"{folder}/{name}")
        if info and info.kind == "file":
            found.append((info.mtime, f"{folder}/{name}"))
    paths = [path for _, path in sorted(found)]
    return paths[-1:] if newest else paths


def _holds(
    lab: LabView, path: str, store: Store, contains: Sequence[str], lacks: Sequence[str], min_revision: int | None
) -> Mismatch | None:
    for mark in (lab.marks[name] for name in contains):
        if not _has(store, mark, all):
            why = STALE_SNAPSHOT if store.revision < mark.facts["revision"] else None
            expected = f"revision {mark.facts['revision']} or later"
            return Mismatch(f"{path} lacks what etcd holds now", expected, f"revision {store.revision}", why)
    for mark in (lab.marks[name] for name in lacks):
        if _has(store, mark, any):
            return Mismatch(f"{path} holds what it must not hold", f"no {mark.key}", "it is there")
    if min_revision is not None and store.revision < min_revision:
        found = f"revision {store.revision}"
        return Mismatch(f"{path} is too old", f"revision {min_revision} or later", found, STALE_SNAPSHOT)
    return None


def _has(store: Store, mark: Mark, how: Callable[[Iterable[bool]], bool]) -> bool:
    return how((kv := store.keys.get(key)) is not None and is_same(mark, key, kv) for key in marked_keys(mark))


def _with_reason(node: NodeView, path: str, wrong: Mismatch | None) -> Mismatch:
    """The mismatch of a file, with a reason for its absence where there is one."""
    if wrong is None:
        raise LabFailure(f"the trial of {path} said nothing")
    if wrong.found != "nothing":
        return wrong
    if any((info := node.stat(etcd.seen(path))) and info.kind == "file" for etcd in find_etcds(node)):
        found = "nothing; such a file lies in etcd's container"
        return Mismatch(wrong.message, wrong.expected, found, SAVED_IN_CONTAINER)
    return Mismatch(wrong.message, wrong.expected, wrong.found, _tls_refused(node, path))


def _tls_refused(node: NodeView, path: str) -> Diagnosis | None:
    """Did a `snapshot save` to this path end without a byte while etcd refused a client's handshake?"""
    part = node.stat(f"{path}.part")
    if part is None or part.size:
        return None
    return WRONG_TLS_FLAGS if any(moment >= part.mtime - 1 for moment in _refusals(node)) else None


def _refusals(node: NodeView) -> Iterator[float]:
    """When etcd refused clients in the TLS handshake, by the logs of its containers."""
    for container in node.containers():
        if container.argv[:1] != ("etcd",):
            continue
        try:
            log = node.read(container.log_path).decode(errors="replace")
        except (OSError, Unreadable):
            continue
        for line in log.splitlines():
            if '"rejected connection' in line and "tls" in line:
                try:
                    yield datetime.fromisoformat(json.loads(line.split(" F ", 1)[1])["ts"]).timestamp()
                except (ValueError, KeyError, IndexError):
                    continue
