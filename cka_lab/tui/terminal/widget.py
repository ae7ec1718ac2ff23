"""The terminal as a Textual widget: a shell's output goes through an emulator to the screen, keys and mouse to it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.geometry import Offset
from textual.message import Message

from cka_lab.tui.terminal import core, ghostty, keys, mouse
from cka_lab.tui.terminal.parser import raw_of
from cka_lab.tui.terminal.shell import OpenShell, Shell
from cka_lab.tui.terminal.view import TerminalView

WHEEL_LINES = 3
COPY_KEYS = frozenset({"ctrl+shift+c", "super+c"})


class Terminal(TerminalView, can_focus=True):
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
        self._shell: Shell | None = None
        self._pointer: Offset | None = None

    # -- the shell

    @property
    def running(self) -> bool:
        """Whether there is a shell that takes keys."""
        return self._shell is not None and self._shell.running

    @property
    def shows_cursor(self) -> bool:
        return self.has_focus and self.running

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
            self.draw_soon()

    def on_unmount(self) -> None:
        self.release_mouse()
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
        self.draw_soon()

    def _send(self, data: bytes) -> None:
        if self._shell:
            self._shell.write(data)

    def shell_started(self) -> None:
        self.draw_soon()
        self.post_message(self.Started())

    def shell_said(self, data: bytes) -> None:
        if self._core:
            self._core.feed(data)
            self.draw_soon()

    def shell_ended(self, code: int | None) -> None:
        self.refresh()
        self.post_message(self.Exited(code))

    def shell_failed(self, error: Exception) -> None:
        self.post_message(self.Failed(error))

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
            self.scroll_view(-page if key == "shift+pageup" else page)
            return True
        if key in COPY_KEYS and self.text_selection:
            self.copy_selection()
            return True
        return False

    def _typed(self, data: bytes) -> None:
        """Send what the user has typed, and show where it goes."""
        if self.text_selection:
            self.screen.clear_selection()
        if self._core:
            self._core.scroll_to_bottom()
            self.draw_soon()
        self._send(data)

    def on_focus(self) -> None:
        self._tell_focus(b"\x1b[I")

    def on_blur(self) -> None:
        self._tell_focus(b"\x1b[O")

    def _tell_focus(self, report: bytes) -> None:
        if self._core and self._core.mode(core.FOCUS_REPORTS):
            self._send(report)

    # -- the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._tell_mouse(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._tell_mouse(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        if not self._tell_mouse(event):
            self.copy_selection()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL_LINES)

    def _tell_mouse(self, event: events.MouseEvent) -> bool:
        """Whether the program tracks the mouse; then it is told."""
        if not self.running or not self._core or not self._core.mouse_tracking:
            return False
        at = event.offset - self.gutter.top_left
        at = at.clamp(self.content_size.width, self.content_size.height)
        if at != self._pointer or not isinstance(event, events.MouseMove):
            self._send(mouse.report(event, at, self._core.mode))
        self._pointer = at
        event.stop()
        event.prevent_default()
        return True

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        """For the program, as arrows for a full-screen program without a mouse (less, man), else for the scrollback."""
        if self._tell_mouse(event) or not self._core:
            return
        if (
            self.running
            and self._core.mode(core.ALTERNATE_SCROLL)
            and any(map(self._core.mode, core.ALTERNATE_SCREENS))
        ):
            arrow = keys.encode(
                "up" if lines < 0 else "down", application_cursor=self._core.mode(core.APPLICATION_CURSOR_KEYS)
            )
            self._send(arrow * abs(lines))
        else:
            self.scroll_view(lines)
        event.stop()
        event.prevent_default()
