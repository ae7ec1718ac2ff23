"""The lab's shell: the embedded terminal, or where that is missing a button that opens it full-screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import HorizontalGroup, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from cka_lab.tui.failures import failure
from cka_lab.tui.fullscreen import FullScreenShell
from cka_lab.tui.terminal import Terminal, ghostty

if TYPE_CHECKING:
    from cka_lab.api import ShellChannel
    from cka_lab.lab import Lab


class ShellPane(Vertical):
    """Posts Ready when a prompt is there; when a shell has ended, says so and how to go on."""

    class Ready(Message):
        """A shell is there: the clock may start."""

    def __init__(self, lab: Lab, reserved: frozenset[str], *, why_not: str | None = None) -> None:
        super().__init__(id="shell")
        self.lab, self.reserved = lab, reserved
        self.why_not = why_not or ghostty.available()
        self.over = False
        self._whole: FullScreenShell | None = None

    def compose(self) -> ComposeResult:
        if self.why_not:
            yield Static(Content(NO_TERMINAL.format(why=self.why_not)), id="no-terminal")
        else:
            yield Terminal(self._open, reserved=self.reserved)
        with HorizontalGroup(id="shell-news"):
            yield Static(id="shell-text")
            yield Button("Full-screen shell" if self.why_not else "New shell", id="renew", compact=True)

    def on_mount(self) -> None:
        self.query_one("#shell-news").display = bool(self.why_not)

    def on_unmount(self) -> None:
        if self._whole:
            self._whole.close()

    def enter(self) -> None:
        """Give the shell the focus; without an embedded terminal that is the button."""
        if not self.over and not self.why_not:
            self.query_one(Terminal).focus()
        else:
            self.query_one("#renew").focus()

    def renew(self) -> None:
        """Open a new shell in place of the old one."""
        if self.why_not:
            self._close_whole()
            self.say("")
        else:
            self.query_one(Terminal).restart()

    def say(self, text: str) -> None:
        self.query_one("#shell-news").display = bool(text) or bool(self.why_not)
        self.query_one("#shell-text", Static).update(Content(text))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if self.why_not:
            self._visit()
        else:
            self.renew()

    def on_terminal_started(self, event: Terminal.Started) -> None:
        event.stop()
        self.over = False
        self.say("")
        self.enter()
        self.post_message(self.Ready())

    def on_terminal_exited(self, event: Terminal.Exited) -> None:
        event.stop()
        self._ended(event.code)

    def on_terminal_failed(self, event: Terminal.Failed) -> None:
        event.stop()
        self.over = True
        self.say("There is no shell.")
        self.post_message(failure("opening a shell", event.error))

    def _open(self, rows: int, cols: int) -> ShellChannel:
        return self.lab.shell(rows, cols)

    def _visit(self) -> None:
        """The full-screen shell, until F12 leaves it or it ends; it stays open for the next visit."""
        try:
            self._whole = self._whole or FullScreenShell(self.lab)
            self.post_message(self.Ready())
            with self.app.suspend():
                code = self._whole.visit()
        except Exception as error:
            self._close_whole()
            self.post_message(failure("opening a shell", error))
            return
        if code is not None:
            self._close_whole()
            self._ended(code)

    def _close_whole(self) -> None:
        if self._whole:
            self._whole.close()
        self._whole = None

    def _ended(self, code: int | None) -> None:
        self.over = True
        how = "ended" if code is None else f"ended with code {code}"
        self.say(f"The shell {how}.")
        self.enter()


NO_TERMINAL = """\
The embedded terminal is not available here: {why}

The button below opens the lab's shell full-screen instead. F12 comes back here and keeps that shell; `exit` ends it."""
