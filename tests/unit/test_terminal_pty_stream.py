"""The pty in the asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import tty

from cka_lab.tui.terminal.pty_stream import PtyStream


class Ends:
    """Both ends of a raw pty, the master in a PtyStream."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.seen = bytearray()
        self.turns = 0
        self.ended = asyncio.Event()
        self.stream = PtyStream(self.master, self.take, self.ended.set)

    def take(self, data: bytes) -> None:
        self.seen += data

    def close(self) -> None:
        self.stream.close()
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)


async def test_reads_and_tells_the_end() -> None:
    ends = Ends()
    os.write(ends.slave, b"hello")
    os.close(ends.slave)
    await asyncio.wait_for(ends.ended.wait(), 5)
    assert bytes(ends.seen) == b"hello"
    ends.stream.write(b"nobody there")
    ends.close()


async def test_large_writes_wait_for_the_reader() -> None:
    ends = Ends()
    data = os.urandom(300_000)
    ends.stream.write(data[:1000])
    ends.stream.write(data[1000:])
    got = await asyncio.to_thread(_read_exactly, ends.slave, len(data))
    assert got == data
    ends.close()


async def test_a_flood_leaves_the_loop_its_turns() -> None:
    ends = Ends()
    size = 20_000_000
    writing = asyncio.create_task(asyncio.to_thread(_write_all, ends.slave, b"x" * size))
    worst, last = 0.0, asyncio.get_running_loop().time()
    while not writing.done():
        await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        worst, last = max(worst, now - last), now
    await asyncio.sleep(0.05)
    assert len(ends.seen) == size
    assert worst < 0.5
    ends.close()


async def test_nothing_comes_after_close() -> None:
    ends = Ends()
    ends.stream.close()
    ends.stream.close()
    os.write(ends.slave, b"late")
    await asyncio.sleep(0.02)
    assert not ends.seen
    assert not ends.ended.is_set()
    ends.close()


def _read_exactly(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, 65536)
    return data


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
