"""Text selection in a terminal's rows. Textual counts a selection's columns in characters, a strip counts cells."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

WORD = re.compile(r"[^\s'\"`|;,()<>{}]+")


def highlighted(strip: Strip, selection: Selection | None, y: int, style: Style) -> Strip:
    """The row with its selected part in that style."""
    span = selection.get_span(y) if selection else None
    if span is None:
        return strip
    text = strip.text
    first = cell_len(text[: span[0]])
    last = strip.cell_length if span[1] < 0 else cell_len(text[: span[1]])
    parts = [strip.crop(0, first), strip.crop(first, last).apply_style(style), strip.crop(last)]
    return Strip.join(parts)


def extracted(rows: list[str], selection: Selection) -> str:
    """The selected text of rows that may be shorter than the screen is wide."""
    parts = []
    for y, row in enumerate(rows):
        if span := selection.get_span(y):
            parts.append(row[span[0] : None if span[1] < 0 else span[1]])
    return "\n".join(parts)


def word_at(row: str, y: int, cell: int) -> Selection | None:
    """The word in that cell."""
    for match in WORD.finditer(row):
        if cell_len(row[: match.start()]) <= cell < cell_len(row[: match.end()]):
            return Selection(Offset(match.start(), y), Offset(match.end(), y))
    return None
