"""The emulator: libghostty-vt through pyghostty. available() says whether it can be had.

Only this file, ghostty_cells.py and ghostty_rows.py touch pyghostty.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from cka_lab.tui.terminal.core import Reply

try:
    from pyghostty import core as _binding
    from pyghostty._ffi import lib

    from cka_lab.tui.terminal.ghostty_cells import new, scroll_viewport
    from cka_lab.tui.terminal.ghostty_rows import Rgb, RowReader, Styles

    _WHY_NOT = None
except Exception as _error:  # no wheel for this machine, no library, or another version of it
    _WHY_NOT = f"pyghostty can't be loaded ({_error})"

SCROLLBACK_LINES = 10_000
SCROLLBACK_BYTES = 64 << 20
"""Ghostty's own default keeps some hundred lines only."""

CURSOR = Style(reverse=True)


def available() -> str | None:
    """None if this emulator works here, else the reason why not."""
    return _WHY_NOT or _broken()


@cache
def _broken() -> str | None:
    try:
        core = GhosttyCore(2, 10)
        core.feed(b"ok")
        core.dirty_rows()
        return None if core.text()[0] == "ok" else "libghostty-vt doesn't draw"
    except Exception as error:
        return f"libghostty-vt doesn't work ({error})"


class GhosttyCore:
    """A TerminalCore; rows are read from Ghostty once they are dirty, and kept as strips."""

    def __init__(
        self,
        rows: int,
        cols: int,
        reply: Reply | None = None,
        *,
        fg: Rgb = (229, 229, 229),
        bg: Rgb = (0, 0, 0),
        scrollback: int = SCROLLBACK_LINES,
    ) -> None:
        self._terminal = _binding.Terminal(cols, rows, scrollback=scrollback, fg=fg, bg=bg)
        self._handle = self._terminal._t[0]
        limit = new("size_t")
        limit[0] = SCROLLBACK_BYTES
        lib.ghostty_terminal_set(self._handle, lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES, limit)
        if reply is not None:
            self._terminal.on_reply(_returning_none(reply))
        self._rows, self._cols = rows, cols
        self._lines: dict[int, Strip] = {}
        self._cursor: tuple[int, int] | None = None
        self._styles = Styles(fg, bg)
        self._reader = RowReader(self._handle, self._styles)

    def feed(self, data: bytes) -> None:
        self._terminal.feed(data)

    def resize(self, rows: int, cols: int) -> None:
        self._terminal.resize(cols, rows)
        self._rows, self._cols = rows, cols

    def dirty_rows(self) -> set[int]:
        read = self._reader.dirty()
        self._lines.update(read)
        dirty = {y for y in read if y < self._rows}
        cursor = self._reader.cursor()
        if cursor != self._cursor:
            dirty |= {place[1] for place in (cursor, self._cursor) if place}
            self._cursor = cursor
        return dirty

    def strip(self, y: int, width: int, *, cursor: bool) -> Strip:
        line = self._lines.get(y, Strip([])).adjust_cell_length(width, self._styles.plain)
        if not cursor or self._cursor is None or self._cursor[1] != y or self._cursor[0] >= width:
            return line
        x = self._cursor[0]
        end = x + max(1, cell_len(line.crop(x).text[:1]))
        return Strip.join([line.crop(0, x), line.crop(x, end).apply_style(CURSOR), line.crop(end)])

    def scroll(self, lines: int) -> None:
        scroll_viewport(self._handle, lib.GHOSTTY_SCROLL_VIEWPORT_DELTA, lines)

    def scroll_to_bottom(self) -> None:
        scroll_viewport(self._handle, lib.GHOSTTY_SCROLL_VIEWPORT_BOTTOM)

    def mode(self, number: int) -> bool:
        question = new("GhosttyTerminalModeConfig")
        question.mode = number
        return bool(self._ask("MODE", question).value)

    @property
    def mouse_tracking(self) -> bool:
        return bool(self._ask("MOUSE_TRACKING", new("bool"))[0])

    def _ask(self, name: str, out: Any) -> Any:
        _binding.check(lib.ghostty_terminal_get(self._handle, getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}"), out), name)
        return out

    def text(self) -> list[str]:
        return [self._lines[y].text.rstrip() if y in self._lines else "" for y in range(self._rows)]

    @property
    def cursor(self) -> tuple[int, int] | None:
        return self._cursor


def _returning_none(reply: Reply) -> Reply:
    """pyghostty raises if its callback returns something."""

    def call(data: bytes) -> None:
        reply(data)

    return call
