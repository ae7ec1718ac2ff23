"""A shell's life, with channels that don't do as they should."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

from cka_lab.tui.terminal.shell import Shell


class Channel:
    """A ShellChannel that is a pipe."""

    def __init__(self) -> None:
        self.fd, self.other = os.pipe()
        self.sizes: list[tuple[int, int]] = []
        self.closed = 0

    def resize(self, rows: int, cols: int) -> None:
        self.sizes.append((rows, cols))

    def wait(self, timeout: float | None = None) -> int | None:
        raise OSError("no idea")

    def close(self) -> None:
        self.closed += 1
        os.close(self.fd)

    def end(self) -> None:
        os.close(self.other)


class Log:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def shell_started(self) -> None:
        self.told.append("started")

    def shell_said(self, data: bytes) -> None:
        self.told.append(data)

    def shell_ended(self, code: int | None) -> None:
        self.told.append(("ended", code))

    def shell_failed(self, error: Exception) -> None:
        self.told.append(error)


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.005)


async def test_start_and_end_without_a_code() -> None:
    channel, log = Channel(), Log()
    shell = Shell(lambda rows, cols: channel, 24, 80, log)
    await until(lambda: log.told)
    assert shell.running
    os.write(channel.other, b"hello")
    channel.end()
    await until(lambda: len(log.told) == 3)
    assert log.told == ["started", b"hello", ("ended", None)]
    assert not shell.running
    assert channel.closed == 1
    shell.close()
    assert channel.closed == 1


async def test_a_size_that_changes_while_it_opens() -> None:
    channel, log, go = Channel(), Log(), threading.Event()

    def slowly(rows: int, cols: int) -> Channel:
        go.wait(5)
        return channel

    shell = Shell(slowly, 24, 80, log)
    await asyncio.sleep(0.01)
    shell.resize(30, 100)
    go.set()
    await until(lambda: log.told)
    assert channel.sizes == [(30, 100)]
    shell.close()
    channel.end()


async def test_closed_while_it_opens() -> None:
    channel, log, go = Channel(), Log(), threading.Event()

    def slowly(rows: int, cols: int) -> Channel:
        go.wait(5)
        return channel

    shell = Shell(slowly, 24, 80, log)
    await asyncio.sleep(0.01)
    shell.close()
    go.set()
    await until(lambda: channel.closed)
    await asyncio.sleep(0.01)
    assert log.told == []
    channel.end()


async def test_a_channel_without_a_usable_fd_fails() -> None:
    channel, log = Channel(), Log()
    os.close(channel.fd)
    channel.fd = os.open(os.devnull, os.O_RDONLY)  # epoll refuses it
    Shell(lambda rows, cols: channel, 24, 80, log)
    await until(lambda: log.told)
    assert isinstance(log.told[0], OSError)
    assert channel.closed == 1
    channel.end()
