"""Does a report give a snapshot's own numbers?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from cka_lab.api import (
    Diagnosis,
    EtcdClient,
    LabFailure,
    LabPath,
    LabView,
    Mismatch,
    NotServed,
    etcd_clients,
    grader,
    has_api,
)
from graders._lessons import LIVE_KEYS_COUNTED, LIVE_STATUS_REPORTED, SHA256SUM_AS_HASH
from graders._reports import field_of, number, read_text
from graders._snapshots import snapshot_facts, try_snapshot

Field = Literal["hash", "revision", "keys", "size"]
HashForm = Literal["any", "hex", "decimal"]
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
DRIFT = 25
"""Keys that come and go in an API server's store between the learner's look and ours: events, leases."""


@grader("snapshot_report")
def snapshot_report(
    lab: LabView,
    *,
    path: LabPath,
    of: str,
    field: Field,
    key: str | None = None,
    form: HashForm = "any",
    node: str | None = None,
) -> Mismatch | None:
    """The report's line ``key=`` (else ``field=``) gives a number of the snapshot ``of`` (a mark that save_snapshot
    recorded, or the path of a file) as etcdutl itself says it: hash in hex, 0x hex or decimal; revision; keys (the
    tool's total keys); size in bytes or as the tool rounds it.

    Tells apart: the running etcd's numbers (live-status-reported), the keys that exist (live-keys-counted), a SHA-256
    of the file (sha256sum-as-hash).
    """
    text = read_text(lab.node(node), path)
    if isinstance(text, Mismatch):
        return text
    facts = _facts(lab, node, of)
    if isinstance(facts, Mismatch):
        return facts
    name = key or field
    said = field_of(text, name)
    if said is None:
        return Mismatch(f"{path} does not say “{name}=” once", f"{name}=...", text[:200].strip())
    if _right(field, said, facts, form):
        return None
    return Mismatch(f"{path} does not give the snapshot's {field}", f"the {field} that etcdutl reports", said[:100],
                    _why(lab, node, field, said, facts, of))  # fmt: skip


def _facts(lab: LabView, node: str | None, of: str) -> Mapping[str, Any] | Mismatch:
    if of.startswith("/"):
        return snapshot_facts(lab, node, of)
    if of not in lab.marks:
        raise LabFailure(f"snapshot_report: there is no mark {of!r}")
    return lab.marks[of].facts


def _right(field: Field, said: str, facts: Mapping[str, Any], form: HashForm) -> bool:
    if field == "hash":
        return facts["hash"] in hash_values(said, form)
    if field == "size":
        return any(is_size(said, facts[name]) for name in ("size", "file_size"))
    return number(said) == float(facts["total_keys" if field == "keys" else field])


def hash_values(said: str, form: HashForm = "any") -> set[int]:
    """What a hash may mean that is written in hex, with or without 0x, or in decimal."""
    text = said.strip().lower()
    values = set()
    if form != "decimal" and re.fullmatch(r"(0x)?[0-9a-f]{1,8}", text):
        values.add(int(text.removeprefix("0x"), 16))
    if form != "hex" and re.fullmatch(r"[0-9]{1,10}", text):
        values.add(int(text))
    return values


def is_size(said: str, size: int) -> bool:
    """Is it that many bytes, written out or rounded to a unit as tools do?"""
    found = re.fullmatch(r"([\d.,_]+)\s*([kmg]?i?b?(?:ytes)?)", said.strip().lower())
    value = number(found[1]) if found else None
    if found is None or value is None:
        return False
    unit = UNITS.get(found[2].removesuffix("ytes") or "b", UNITS.get(f"{found[2]}b", 0))
    digits = len(found[1].partition(".")[2])
    return abs(value * unit - size) <= (unit * 0.5 * 10**-digits if unit > 1 else 0)


def _why(
    lab: LabView, node: str | None, field: Field, said: str, facts: Mapping[str, Any], of: str
) -> Diagnosis | None:
    if field == "hash" and len(said) >= 8 and facts["sha256"].startswith(said.strip().lower()):
        return SHA256SUM_AS_HASH
    try:
        client = etcd_clients(lab, None, node)[0]
        if field == "keys":
            near = DRIFT if has_api(lab) else 0
            counts = _live_keys(lab, node, client, facts, of)
            return LIVE_KEYS_COUNTED if any(abs((number(said) or 0) - n) <= near for n in counts) else None
        if field == "revision":
            live = facts["revision"] < (number(said) or 0) <= client.revision()  # it may have moved on since
            return LIVE_STATUS_REPORTED if live else None
        if field == "hash":
            return LIVE_STATUS_REPORTED if client.hash() in hash_values(said) else None
    except NotServed:
        pass
    return None


def _live_keys(lab: LabView, node: str | None, client: EtcdClient, facts: Mapping[str, Any], of: str) -> set[int]:
    """How many keys exist: in etcd now, and in the snapshot."""
    counts = {client.count("")}
    trial = try_snapshot(lab, node, facts.get("path", of))
    return counts | ({len(trial.store.keys)} if trial.store else set())
