"""Mouse reports and selections of the embedded terminal."""

from __future__ import annotations

import pytest
from textual import events
from textual.geometry import Offset
from textual.selection import Selection

from cka_lab.tui.terminal import selecting
from cka_lab.tui.terminal.mouse import report

AT = Offset(4, 9)


def event(kind: type[events.MouseEvent], button: int = 0, **held: bool) -> events.MouseEvent:
    modifiers = {"shift": False, "meta": False, "ctrl": False} | held
    return kind(None, 4, 9, 0, 0, button, **modifiers)


@pytest.mark.parametrize(
    ("kind", "button", "mode", "sent"),
    [
        (events.MouseDown, 1, 1000, b"\x1b[<0;5;10M"),
        (events.MouseDown, 3, 1000, b"\x1b[<2;5;10M"),
        (events.MouseUp, 1, 1000, b"\x1b[<0;5;10m"),
        (events.MouseScrollUp, 0, 1000, b"\x1b[<64;5;10M"),
        (events.MouseScrollDown, 0, 1003, b"\x1b[<65;5;10M"),
        (events.MouseMove, 1, 1000, b""),
        (events.MouseMove, 1, 1002, b"\x1b[<32;5;10M"),
        (events.MouseMove, 0, 1002, b""),
        (events.MouseMove, 0, 1003, b"\x1b[<35;5;10M"),
        (events.MouseDown, 1, 9, b"\x1b[<0;5;10M"),
        (events.MouseUp, 1, 9, b""),
        (events.MouseDown, 1, 1004, b""),
    ],
)
def test_report(kind: type[events.MouseEvent], button: int, mode: int, sent: bytes) -> None:
    assert report(event(kind, button), AT, {mode, 1006}.__contains__) == sent


def test_modifiers() -> None:
    down = event(events.MouseDown, 1, ctrl=True, shift=True)
    assert report(down, AT, {1000, 1006}.__contains__) == b"\x1b[<20;5;10M"


def test_the_old_encoding() -> None:
    assert report(event(events.MouseDown, 1), AT, {1000}.__contains__) == b"\x1b[M %*"
    assert report(event(events.MouseUp, 1), AT, {1000}.__contains__) == b"\x1b[M#%*"
    assert report(event(events.MouseDown, 1), Offset(223, 0), {1000}.__contains__) == b""


def test_extracting_rows_shorter_than_the_selection() -> None:
    rows = ["one two", "", "three"]
    assert selecting.extracted(rows, Selection(Offset(4, 0), Offset(2, 2))) == "two\n\nth"
    assert selecting.extracted(rows, Selection(None, None)) == "one two\n\nthree"
    assert selecting.extracted(rows, Selection(Offset(30, 0), Offset(40, 1))) == "\n"


def test_words() -> None:
    row = "日本 --key=/etc/x.pem; ls"
    assert selecting.word_at(row, 3, 1) == Selection(Offset(0, 3), Offset(2, 3))
    assert selecting.word_at(row, 3, 8) == Selection(Offset(3, 3), Offset(19, 3))
    assert selecting.word_at(row, 3, 4) is None
