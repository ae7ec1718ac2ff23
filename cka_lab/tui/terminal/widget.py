"""The terminal as a Textual widget: a shell's bytes go through an emulator onto the screen, keys and mouse to the shell."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from cka_lab.tui.terminal import core, ghostty, keys, mouse, selecting
from cka_lab.tui.terminal.parser import raw_of
from cka_lab.tui.terminal.shell import OpenShell, Shell

FRAME = 1 / 30
"""Seconds between two drawings."""
MOSTLY = 0.6
"""From this part of the rows on, drawing the whole widget is quicker."""
WHEEL_LINES = 3
COPY_KEYS = frozenset({"ctrl+shift+c", "super+c"})


class Terminal(Widget, can_focus=True):
    """A shell. All keys are its own, but RELEASE and the reserved ones, which go on to the app."""

    RELEASE: ClassVar[str] = "f12"
    DEFAULT_CSS = "Terminal { width: 1fr; height: 1fr; background: #000000; color: #e5e5e5; }"

    class Started(Message):
        """A shell is there."""

    class Exited(Message):
        """The shell has ended, with this code if that is known."""

        def __init__(self, code: int | None) -> None:
            super().__init__()
            self.code = code

    class Failed(Message):
        """No shell could be opened."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        open_shell: OpenShell,
        reserved: frozenset[str] = frozenset(),
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``open_shell`` takes rows and columns, and is called in a thread once they are known."""
        super().__init__(id=id, classes=classes)
        self._open_shell = open_shell
        self._kept = reserved | {self.RELEASE}
        self._core: core.TerminalCore | None = None
        self._shell: Shell | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drawn = 0.0

    # -- the shell

    @property
    def running(self) -> bool:
        """Whether there is a shell that takes keys."""
        return self._shell is not None and self._shell.running

    @property
    def text(self) -> str:
        """What was drawn last."""
        return "\n".join(self._core.text()) if self._core else ""

    def restart(self) -> None:
        """Close the shell if there is one, and open another on a clear screen."""
        if self._shell:
            self._shell.close()
            self._shell = None
        self._open()

    def send_text(self, text: str) -> None:
        """Type ``text``; its line ends are Enter."""
        self._send(text.replace("\r\n", "\r").replace("\n", "\r").encode())

    def on_resize(self) -> None:
        cols, rows = self.content_size
        if self._shell is None:
            self._open()
        elif self._core and rows and cols:
            self._core.resize(rows, cols)
            self._shell.resize(rows, cols)
            self._draw_soon()

    def on_unmount(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._shell:
            self._shell.close()

    def _open(self) -> None:
        cols, rows = self.content_size
        if not rows or not cols:
            return
        if reason := ghostty.available():
            self.shell_failed(RuntimeError(reason))
            return
        fg, bg = self.styles.color.rgb, self.background_colors[1].rgb
        self._core = ghostty.GhosttyCore(rows, cols, self._send, fg=fg, bg=bg)
        self._shell = Shell(self._open_shell, rows, cols, self)
        self._draw_soon()

    def _send(self, data: bytes) -> None:
        if self._shell:
            self._shell.write(data)

    def shell_started(self) -> None:
        self._draw_soon()
        self.post_message(self.Started())

    def shell_said(self, data: bytes) -> None:
        if self._core:
            self._core.feed(data)
            self._draw_soon()

    def shell_ended(self, code: int | None) -> None:
        self.refresh()
        self.post_message(self.Exited(code))

    def shell_failed(self, error: Exception) -> None:
        self.post_message(self.Failed(error))

    # -- drawing

    def _draw_soon(self) -> None:
        """At once after a pause, else with the next frame."""
        if self._timer is None:
            wait = max(0.0, self._drawn + FRAME - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._draw)

    def _draw(self) -> None:
        self._timer, self._drawn = None, time.monotonic()
        if self._core is None or not self.is_attached:
            return
        rows, (cols, height) = self._core.dirty_rows(), self.content_size
        if len(rows) > MOSTLY * height:
            self.refresh()
        elif rows:
            self.refresh(*(Region(0, y, cols, 1) for y in rows))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if self._core is None:
            return Strip.blank(width)
        strip = self._core.strip(y, width, cursor=self.has_focus and self.running)
        if selection := self.text_selection:
            strip = selecting.highlighted(
                strip, selection, y, self.screen.get_component_rich_style("screen--selection")
            )
        return strip.apply_offsets(0, y)

    def _scroll(self, lines: int) -> None:
        if self._core:
            self._core.scroll(lines)
            self._draw_soon()

    # -- keys

    def on_key(self, event: events.Key) -> None:
        if event.key in self._kept or not self.running or not self._core:
            return
        if not self._own_key(event.key):
            cursor_mode = self._core.mode(core.APPLICATION_CURSOR_KEYS)
            raw = raw_of(event)
            data = keys.encode(event.key, event.character, application_cursor=cursor_mode, raw=raw)
            if not data and raw != "":
                return
            self._typed(data)
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        if self._core:
            self._typed(keys.pasted(event.text, bracketed=self._core.mode(core.BRACKETED_PASTE)))

    def _own_key(self, key: str) -> bool:
        """Keys of the terminal itself: scrollback, and copying what is selected."""
        page = max(1, self.content_size.height - 1)
        if key in ("shift+pageup", "shift+pagedown"):
            self._scroll(-page if key == "shift+pageup" else page)
            return True
        if key in COPY_KEYS and self.text_selection:
            self._copy()
            return True
        return False

    def _typed(self, data: bytes) -> None:
        """Send what the user has typed, and show where it goes."""
        if self.text_selection:
            self.screen.clear_selection()
        if self._core:
            self._core.scroll_to_bottom()
            self._draw_soon()
        self._send(data)
