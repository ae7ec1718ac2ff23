"""Try the terminal with a local bash: python -m cka_lab.tui.terminal.demo"""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from cka_lab.tui.terminal import Terminal


class LocalShell:
    """A ShellChannel to a program of this machine."""

    def __init__(self, rows: int, cols: int, argv: tuple[str, ...] = ("bash",)) -> None:
        self.fd, slave = pty.openpty()
        self.resize(rows, cols)
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def resize(self, rows: int, cols: int) -> None:
        termios.tcsetwinsize(self.fd, (rows, cols))

    def wait(self, timeout: float | None = None) -> int | None:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Closing the master hangs up; the process is reaped here or, if it lingers, by wait()."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self.wait(0.5)


class Demo(App[None], inherit_bindings=False):
    """The terminal between two lines."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f12", "leave", "Leave or enter the terminal", priority=True),
        Binding("f9", "restart", "New shell", priority=True),
        Binding("q", "quit", "Quit (outside the terminal)"),
    ]

    def __init__(self, argv: tuple[str, ...] = ("bash",)) -> None:
        super().__init__()
        self.argv = argv

    def compose(self) -> ComposeResult:
        yield Static("The terminal of cka-lab", id="news")
        yield Terminal(lambda rows, cols: LocalShell(rows, cols, self.argv))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Terminal).focus()

    def on_terminal_exited(self, event: Terminal.Exited) -> None:
        self.query_one("#news", Static).update(f"The shell ended with code {event.code}; F9 opens another.")

    def on_terminal_failed(self, event: Terminal.Failed) -> None:
        self.query_one("#news", Static).update(f"No shell: {event.error}")

    def action_leave(self) -> None:
        terminal = self.query_one(Terminal)
        self.set_focus(None if terminal.has_focus else terminal)

    def action_restart(self) -> None:
        self.query_one("#news", Static).update("The terminal of cka-lab")
        self.query_one(Terminal).restart()


if __name__ == "__main__":
    Demo(tuple(sys.argv[1:]) or ("bash",)).run()
