"""Ghostty's types and cells. Only this file, ghostty_rows.py and ghostty.py touch pyghostty."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from pyghostty._ffi import ffi, lib
from pyghostty.core import check
from rich.cells import cell_len

# A packed cell, as in the libghostty-vt of pyghostty 0.1.3. Private to it: as_expected() compares it with the getters.
CONTENT, STYLE_ID, WIDE = 2, 26, 42
"""Where they start; the content tag is in the lowest two bits."""
COLOUR_BITS, CODEPOINT_BITS, STYLE_BITS = 0xFFFFFF, 0x1FFFFF, 0xFFFF
CODEPOINT, GRAPHEME, PALETTE_BACKGROUND, RGB_BACKGROUND = 0, 1, 2, 3
"""Content tags; in a cell with a mere background its colour stands where others have the code point."""
BROAD, SPACER_TAIL, SPACER_HEAD = 1, 2, 3

_POINTERS = ["bool", "uint8_t", "uint16_t", "uint32_t", "int", "size_t", "GhosttyCellsView", "GhosttyColorRgb"]
_POINTERS += ["GhosttyPointS", "GhosttyStyle", "GhosttyTerminalModeConfig", "GhosttyTerminalScrollViewport"]
_POINTERS += [f"GhosttyRenderState{part}" for part in ("", "Colors", "Cursor", "Dirty", "RowCells", "RowIterator")]
_SCROLL = "void(*)(GhosttyTerminal, GhosttyPointS)"
_ALL = ffi.typeof(f"void(*)({', '.join(f'{name}*' for name in _POINTERS)}, {_SCROLL})").args
_KINDS = dict(zip([*_POINTERS, "scroll"], _ALL, strict=True))
"""Pointers to these types. One call for all: cffi takes some 10 ms to understand a type's name, however short."""


def new(kind: str) -> Any:
    """A pointer to a new value of that type; its ``size`` is set if it has one."""
    out = ffi.new(_KINDS[kind])
    if _KINDS[kind].item.kind == "struct" and hasattr(out, "size"):
        out.size = ffi.sizeof(_KINDS[kind].item)
    return out


def scroll_viewport(terminal: Any, tag: int, delta: int = 0) -> None:
    """The native function takes a union by value, which cffi can't pass; a struct as large and as aligned it can."""
    real, twin = _KINDS["GhosttyTerminalScrollViewport"], _KINDS["GhosttyPointS"]
    if (ffi.sizeof(real.item), ffi.alignof(real.item)) != (ffi.sizeof(twin.item), ffi.alignof(twin.item)):
        raise RuntimeError("another layout of GhosttyTerminalScrollViewport")
    where = ffi.new(real)
    where.tag, where.value.delta = tag, delta
    function = ffi.cast(_KINDS["scroll"], ffi.addressof(lib, "ghostty_terminal_scroll_viewport"))
    function(terminal, ffi.cast(twin, where)[0])


def as_packed(cells: Iterable[int]) -> bool:
    """Whether these cells are packed as described above."""
    return all(_parts(cell) == _parts(repacked(cell)) for cell in cells)


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
    out = new(kind)
    check(lib.ghostty_cell_get(cell, getattr(lib, f"GHOSTTY_CELL_DATA_{name}"), out), name)
    return out[0]


def _parts(cell: int) -> tuple[int, ...]:
    tag = cell & 3
    bits = CODEPOINT_BITS if tag < PALETTE_BACKGROUND else COLOUR_BITS if tag == RGB_BACKGROUND else 0xFF
    return tag, cell >> CONTENT & bits, cell >> STYLE_ID & STYLE_BITS, cell >> WIDE & 3


@lru_cache(maxsize=4096)
def fitting(text: str, width: int) -> str:
    """``text`` if Textual takes it to be ``width`` cells wide, else the part of it that is, else a stand-in."""
    for shorter in (text, text[:1]):
        if cell_len(shorter) == width:
            return shorter
    return "\ufffd".ljust(width)
