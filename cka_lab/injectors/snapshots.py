"""Set-up step: a snapshot of the running etcd, sound or damaged in a known way."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Mark, Node, RecordedMark, fault
from cka_lab.injectors.etcd_keys import running_etcd
from cka_lab.wire import NotServed

Damage = Literal["none", "truncate", "flip", "no-hash", "html"]
HASH_BYTES = 32
FLIPPED = 4000
"""A byte of the first page that etcd itself never reads: only the hash tells that it changed."""
HTML = b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head>\n<body><h1>403 Forbidden</h1></body></html>\n"


@fault("save_snapshot")
def save_snapshot(
    lab: LabWriter,
    *,
    path: LabPath,
    mark: RecordedMark | None = None,
    damage: Damage = "none",
    mtime: float | None = None,
) -> None:
    """Save what etcd holds now to ``path``, byte for byte as `etcdctl snapshot save` does, then ``damage`` it.

    ``mtime``: seconds since the epoch, or, if negative, seconds before now. Facts of a mark: what etcdutl says of the
    sound file (hash, hash_hex, revision, total_keys, size), sha256 and file_size of what lies there. Without one, the
    revision alone is kept, under a name of its own.
    """
    node = lab.node()
    try:
        client = running_etcd(lab)
        sound = b"".join(client.snapshot())
        revision = client.revision(serializable=True)
    except NotServed as error:
        raise LabFailure(f"etcd gave no snapshot: {error.why}") from error
    if hashlib.sha256(sound[:-HASH_BYTES]).digest() != sound[-HASH_BYTES:]:
        raise LabFailure("the snapshot that etcd gave is not whole")
    facts: dict[str, Any] = {"kind": "snapshot", "path": path, "damage": damage, "revision": revision}
    if mark:
        facts |= _measure(node, path, sound)
    data = damaged(sound, damage)
    when = time.time() + mtime if mtime is not None and mtime < 0 else mtime
    node.write(path, data, mode=0o600, mtime=when)
    facts |= {"sha256": hashlib.sha256(data).hexdigest(), "file_size": len(data)}
    lab.record(Mark(mark or f"snapshot:{path}", facts=facts))


def _measure(node: Node, path: str, sound: bytes) -> dict[str, Any]:
    """The tool's own numbers of the sound file."""
    node.write(path, sound, mode=0o600)
    told = json.loads(node.run(["etcdutl", "snapshot", "status", path, "--write-out", "json"]).out)
    return {
        "hash": int(told["hash"]),
        "hash_hex": f"{int(told['hash']):x}",
        "revision": int(told["revision"]),
        "total_keys": int(told["totalKey"]),
        "size": int(told["totalSize"]),
    }


def damaged(sound: bytes, damage: Damage) -> bytes:
    """The bytes of a snapshot after ``damage``."""
    if damage == "truncate":
        return sound[: len(sound) * 6 // 10 // 4096 * 4096 + 1712]
    if damage == "flip":
        return sound[:FLIPPED] + bytes([sound[FLIPPED] ^ 0x40]) + sound[FLIPPED + 1 :]
    if damage == "no-hash":
        return sound[:-HASH_BYTES]
    return HTML if damage == "html" else sound
