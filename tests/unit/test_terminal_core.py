"""The emulator against byte streams."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.style import Style
from textual.strip import Strip

from cka_lab.tui.terminal import ghostty

if why_not := ghostty.available():
    pytest.skip(why_not, allow_module_level=True)

from cka_lab.tui.terminal import ghostty_cells, ghostty_rows
from cka_lab.tui.terminal.ghostty import GhosttyCore

COLOURFUL = (
    "plain \x1b[1mbold\x1b[0;31mred \x1b[38;5;208mpalette\x1b[38;2;1;2;3mrgb\x1b[0;7mreverse"
    "\x1b[0m日本 é e\u0301 \x1b[44m\x1b[K\r\n"
    "\x1b[48;2;9;8;7m\x1b[Kx\x1b[0m\r\n\U0001f469\u200d\U0001f4bb|\u2764\ufe0f|\u200b|end"
).encode()


def core(rows: int = 5, cols: int = 60, data: bytes = b"") -> GhosttyCore:
    made = GhosttyCore(rows, cols)
    made.feed(data)
    made.dirty_rows()
    return made


def strips(of: GhosttyCore, rows: int = 5, cols: int = 60) -> list[Strip]:
    return [of.strip(y, cols, cursor=False) for y in range(rows)]


def style_of(strip: Strip, text: str) -> Style:
    return next(segment.style for segment in strip if text in segment.text and segment.style)


def test_text_and_cursor() -> None:
    made = core(data=b"one\r\ntwo\x1b[4;10Hthere")
    assert made.text() == ["one", "two", "", "         there", ""]
    assert made.cursor == (14, 3)
    made.feed(b"\x1b[?25l")
    made.dirty_rows()
    assert made.cursor is None


def test_only_changed_rows_are_dirty() -> None:
    made = core(data=b"one\r\ntwo\r\n")
    assert made.dirty_rows() == set()
    made.feed(b"\x1b[1;1Hx")
    assert 0 in made.dirty_rows()
    made.feed(b"y")
    assert made.dirty_rows() == {0}


def test_a_cursor_that_moves_makes_two_rows_dirty() -> None:
    made = core(data=b"\x1b[1;1H")
    made.feed(b"\x1b[4;1H")
    assert {0, 3} <= made.dirty_rows()


def test_colours_are_rgb() -> None:
    first, second, *_ = strips(core(data=COLOURFUL))
    colour = style_of(first, "palette").color
    assert colour is not None
    assert colour.triplet == (255, 135, 0)
    assert style_of(first, "bold").bold
    reverse = style_of(first, "reverse")
    assert reverse.color is not None
    assert reverse.bgcolor is not None
    assert (reverse.color.triplet, reverse.bgcolor.triplet) == ((0, 0, 0), (229, 229, 229))
    assert not reverse.reverse
    erased = style_of(second, "x").bgcolor
    assert erased is not None
    assert erased.triplet == (9, 8, 7)


def test_a_program_may_change_the_palette() -> None:
    made = core(data=b"\x1b[31mred\x1b]4;1;rgb:12/34/56\x1b\\\x1b[2;1Hnew")
    colour = style_of(made.strip(1, 60, cursor=False), "new").color
    assert colour is not None
    assert colour.triplet == (0x12, 0x34, 0x56)


def test_rows_keep_their_width() -> None:
    for strip in strips(core(data=COLOURFUL)):
        assert sum(segment.cell_length for segment in strip) == 60


def test_wide_characters_stay_whole_under_the_cursor() -> None:
    made = core(data="日本\x1b[1;4H".encode())
    assert made.cursor == (2, 0)
    strip = made.strip(0, 10, cursor=True)
    assert [segment.text for segment in strip if segment.style and segment.style.reverse] == ["本"]
    assert strip.cell_length == 10


def test_without_the_known_cell_layout_rows_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ghostty_rows.as_expected()
    expected = [list(strip) for strip in strips(core(data=COLOURFUL))]
    monkeypatch.setattr(ghostty_rows, "as_expected", lambda: False)
    assert [list(strip) for strip in strips(core(data=COLOURFUL))] == expected


def test_another_cell_layout_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ghostty_rows.as_expected.cache_clear()
    monkeypatch.setattr(ghostty_cells, "STYLE_ID", 27)
    assert not ghostty_rows.as_expected()
    ghostty_rows.as_expected.cache_clear()


def test_ten_thousand_lines_of_scrollback() -> None:
    made = core(rows=10, data=b"".join(b"line %d\r\n" % number for number in range(10_000)))
    assert made.text()[8] == "line 9999"
    made.scroll(-20_000)
    assert made.dirty_rows()
    assert made.text()[0] == "line 0"
    assert made.cursor is None
    made.scroll(5)
    made.dirty_rows()
    assert made.text()[0] == "line 5"
    made.scroll_to_bottom()
    made.dirty_rows()
    assert made.text()[8] == "line 9999"


def test_resizing_reflows() -> None:
    made = core(rows=5, cols=20, data=b"0123456789abcdef")
    made.resize(4, 10)
    assert made.dirty_rows() == {0, 1, 2, 3}
    assert made.text() == ["0123456789", "abcdef", "", ""]


def test_modes() -> None:
    made = core(data=b"\x1b[?1h\x1b[?2004h")
    assert made.mode(1)
    assert made.mode(2004)
    assert not made.mouse_tracking
    made.feed(b"\x1b[?1002h")
    assert made.mouse_tracking


def test_questions_are_answered() -> None:
    answers: list[bytes] = []
    made = GhosttyCore(5, 20, answers.append, bg=(1, 2, 3))
    made.feed(b"\x1b[3;4H\x1b[6n\x1b]11;?\x1b\\")
    assert answers == [b"\x1b[3;4R", b"\x1b]11;rgb:0101/0202/0303\x1b\\"]


@pytest.mark.parametrize(
    "missing", ["sys.modules['pyghostty'] = None", "os.environ['PYGHOSTTY_LIB'] = '/no/such/library.so'"]
)
def test_the_package_can_be_imported_without_the_emulator(missing: str) -> None:
    script = f"import os, sys; {missing}; from cka_lab.tui.terminal import ghostty; print(ghostty.available())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pyghostty can't be loaded (")


def test_a_missing_emulator_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ghostty.available() is None
    monkeypatch.setattr(ghostty, "_WHY_NOT", "pyghostty can't be loaded")
    assert ghostty.available() == "pyghostty can't be loaded"
