"""The emulator: libghostty-vt through pyghostty. The only file that touches it; available() says whether it can."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from cka_lab.tui.terminal.core import Reply

try:
    from pyghostty import core as _binding
    from pyghostty._ffi import ffi, lib, union_fn

    _WHY_NOT = None
except (ImportError, OSError, AttributeError) as _error:
    _WHY_NOT = f"pyghostty can't be loaded ({_error})"

Rgb = tuple[int, int, int]

SCROLLBACK_LINES = 10_000
SCROLLBACK_BYTES = 64 << 20
"""Ghostty's own default keeps some hundred lines only."""
LONGEST_GRAPHEME = 64

# A packed cell, as in libghostty-vt of pyghostty 0.1.3. Private to it, so _as_expected() compares with its getters.
TAG, CONTENT, STYLE_ID, WIDE = 0, 2, 26, 42
CONTENT_BITS, CODEPOINT_BITS, STYLE_BITS = 0xFFFFFF, 0x1FFFFF, 0xFFFF
CODEPOINT, GRAPHEME, PALETTE_BACKGROUND = 0, 1, 2
SPACER_TAIL, SPACER_HEAD = 2, 3
CURSOR = Style(reverse=True)

STYLE_FLAGS = {"bold": "bold", "italic": "italic", "dim": "faint", "blink": "blink", "conceal": "invisible"}
STYLE_FLAGS |= {"strike": "strikethrough", "underline": "underline", "overline": "overline"}


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
        limit = ffi.new("size_t*", SCROLLBACK_BYTES)
        lib.ghostty_terminal_set(self._handle, lib.GHOSTTY_TERMINAL_OPT_SCROLLBACK_MAX_BYTES, limit)
        if reply is not None:
            self._terminal.on_reply(_returning_none(reply))
        self._rows, self._cols = rows, cols
        self._lines: dict[int, Strip] = {}
        self._cursor: tuple[int, int] | None = None
        self._styles = _Styles(fg, bg)
        self._reader = _RowReader(self._handle, self._styles)

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
        self._scroll(lib.GHOSTTY_SCROLL_VIEWPORT_DELTA, lines)

    def scroll_to_bottom(self) -> None:
        self._scroll(lib.GHOSTTY_SCROLL_VIEWPORT_BOTTOM, 0)

    def _scroll(self, tag: int, delta: int) -> None:
        where = ffi.new("GhosttyTerminalScrollViewport*")
        where.tag, where.value.delta = tag, delta
        _scroll_function()(self._handle, ffi.cast("CkaLabScroll*", where)[0])

    def mode(self, number: int) -> bool:
        return bool(self._terminal.mode(number))

    @property
    def mouse_tracking(self) -> bool:
        return bool(self._terminal.get("mouse_tracking", "bool"))

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


@cache
def _scroll_function() -> Any:
    """ghostty_terminal_scroll_viewport takes a union by value, which cffi can't pass; a struct of the same layout it can."""
    ffi.cdef("typedef struct { GhosttyTerminalScrollViewportTag tag; uint64_t value[2]; } CkaLabScroll;")
    if ffi.sizeof("CkaLabScroll") != ffi.sizeof("GhosttyTerminalScrollViewport"):
        raise RuntimeError("another layout of GhosttyTerminalScrollViewport")
    return union_fn("ghostty_terminal_scroll_viewport", "void(*)(GhosttyTerminal, CkaLabScroll)")


class _RowReader:
    """Reads the rows of a terminal that have changed, by a render state of its own."""

    def __init__(self, terminal: Any, styles: _Styles) -> None:
        self._terminal, self._styles = terminal, styles
        self._state = self._new("GhosttyRenderState", "ghostty_render_state")
        self._rows = self._new("GhosttyRenderStateRowIterator", "ghostty_render_state_row_iterator")
        self._cells = self._new("GhosttyRenderStateRowCells", "ghostty_render_state_row_cells")
        self._view = ffi.new("GhosttyCellsView*")
        self._at = ffi.new("GhosttyRenderStateCursor*")
        self._at.size = ffi.sizeof("GhosttyRenderStateCursor")
        self._style = ffi.new("GhosttyStyle*")
        self._style.size = ffi.sizeof("GhosttyStyle")
        self._length = ffi.new("uint32_t*")
        self._codepoints = ffi.new("uint32_t[]", LONGEST_GRAPHEME)
        self._dirty, self._y = ffi.new("GhosttyRenderStateDirty*"), ffi.new("uint16_t*")

    def _new(self, kind: str, prefix: str) -> Any:
        """A native object, freed with this one."""
        out = ffi.new(f"{kind}*")
        _binding.check(getattr(lib, f"{prefix}_new")(ffi.NULL, out), kind)
        weakref.finalize(self, getattr(lib, f"{prefix}_free"), out[0])
        return out

    def dirty(self) -> dict[int, Strip]:
        """The rows that have changed since the last call."""
        state = self._state[0]
        lib.ghostty_render_state_update(state, self._terminal)
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_DIRTY, self._dirty)
        if not self._dirty[0]:
            return {}
        self._styles.refresh(state)
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR, self._rows)
        rows, found = self._rows[0], {}
        if self._dirty[0] == lib.GHOSTTY_RENDER_STATE_DIRTY_FULL:
            while lib.ghostty_render_state_row_iterator_next(rows):
                found[len(found)] = self._row(rows)
        else:
            while lib.ghostty_render_state_row_iterator_next_dirty(rows, self._y):
                found[self._y[0]] = self._row(rows)
        lib.ghostty_render_state_clean(state)
        return found

    def cursor(self) -> tuple[int, int] | None:
        lib.ghostty_render_state_get(self._state[0], lib.GHOSTTY_RENDER_STATE_DATA_CURSOR, self._at)
        at = self._at
        if not (at.visible and at.viewport_has_value):
            return None
        return max(0, at.viewport_x - bool(at.wide_tail)), at.viewport_y

    def _row(self, rows: Any) -> Strip:
        lib.ghostty_render_state_row_get(rows, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, self._view)
        packed: Sequence[int] = ffi.unpack(self._view.ptr, self._view.len) if self._view.len else []
        if not _as_expected():
            packed = [_repacked(cell) for cell in packed]
        lib.ghostty_render_state_row_get(rows, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS, self._cells)
        return Strip(self._segments(packed))
