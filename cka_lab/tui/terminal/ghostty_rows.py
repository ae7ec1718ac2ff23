"""Rows of a Ghostty terminal as Textual's strips: a drawn row costs a few packed cells, not a call per cell."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from pyghostty._ffi import ffi, lib
from pyghostty.core import Terminal, check
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Rgb = tuple[int, int, int]

LONGEST_GRAPHEME = 64
"""Code points in one cell."""

# A packed cell, as in the libghostty-vt of pyghostty 0.1.3. Private to it: as_expected() compares it with the getters.
CONTENT, STYLE_ID, WIDE = 2, 26, 42
"""Where they start; the content tag is in the lowest two bits."""
COLOUR_BITS, CODEPOINT_BITS, STYLE_BITS = 0xFFFFFF, 0x1FFFFF, 0xFFFF
CODEPOINT, GRAPHEME, PALETTE_BACKGROUND, RGB_BACKGROUND = 0, 1, 2, 3
"""Content tags; in a cell with a mere background its colour stands where others have the code point."""
BROAD, SPACER_TAIL, SPACER_HEAD = 1, 2, 3
SAMPLE = "Ab é 日本 e\u0301 \x1b[1;31mbold\x1b[0;7mrev\x1b[0;44m\x1b[K\r\n\x1b[48;2;1;2;3m\x1b[K".encode()


def repacked(cell: int) -> int:
    """The same cell in the layout above, by Ghostty's public getters."""
    tag = _get(cell, "CONTENT_TAG", "int")
    if tag == PALETTE_BACKGROUND:
        content = _get(cell, "COLOR_PALETTE", "uint8_t")
    elif tag == RGB_BACKGROUND:
        colour = _get(cell, "COLOR_RGB", "GhosttyColorRgb")
        content = colour.r | colour.g << 8 | colour.b << 16
    else:
        content = _get(cell, "CODEPOINT", "uint32_t")
    style, wide = _get(cell, "STYLE_ID", "uint16_t"), _get(cell, "WIDE", "int")
    return int(tag | content << CONTENT | style << STYLE_ID | wide << WIDE)


def _get(cell: int, name: str, kind: str) -> Any:
    out = ffi.new(kind + "*")
    check(lib.ghostty_cell_get(cell, getattr(lib, f"GHOSTTY_CELL_DATA_{name}"), out), name)
    return out[0]


@cache
def as_expected() -> bool:
    """Whether cells are packed as described above; if not, every cell goes through repacked()."""
    terminal = Terminal(60, 2)
    terminal.feed(SAMPLE)
    out = ffi.new("GhosttyCell*")
    for x in range(120):
        check(lib.ghostty_grid_ref_cell(terminal.ref(x % 60, x // 60), out), "cell")
        if _parts(out[0]) != _parts(repacked(out[0])):
            return False
    return True


def _parts(cell: int) -> tuple[int, ...]:
    tag = cell & 3
    bits = CODEPOINT_BITS if tag < PALETTE_BACKGROUND else COLOUR_BITS if tag == RGB_BACKGROUND else 0xFF
    return tag, cell >> CONTENT & bits, cell >> STYLE_ID & STYLE_BITS, cell >> WIDE & 3


class Styles:
    """Ghostty's styles as Rich's, every colour an RGB one: Textual would replace those of the palette."""

    def __init__(self, fg: Rgb, bg: Rgb) -> None:
        self._fg, self._bg = Color.from_rgb(*fg), Color.from_rgb(*bg)
        self.plain = Style(color=self._fg)
        self._colours = ffi.new("GhosttyRenderStateColors*")
        self._colours.size = ffi.sizeof("GhosttyRenderStateColors")
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
        check(getattr(lib, f"{prefix}_new")(ffi.NULL, out), kind)
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
        rows = self._rows[0]
        found: dict[int, Strip] = {}
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
        if not as_expected():
            packed = [repacked(cell) for cell in packed]
        lib.ghostty_render_state_row_get(rows, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS, self._cells)
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


@lru_cache(maxsize=4096)
def fitting(text: str, width: int) -> str:
    """``text`` if Textual takes it to be ``width`` cells wide, else the part of it that is, else a stand-in."""
    for shorter in (text, text[:1]):
        if cell_len(shorter) == width:
            return shorter
    return "\ufffd".ljust(width)
