"""What a snapshot file is worth: its own hash, and a trial restore away from the lab."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cka_lab.api import Bench, Diagnosis, LabView, Mismatch, NotBolt, Store, Unreadable, bolt_size, read_store
from graders._lessons import DAMAGED_SNAPSHOT, LIVE_COPY

LARGEST = 128 << 20
"""Bytes; a lab's snapshots have a hundredth of it."""
HASH_BYTES = 32
FILE = "snapshot.db"


@dataclass(frozen=True, slots=True)
class Trial:
    """A tried snapshot: what it holds, or why it can't be restored."""

    store: Store | None = None
    wrong: Mismatch | None = None


def try_snapshot(lab: LabView, node: str | None, path: str) -> Trial:
    """Look at a file's hash and restore it once within one grading, however many checks ask."""
    return lab.once(("snapshot", lab.node(node).name, path), lambda: _try(lab, node, path))


def _try(lab: LabView, node: str | None, path: str) -> Trial:
    with lab.bench() as bench:
        if wrong := _fetch(lab, node, path, bench):
            return Trial(wrong=wrong)
        if wrong := _hash_wrong(path, bench.folder / FILE):
            return Trial(wrong=wrong)
        done = bench.run(["etcdutl", "snapshot", "restore", FILE, "--data-dir", "/bench/restored"], ok=range(256))
        if done.code:
            reason = done.errors.strip().splitlines()[-1:] or [f"exit {done.code}"]
            return Trial(wrong=_wrong(path, f"a restore refuses it: {reason[0][:200]}", DAMAGED_SNAPSHOT))
        try:
            return Trial(store=read_store(bench.folder / "restored/member/snap/db"))
        except NotBolt as error:
            return Trial(wrong=_wrong(path, f"its restore can't be read: {error}", DAMAGED_SNAPSHOT))


def _fetch(lab: LabView, node: str | None, path: str, bench: Bench) -> Mismatch | None:
    """The file into the bench; what is no file of a sane size is the learner's matter."""
    place = lab.node(node)
    try:
        info = place.stat(path)
        if info is None:
            return Mismatch(f"{path} does not exist", "a snapshot", "nothing")
        if info.kind != "file":
            return _wrong(path, f"a {info.kind}")
        if info.size > LARGEST:
            return _wrong(path, f"{info.size} bytes, more than this etcd ever held")
        place.fetch(path, bench.folder / FILE, LARGEST)
    except (FileNotFoundError, Unreadable) as error:
        return _wrong(path, str(error))
    return None


def _hash_wrong(path: str, file: Path) -> Mismatch | None:
    """A snapshot is a database (whole pages) and the SHA-256 of it; a database alone is a copy of a live one."""
    size = file.stat().st_size
    try:
        page, needed = bolt_size(file)
    except NotBolt as error:
        return _wrong(path, f"{size} bytes; {error}")
    if size < needed:
        return _wrong(path, f"it breaks off: {size} bytes of {needed}", DAMAGED_SNAPSHOT)
    if size % page == 0:
        return _wrong(path, "an etcd database without the hash of a snapshot", LIVE_COPY)
    data = file.read_bytes()
    if size % page != HASH_BYTES or hashlib.sha256(data[:-HASH_BYTES]).digest() != data[-HASH_BYTES:]:
        return _wrong(path, "its bytes don't match the hash at its end", DAMAGED_SNAPSHOT)
    return None


def _wrong(path: str, found: str, diagnosis: Diagnosis | None = None) -> Mismatch:
    return Mismatch(f"{path} is no intact snapshot", "a file that a restore accepts", found, diagnosis)


def snapshot_facts(lab: LabView, node: str | None, path: str) -> dict[str, Any] | Mismatch:
    """What etcd's own tool says of a file: as the facts that save_snapshot records."""

    def ask() -> dict[str, Any] | Mismatch:
        with lab.bench() as bench:
            if wrong := _fetch(lab, node, path, bench):
                return wrong
            done = bench.run(["etcdutl", "snapshot", "status", FILE, "--write-out", "json"], ok=range(256))
            if done.code:
                return _wrong(path, "etcdutl can't read it")
            told = json.loads(done.out)
            data = (bench.folder / FILE).read_bytes()
            return {
                "hash": int(told["hash"]),
                "revision": int(told["revision"]),
                "total_keys": int(told["totalKey"]),
                "size": int(told["totalSize"]),
                "file_size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
            }

    return lab.once(("snapshot-facts", lab.node(node).name, path), ask)
