"""What the terminal widget asks of an emulator. Rows and columns count from 0; a strip is one drawn row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from textual.strip import Strip

Reply = Callable[[bytes], None]
"""Takes the emulator's answers to the program's questions (where is the cursor, which colours, ...)."""

APPLICATION_CURSOR_KEYS = 1
SGR_MOUSE = 1006
BRACKETED_PASTE = 2004
FOCUS_REPORTS, ALTERNATE_SCROLL = 1004, 1007
ALTERNATE_SCREENS = (47, 1047, 1049)
MOUSE_PRESSES_ONLY, MOUSE_BUTTONS, MOUSE_DRAG, MOUSE_MOTION = 9, 1000, 1002, 1003


class TerminalCore(Protocol):
    """An emulated screen with scrollback; bytes go in, rows come out."""

    def feed(self, data: bytes) -> None: ...

    def resize(self, rows: int, cols: int) -> None: ...

    def dirty_rows(self) -> set[int]:
        """Take in what was fed since the last call; the rows of the view that look different now."""

    def strip(self, y: int, width: int, *, cursor: bool) -> Strip:
        """Row ``y`` as of the last dirty_rows(), ``width`` cells wide, with the cursor if it is there."""

    def scroll(self, lines: int) -> None:
        """Move the view into the scrollback (negative) or back."""

    def scroll_to_bottom(self) -> None: ...

    def mode(self, number: int) -> bool:
        """Whether the program has set this DEC private mode."""

    @property
    def mouse_tracking(self) -> bool:
        """Whether the program wants the mouse."""

    def text(self) -> list[str]:
        """The rows of the view as of the last dirty_rows(), as text."""

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Column and row of the view, or None if hidden or out of view."""
