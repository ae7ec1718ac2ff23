"""A terminal's screen as a Textual widget: it draws what an emulator holds, scrolls back, and lets the user select."""

from __future__ import annotations

import asyncio
import time

from textual import events
from textual.geometry import Offset, Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from cka_lab.tui.terminal import selecting
from cka_lab.tui.terminal.core import TerminalCore

FRAME = 1 / 30
"""Seconds between two drawings."""
MOSTLY = 0.6
"""From this part of the rows on, drawing the whole widget is quicker."""


class TerminalView(Widget):
    """Without keys and without a shell; those are the Terminal's."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._core: TerminalCore | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._drawn = 0.0

    @property
    def text(self) -> str:
        """What was drawn last."""
        return "\n".join(self._core.text()) if self._core else ""

    @property
    def shows_cursor(self) -> bool:
        return self.has_focus

    def on_unmount(self) -> None:
        if self._timer:
            self._timer.cancel()

    def draw_soon(self) -> None:
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
        strip = self._core.strip(y, width, cursor=self.shows_cursor)
        if selection := self.text_selection:
            strip = selecting.highlighted(
                strip, selection, y, self.screen.get_component_rich_style("screen--selection")
            )
        return strip.apply_offsets(0, y)

    def scroll_view(self, lines: int) -> None:
        if self._core:
            self._core.scroll(lines)
            self.draw_soon()

    # -- selection: by dragging (Textual's own), a double click takes a word, a third one the row

    @property
    def allow_select(self) -> bool:
        """Dragging belongs to a program that tracks the mouse."""
        return self._core is not None and not self._core.mouse_tracking

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return (selecting.extracted(self._core.text(), selection), "\n") if self._core else None

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()
        at = event.get_content_offset(self)
        if not self._core or at is None or not self.allow_select or event.chain < 2:
            return
        row = self._core.text()[at.y]
        whole = Selection(Offset(0, at.y), Offset(len(row), at.y))
        if selection := whole if event.chain > 2 else selecting.word_at(row, at.y, at.x):
            self.screen.selections = {self: selection}
            self.copy_selection()

    def copy_selection(self) -> None:
        if self.text_selection and (text := self.screen.get_selected_text()):
            self.app.copy_to_clipboard(text)
