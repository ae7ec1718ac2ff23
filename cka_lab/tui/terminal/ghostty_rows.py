"""Rows of a Ghostty terminal as Textual's strips: a drawn row costs a few packed cells, not a call per cell."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pyghostty._ffi import ffi, lib
from pyghostty.core import Terminal, check
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from cka_lab.tui.terminal.ghostty_cells import (
    BROAD,
    CODEPOINT,
    CODEPOINT_BITS,
    CONTENT,
    GRAPHEME,
    PALETTE_BACKGROUND,
    SPACER_HEAD,
    SPACER_TAIL,
    STYLE_BITS,
    STYLE_ID,
    WIDE,
    as_packed,
    fitting,
    new,
    repacked,
)

Rgb = tuple[int, int, int]

LONGEST_GRAPHEME = 64
"""Code points in one cell."""
SAMPLE = "Ab é 日本 e\u0301 \x1b[1;31mbold\x1b[0;7mrev\x1b[0;44m\x1b[K\r\n\x1b[48;2;1;2;3m\x1b[K".encode()


class Styles:
    """Ghostty's styles as Rich's, every colour an RGB one: Textual would replace those of the palette."""

    def __init__(self, fg: Rgb, bg: Rgb) -> None:
        self._fg, self._bg = Color.from_rgb(*fg), Color.from_rgb(*bg)
        self.plain = Style(color=self._fg)
        self._colours = new("GhosttyRenderStateColors")
        self._palette = b""
        self._known: dict[bytes, Style] = {}

    def refresh(self, state: Any) -> None:
        """Programs may change the palette."""
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_COLORS, self._colours)
        palette = bytes(ffi.buffer(self._colours.palette))
        if palette != self._palette:
            self._palette = palette
            self._known.clear()

    def background(self, tag: int, content: int) -> Style:
        """Of a cell that has a background and nothing else."""
        if tag == PALETTE_BACKGROUND:
            return Style(bgcolor=self._from_palette(content & 0xFF))
        return Style(bgcolor=Color.from_rgb(content & 0xFF, content >> 8 & 0xFF, content >> 16 & 0xFF))

    def style(self, native: Any) -> Style:
        key = bytes(ffi.buffer(native))
        if (style := self._known.get(key)) is None:
            style = self._known[key] = self._made(native)
        return style

    def _made(self, native: Any) -> Style:
        fg, bg = self._colour(native.fg_color) or self._fg, self._colour(native.bg_color)
        if native.inverse:
            fg, bg = bg or self._bg, fg
        return Style(
            color=fg,
            bgcolor=bg,
            bold=bool(native.bold) or None,
            dim=bool(native.faint) or None,
            italic=bool(native.italic) or None,
            blink=bool(native.blink) or None,
            conceal=bool(native.invisible) or None,
            strike=bool(native.strikethrough) or None,
            underline=native.underline == 1 or native.underline > 2 or None,
            underline2=native.underline == 2 or None,
            overline=bool(native.overline) or None,
        )

    def _colour(self, native: Any) -> Color | None:
        if native.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
            return self._from_palette(native.value.palette)
        if native.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
            return Color.from_rgb(native.value.rgb.r, native.value.rgb.g, native.value.rgb.b)
        return None

    def _from_palette(self, number: int) -> Color:
        return Color.from_rgb(*self._palette[3 * number : 3 * number + 3])


class RowReader:
    """Reads the rows of a terminal that have changed, by a render state of its own."""

    def __init__(self, terminal: Any, styles: Styles) -> None:
        self._terminal, self._styles = terminal, styles
        self._state = self._new("GhosttyRenderState", "ghostty_render_state")
        self._rows = self._new("GhosttyRenderStateRowIterator", "ghostty_render_state_row_iterator")
        self._cells = self._new("GhosttyRenderStateRowCells", "ghostty_render_state_row_cells")
        self._view, self._at = new("GhosttyCellsView"), new("GhosttyRenderStateCursor")
        self._style, self._length = new("GhosttyStyle"), new("uint32_t")
        self._codepoints = ffi.new("uint32_t[]", LONGEST_GRAPHEME)
        self._dirty, self._y = new("GhosttyRenderStateDirty"), new("uint16_t")

    def _new(self, kind: str, prefix: str) -> Any:
        """A native object, freed with this one."""
        out = new(kind)
        check(getattr(lib, f"{prefix}_new")(ffi.NULL, out), kind)
        weakref.finalize(self, getattr(lib, f"{prefix}_free"), out[0])
        return out

    def dirty(self) -> dict[int, Strip]:
        """The rows that have changed since the last call."""
        return {y: self._strip(self.packed()) for y in self.each_dirty()}

    def each_dirty(self) -> Iterator[int]:
        """Goes to each row that has changed since the last call."""
        state = self._state[0]
        lib.ghostty_render_state_update(state, self._terminal)
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_DIRTY, self._dirty)
        if not self._dirty[0]:
            return
        self._styles.refresh(state)
        lib.ghostty_render_state_get(state, lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR, self._rows)
        if self._dirty[0] == lib.GHOSTTY_RENDER_STATE_DIRTY_FULL:
            y = 0
            while lib.ghostty_render_state_row_iterator_next(self._rows[0]):
                yield y
                y += 1
        else:
            while lib.ghostty_render_state_row_iterator_next_dirty(self._rows[0], self._y):
                yield self._y[0]
        lib.ghostty_render_state_clean(state)

    def packed(self) -> Sequence[int]:
        """The cells of the row that each_dirty() has come to."""
        lib.ghostty_render_state_row_get(self._rows[0], lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, self._view)
        cells: Sequence[int] = ffi.unpack(self._view.ptr, self._view.len) if self._view.len else []
        return cells

    def cursor(self) -> tuple[int, int] | None:
        lib.ghostty_render_state_get(self._state[0], lib.GHOSTTY_RENDER_STATE_DATA_CURSOR, self._at)
        at = self._at
        if not (at.visible and at.viewport_has_value):
            return None
        return max(0, at.viewport_x - bool(at.wide_tail)), at.viewport_y

    def _strip(self, packed: Sequence[int]) -> Strip:
        if not as_expected():
            packed = [repacked(cell) for cell in packed]
        lib.ghostty_render_state_row_get(self._rows[0], lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS, self._cells)
        return Strip(list(self._segments(packed)))

    def _segments(self, packed: Sequence[int]) -> Iterator[Segment]:
        """Runs of cells of one style."""
        run: list[str] = []
        style, of_run = self._styles.plain, 0
        for x, cell in enumerate(packed):
            tag, wide = cell & 3, cell >> WIDE & 3
            if wide == SPACER_TAIL:
                continue
            looks = cell >> STYLE_ID & STYLE_BITS if tag < PALETTE_BACKGROUND else -cell
            if looks != of_run:
                if run:
                    yield Segment("".join(run), style)
                run, of_run, style = [], looks, self._style_at(x, looks)
            code = cell >> CONTENT & CODEPOINT_BITS
            run.append(chr(code) if tag == CODEPOINT and 32 <= code < 127 else self._glyph(x, cell, tag, wide))
        if run:
            yield Segment("".join(run), style)

    def _style_at(self, x: int, looks: int) -> Style:
        if looks < 0:
            return self._styles.background(-looks & 3, -looks >> CONTENT)
        if not looks:
            return self._styles.plain
        cells = self._cells[0]
        lib.ghostty_render_state_row_cells_select(cells, x)
        lib.ghostty_render_state_row_cells_get(cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_STYLE, self._style)
        return self._styles.style(self._style)

    def _glyph(self, x: int, cell: int, tag: int, wide: int) -> str:
        code = cell >> CONTENT & CODEPOINT_BITS if tag < PALETTE_BACKGROUND else 0
        if not code or wide == SPACER_HEAD:
            return " "
        if tag == GRAPHEME:
            return fitting("".join(map(chr, self._codes(x))), 1 + (wide == BROAD))
        return fitting(chr(code), 1 + (wide == BROAD))

    def _codes(self, x: int) -> Iterable[int]:
        """The code points of a cell that has several."""
        cells = self._cells[0]
        lib.ghostty_render_state_row_cells_select(cells, x)
        lib.ghostty_render_state_row_cells_get(
            cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_LEN, self._length
        )
        if self._length[0] > LONGEST_GRAPHEME:
            return [0xFFFD]
        lib.ghostty_render_state_row_cells_get(
            cells, lib.GHOSTTY_RENDER_STATE_ROW_CELLS_DATA_GRAPHEMES_BUF, self._codepoints
        )
        return list(self._codepoints[0 : self._length[0]])


@cache
def as_expected() -> bool:
    """Whether cells are packed as ghostty_cells.py says; if not, every cell goes through repacked()."""
    terminal = Terminal(60, 2)
    terminal.feed(SAMPLE)
    reader = RowReader(terminal._t[0], Styles((0, 0, 0), (0, 0, 0)))
    cells = [cell for _ in reader.each_dirty() for cell in reader.packed()]
    return len(cells) == 120 and as_packed(cells)
