"""One shell from its opening to its exit code, in the asyncio loop; what takes time happens in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from cka_lab.tui.terminal.pty_stream import PtyStream

if TYPE_CHECKING:
    from cka_lab.api import ShellChannel

LAST_WORDS = 10.0
"""Seconds that a shell may take to end once it has closed its terminal."""
LAST_BYTES = 0.1
"""Seconds for an ended shell's output to arrive: a job in the background may hold its terminal open for ever."""

OpenShell = Callable[[int, int], "ShellChannel"]
"""Takes rows and columns."""


class Listener(Protocol):
    """Told in the loop what becomes of a shell; nothing any more once it was closed."""

    def shell_started(self) -> None: ...

    def shell_said(self, data: bytes) -> None: ...

    def shell_ended(self, code: int | None) -> None: ...

    def shell_failed(self, error: Exception) -> None: ...


class Shell:
    """Opens at once. close() may come at any time, and hangs up."""

    def __init__(self, open_shell: OpenShell, rows: int, cols: int, listener: Listener) -> None:
        self._listener = listener
        self._size = self._size_told = rows, cols
        self._channel: ShellChannel | None = None
        self._stream: PtyStream | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._task = asyncio.create_task(self._open(open_shell))

    @property
    def running(self) -> bool:
        """Whether it takes keys."""
        return self._stream is not None

    def write(self, data: bytes) -> None:
        if self._stream:
            self._stream.write(data)

    def resize(self, rows: int, cols: int) -> None:
        self._size = rows, cols
        if self._stream and self._channel and self._size != self._size_told:
            self._size_told = self._size
            self._channel.resize(rows, cols)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            channel, self._channel = self._channel, None
        if self._stream:
            self._stream.close()
            self._stream = None
        if channel:
            channel.close()

    async def _open(self, open_shell: OpenShell) -> None:
        try:
            await asyncio.to_thread(self._open_in_thread, open_shell)
            if self._channel:
                self._stream = PtyStream(self._channel.fd, self._listener.shell_said, self._hung_up)
                self.resize(*self._size)
                loop = asyncio.get_running_loop()
                threading.Thread(target=self._watch, args=(self._channel, loop), daemon=True).start()
        except Exception as error:
            if not self._closed:
                self.close()
                self._listener.shell_failed(error)
            return
        if self._stream:
            self._listener.shell_started()

    def _open_in_thread(self, open_shell: OpenShell) -> None:
        """Nobody may be waiting for the channel any more: then it is closed here."""
        channel = open_shell(*self._size)
        with self._lock:
            if not self._closed:
                self._channel = channel
                return
        channel.close()

    def _watch(self, channel: ShellChannel, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: the shell's end, which close() brings about as well."""
        with suppress(Exception):
            channel.wait()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(loop.call_later, LAST_BYTES, self._ended)

    def _ended(self) -> None:
        if self._stream:
            self._stream.close()
            self._hung_up()

    def _hung_up(self) -> None:
        """Its side of the pty is closed, so it has ended or is about to."""
        self._stream = None
        if self._channel:
            self._task = asyncio.create_task(self._await_end(self._channel))

    async def _await_end(self, channel: ShellChannel) -> None:
        try:
            code = await asyncio.to_thread(channel.wait, LAST_WORDS)
        except Exception:  # it has ended all the same
            code = None
        if not self._closed:
            self.close()
            self._listener.shell_ended(code)
