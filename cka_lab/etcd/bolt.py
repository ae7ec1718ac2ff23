"""A reader of bbolt files, etcd's databases: buckets, keys and values. Nothing in the file is trusted."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAGIC, VERSION = 0xED0CDAED, 2
BRANCH, LEAF = 0x01, 0x02
BUCKET_FLAG = 0x01
HEADER = struct.Struct("<QHHI")
META = struct.Struct("<IIIIQQQQQQ")
ELEMENT = struct.Struct("<IIII")
BRANCH_ELEMENT = struct.Struct("<IIQ")
DEEPEST = 64


class NotBolt(ValueError):
    """These bytes are no intact bbolt file."""


class Bolt:
    """An open bbolt file."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data = data
        metas = [m for m in (self._meta(0), self._meta(1)) if m]
        if not metas:
            raise NotBolt("it does not begin like an etcd database")
        self.page_size, self.root, self.pages, _ = max(metas, key=lambda meta: meta[3])
        """``pages``: how many pages the newest transaction says there are."""

    def bucket(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a top-level bucket, in order; nothing where there is none."""
        for key, value, flags in self._walk(self.root):
            if key == name and flags & BUCKET_FLAG:
                yield from ((k, v) for k, v, _ in self._inside(value))
                return

    def _inside(self, value: bytes) -> Iterator[tuple[bytes, bytes, int]]:
        (root,) = struct.unpack_from("<Q", value)
        return self._walk(root) if root else Bolt._elements(value[16:], 0)

    def _meta(self, number: int) -> tuple[int, int, int, int] | None:
        try:
            size = META.unpack_from(self.data, HEADER.size)[2] if number else 0
            at = number * (size if 512 <= size <= 65536 else 4096) + HEADER.size
            found = META.unpack_from(self.data, at)
        except struct.error:
            return None
        magic, version, page_size, _, root, _, _, pages, transaction, checksum = found
        if (magic, version) != (MAGIC, VERSION) or checksum != fnv64a(self.data[at : at + 56]):
            return None
        return page_size, root, pages, transaction

    def _walk(self, page: int, depth: int = 0) -> Iterator[tuple[bytes, bytes, int]]:
        if depth > DEEPEST:
            raise NotBolt("its pages form a circle")
        at = page * self.page_size
        try:
            _, kind, count, _ = HEADER.unpack_from(self.data, at)
            if kind & LEAF:
                yield from Bolt._elements(self.data, at)
            elif kind & BRANCH:
                for number in range(count):
                    child = BRANCH_ELEMENT.unpack_from(self.data, at + HEADER.size + number * 16)[2]
                    yield from self._walk(child, depth + 1)
            else:
                raise NotBolt(f"its page {page} is no page of a tree")
        except struct.error as error:
            raise NotBolt(f"its page {page} is cut off") from error

    @staticmethod
    def _elements(data: bytes | mmap.mmap, at: int) -> Iterator[tuple[bytes, bytes, int]]:
        """The key, value and flags of each element of a leaf page at ``at``."""
        count = HEADER.unpack_from(data, at)[2]
        for number in range(count):
            here = at + HEADER.size + number * 16
            flags, offset, key_size, value_size = ELEMENT.unpack_from(data, here)
            start = here + offset
            middle, end = start + key_size, start + key_size + value_size
            if end > len(data):
                raise NotBolt("an entry lies beyond its end")
            yield bytes(data[start:middle]), bytes(data[middle:end]), flags


def fnv64a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


@contextmanager
def open_bolt(path: Path) -> Iterator[Bolt]:
    """Map a file of the host as a bbolt file. NotBolt; OSError."""
    with path.open("rb") as file:
        if path.stat().st_size < 2 * 4096:
            raise NotBolt("it is too short for an etcd database")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield Bolt(data)


def bolt_size(path: Path) -> tuple[int, int]:
    """The size of a page, and of the whole file as its own newest transaction says. NotBolt."""
    with open_bolt(path) as bolt:
        return bolt.page_size, bolt.pages * bolt.page_size
