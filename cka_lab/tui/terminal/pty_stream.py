"""The bytes of a pty in the asyncio loop: read in short turns, written without waiting."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

DRAIN = 0.004
"""Seconds of reading in one turn of the loop, so that a flood leaves time for keys and drawing."""
CHUNK = 65536
WRITE_CHUNK = 4096


class PtyStream:
    """Joins a pty's master to the running loop until close(), which leaves the descriptor open to its owner."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.fd = fd
        self._on_data, self._on_end = on_data, on_end
        self._pending = bytearray()
        self._loop = asyncio.get_running_loop()
        self._open = True
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def write(self, data: bytes) -> None:
        """Send ``data`` now, or as soon as the pty takes it; dropped after the end."""
        if self._open:
            self._pending += data
            self._write()

    def close(self) -> None:
        """Stop reading and writing; on_end isn't called any more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self.fd)
            self._loop.remove_writer(self.fd)

    def _read(self) -> None:
        end = time.perf_counter() + DRAIN
        while self._open and time.perf_counter() < end:
            try:
                data = os.read(self.fd, CHUNK)
            except BlockingIOError:
                return
            except OSError:  # EIO: the last program on the other side has closed it
                data = b""
            if not data:
                self.close()
                self._on_end()
                return
            self._on_data(data)

    def _write(self) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(self.fd, self._pending[:WRITE_CHUNK])]
        except BlockingIOError:
            self._loop.add_writer(self.fd, self._write)
            return
        except OSError:
            self._pending.clear()
        self._loop.remove_writer(self.fd)
