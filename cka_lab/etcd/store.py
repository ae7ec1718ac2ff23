"""What an etcd database file holds: its revision and the keys that are alive at it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cka_lab.etcd.bolt import Bolt, NotBolt, open_bolt
from cka_lab.etcd.client import KeyValue

REVISION = struct.Struct(">QxQ")
TOMBSTONE = b"t"


@dataclass(frozen=True, slots=True)
class Store:
    """``records`` counts every revision of every key that is kept."""

    revision: int
    records: int
    keys: Mapping[str, KeyValue]


def read_store(path: Path) -> Store:
    """Read a database file of the host. NotBolt."""
    with open_bolt(path) as bolt:
        return _read(bolt)


def _read(bolt: Bolt) -> Store:
    keys: dict[str, KeyValue] = {}
    revision = records = 0
    for name, value in bolt.bucket(b"key"):
        records += 1
        try:
            revision = REVISION.unpack(name[:17])[0]
        except struct.error as error:
            raise NotBolt("its keys are not etcd's") from error
        found = _key_value(value)
        if name[17:18] == TOMBSTONE:
            keys.pop(found.key, None)
        else:
            keys[found.key] = found
    return Store(revision, records, keys)


def _key_value(data: bytes) -> KeyValue:
    """An mvccpb.KeyValue."""
    fields: dict[int, int | bytes] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, at = _varint(data, at)
        if tag & 7 == 2:
            fields[tag >> 3] = data[at : at + number]
            at += number
        elif tag & 7 == 0:
            fields[tag >> 3] = number
        else:
            raise NotBolt("one of its records can't be read")
    key, value = fields.get(1, b""), fields.get(5, b"")
    created, modified, version = (fields.get(n, 0) for n in (2, 3, 4))
    if not isinstance(key, bytes) or not isinstance(value, bytes):
        raise NotBolt("one of its records can't be read")
    if not isinstance(created, int) or not isinstance(modified, int) or not isinstance(version, int):
        raise NotBolt("one of its records can't be read")
    return KeyValue(key.decode(errors="replace"), value, created, modified, version)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
    raise NotBolt("one of its records is cut off")
