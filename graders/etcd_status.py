"""What etcd says of its database: size, quota, alarms, revision, compaction."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cka_lab.api import (
    EtcdClient,
    LabFailure,
    LabView,
    MarkName,
    Mismatch,
    NotServed,
    etcd_client,
    etcd_clients,
    find_etcds,
    grader,
)
from graders._etcd_facts import not_served
from graders._settle import settle

DEFAULT_QUOTA = 2 << 30
SAME_START = 1.5
"""Seconds by which two readings of a process's start may differ."""


@grader("etcd_status")
def etcd_status(
    lab: LabView,
    *,
    db_below: int | None = None,
    quota_share: float | None = None,
    no_alarm: bool = False,
    revision_min: int | MarkName | None = None,
    compacted: int | MarkName | None = None,
    same_process: MarkName | None = None,
    age: float = 0,
    endpoint: str | None = None,
    node: str | None = None,
) -> Mismatch | None:
    """The database file is smaller than ``db_below`` bytes, or than ``quota_share`` of etcd's own quota; no alarm; the
    revision is at least ``revision_min``; a read at the revision ``compacted`` is refused as compacted (a plain restore
    says “future revision” instead). A revision may be the name of a mark that recorded one.

    ``same_process``: etcd is still the process that was recorded. ``age``: what is asked has held for that long: it is
    looked at before, meanwhile and after, so an alarm that comes back is seen.
    """
    settle(lab, node)

    def look() -> Mismatch | None:
        try:
            client = etcd_client(lab, endpoint, node) if endpoint else etcd_clients(lab, None, node)[0]
            return next(_wrong(lab, client, db_below, quota_share, no_alarm, revision_min, compacted), None)
        except NotServed as error:
            return not_served(lab, node, "etcd does not tell its status", error, endpoint or "")

    mismatch = _restarted(lab, node, same_process) if same_process else None
    if mismatch := mismatch or look():
        return mismatch
    if not age:
        return None
    start = time.monotonic()
    lab.hold(age, lambda: -1.0 if look() else time.monotonic() - start)
    return look()


def _wrong(
    lab: LabView,
    client: EtcdClient,
    db_below: int | None,
    quota_share: float | None,
    no_alarm: bool,
    revision_min: int | str | None,
    compacted: int | str | None,
) -> Iterator[Mismatch]:
    status = client.status()
    if no_alarm and (alarms := client.alarms()):
        yield Mismatch("etcd has raised an alarm", "no alarm", ", ".join(alarms))
    size = int(status.get("dbSize", 0))
    limit = int(_quota(client) * quota_share) if quota_share is not None else db_below
    if limit is not None and size >= limit:
        yield Mismatch("etcd's database file is too large", f"below {limit} bytes", f"{size} bytes")
    revision = int(status["header"].get("revision", 0))
    if revision_min is not None and revision < _revision(lab, revision_min):
        yield Mismatch("etcd's revision is too low", f"{_revision(lab, revision_min)} or more", str(revision))
    if compacted is not None:
        yield from _not_compacted(client, _revision(lab, compacted))


def _revision(lab: LabView, what: int | str) -> int:
    if isinstance(what, int):
        return what
    if "revision" not in lab.marks[what].facts:
        raise LabFailure(f"the mark {what} has no revision")
    return int(lab.marks[what].facts["revision"])


def _quota(client: EtcdClient) -> int:
    """The quota of the etcd that serves there, by its flags; etcd's default is 2 GiB."""
    for etcd in find_etcds(client.node):
        if any(address == client.address for address in etcd.addresses):
            return int(etcd.flags.get("quota-backend-bytes", "0")) or DEFAULT_QUOTA
    return DEFAULT_QUOTA


def _not_compacted(client: EtcdClient, revision: int) -> Iterator[Mismatch]:
    try:
        client.call("kv/range", {"key": "AA==", "revision": revision})
    except NotServed as error:
        if "compacted" not in error.why:
            yield Mismatch(f"the revision {revision} does not count as compacted", "compacted", error.why)
    else:
        yield Mismatch(f"the revision {revision} can still be read", "compacted", "it is there")


def _restarted(lab: LabView, node: str | None, mark: str) -> Mismatch | None:
    """Was etcd started anew since set-up recorded its process?"""
    recorded = lab.marks[mark].facts
    for etcd in find_etcds(lab.node(node)):
        started = time.time() - etcd.process.age
        if etcd.pid == recorded["pid"] and abs(started - recorded["started"]) < SAME_START:
            return None
    return Mismatch("etcd was started anew", "the same process as at the beginning", "another one, or none")
