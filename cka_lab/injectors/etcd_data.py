"""Faults on etcd's data: the member is stopped, its files are damaged, and it is started again."""

from __future__ import annotations

import os
import struct
from typing import Literal

from cka_lab.api import LabFailure, LabPath, LabWriter, Node, fault
from cka_lab.etcd.manifest import PodFile, read_pod
from cka_lab.injectors.pods import manifest_of, start_pod, stop_pod

Part = Literal["db-pages", "wal-crc", "both", "member"]
FIRST_PAGES = 2 * 4096
WAL_HEAD = 1 << 20
WAL_ENTRY = 2


@fault("corrupt_etcd")
def corrupt_etcd(
    lab: LabWriter, *, part: Part, member: str = "", unit_data: LabPath = "", node: str | None = None
) -> None:
    """Damage the data of the static pod etcd (``member`` m2: of the pod etcd-m2) while it is stopped; with
    ``unit_data`` those of the systemd unit etcd, in that directory.

    ``part``: db-pages (the first two pages of the database), wal-crc (one byte of a record in its middle), both, or
    member (everything is gone). etcd is started again and left to itself.
    """
    place = lab.node(node)
    if unit_data:
        place.run(["bash", "-c", "systemctl kill -s KILL etcd; systemctl stop etcd"], timeout=60)
        _damage(place, f"{unit_data}/member", part)
        place.run(["systemctl", "start", "--no-block", "etcd"])
        return
    pod = f"etcd-{member}" if member else "etcd"
    folder = f"{data_dir(place, pod)}/member"
    path, aside = stop_pod(place, pod)
    _damage(place, folder, part)
    start_pod(place, path, aside)


def _damage(place: Node, folder: str, part: Part) -> None:
    if part == "member":
        place.remove(folder)
    if part in ("db-pages", "both"):
        overwrite(place, f"{folder}/snap/db", 0, os.urandom(FIRST_PAGES))
    if part in ("wal-crc", "both"):
        _spoil_wal(place, f"{folder}/wal")


def data_dir(node: Node, pod: str) -> str:
    """The host path of an etcd pod's data."""
    file = read_pod(node, manifest_of(node, pod))
    host = file.host_path(file.flags.get("data-dir", "")) if isinstance(file, PodFile) else None
    if host is None:
        raise LabFailure(f"the manifest of {pod} mounts no data directory")
    return host


def overwrite(node: Node, path: str, at: int, data: bytes) -> None:
    """Write bytes in the middle of a file."""
    node.run(
        ["dd", f"of={path}", "bs=64K", "conv=notrunc", "oflag=seek_bytes", f"seek={at}", "status=none"], stdin=data
    )


def _spoil_wal(node: Node, folder: str) -> None:
    segments = [name for name in node.list(folder) if name.endswith(".wal")]
    if not segments:
        raise LabFailure(f"there is no WAL in {folder}")
    path = f"{folder}/{segments[-1]}"
    head = node.run(["head", "-c", str(WAL_HEAD), path]).out
    entries = wal_entries(head)
    if not entries:
        raise LabFailure(f"{path} holds no entry to damage")
    at = entries[len(entries) // 2]
    overwrite(node, path, at, bytes([head[at] ^ 0xFF]))


def wal_entries(head: bytes) -> list[int]:
    """Where the last byte of each entry record lies in the beginning of a WAL segment.

    A record is its length (eight bytes, the uppermost holds the padding), a protobuf with its type as the first field,
    and padding to eight bytes.
    """
    found = []
    at = 0
    while at + 8 <= len(head):
        (frame,) = struct.unpack_from("<Q", head, at)
        size = frame & 0x00FFFFFFFFFFFFFF
        padding = frame >> 56 & 0x7 if frame >> 63 else 0
        end = at + 8 + size
        if not size or end > len(head):
            break
        if head[at + 8 : at + 10] == bytes([0x08, WAL_ENTRY]) and size > 16:
            found.append(end - 1)
        at = end + padding
    return found
