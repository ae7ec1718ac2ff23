"""What etcd says of its database: size, quota, alarms, revision, compaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    held = [0.0]

    def look() -> Mismatch | None:
        try:
            client = etcd_client(lab, endpoint, node) if endpoint else etcd_clients(lab, None, node)[0]
            return next(_wrong(lab, client, db_below, quota_share, no_alarm, revision_min, compacted), None)
        except NotServed as error:
            return not_served(lab, node, "etcd does not tell its status", error, endpoint or "")

    if same_process and (mismatch := _restarted(lab, node, same_process)):
        return mismatch
    if (mismatch := look()) or not age:
        return mismatch
    return _holds_for(lab, age, look, held)
