"""A lab's shell on the whole screen, for where the embedded terminal is missing. F12 leaves and keeps it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cka_lab.lab import Lab

LEAVE = b"\x1b[24~"
"""F12 as terminals send it."""
LEAVE_TEXT = "F12 goes back to the task, `exit` ends the shell"
REDRAW = b"\x0c"
"""Ctrl-L: shells and editors draw themselves anew."""
POLL = 0.5
"""Seconds between looks at the clock while nothing is typed."""


class FullScreenShell:
    """Opened at once (LabGone); ``visit`` may be called again and again until the shell ends."""

    def __init__(self, lab: Lab) -> None:
        size = shutil.get_terminal_size()
        self.lab = lab
        self._visited = False
        self.channel = lab.shell(size.lines, size.columns, os.environ.get("TERM", "xterm-256color"))

    def visit(self) -> int | None:
        """Join the shell with this terminal; its exit code, or None when the learner left it (or time is up)."""
        sys.stdout.write(f"\x1b[2J\x1b[H({LEAVE_TEXT})\r\n")
        sys.stdout.flush()
        with _raw(), _resizing(self.channel.resize):
            if self._visited:
                os.write(self.channel.fd, REDRAW)
            self._visited = True
            left = self._join()
        return None if left else self.channel.wait(timeout=5) or 0

    def close(self) -> None:
        self.channel.close()

    def _join(self) -> bool:
        """Copy bytes both ways; true when the learner left, false when the shell ended."""
        fd = self.channel.fd
        while not self.lab.session.due(self.lab.now()):
            ready, _, _ = select.select([0, fd], [], [], POLL)
            try:
                if fd in ready:
                    if not (data := os.read(fd, 65536)):
                        return False
                    _write_all(1, data)
                if 0 in ready:
                    data = os.read(0, 65536)
                    if not data or LEAVE in data:
                        return True
                    _write_all(fd, data)
            except OSError:
                return False
        return True


@contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _resizing(resize: Callable[[int, int], None]) -> Iterator[None]:
    def on_resize(*_: object) -> None:
        size = os.get_terminal_size(0)
        resize(size.lines, size.columns)

    before = signal.signal(signal.SIGWINCH, on_resize)
    try:
        on_resize()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
