"""Key table of the embedded terminal."""

from __future__ import annotations

import pytest

from cka_lab.tui.terminal.keys import encode

NAMED = [
    ("a", "a", b"a"),
    ("A", "A", b"A"),
    ("é", "é", "é".encode()),
    ("space", " ", b" "),
    ("plus", "+", b"+"),
    ("full_stop", ".", b"."),
    ("enter", "\r", b"\r"),
    ("tab", "\t", b"\t"),
    ("shift+tab", None, b"\x1b[Z"),
    ("escape", "\x1b", b"\x1b"),
    ("backspace", "\x7f", b"\x7f"),
    ("ctrl+backspace", None, b"\x08"),
    ("alt+backspace", None, b"\x1b\x7f"),
    ("alt+enter", None, b"\x1b\r"),
    ("shift+enter", None, b"\r"),
    ("ctrl+c", "\x03", b"\x03"),
    ("ctrl+c", None, b"\x03"),
    ("ctrl+q", "\x11", b"\x11"),
    ("ctrl+shift+c", None, b"\x03"),
    ("ctrl+@", "\x00", b"\x00"),
    ("ctrl+space", None, b"\x00"),
    ("ctrl+backslash", "\x1c", b"\x1c"),
    ("ctrl+right_square_bracket", "\x1d", b"\x1d"),
    ("ctrl+circumflex_accent", "\x1e", b"\x1e"),
    ("ctrl+underscore", "\x1f", b"\x1f"),
    ("ctrl+slash", None, b"\x1f"),
    ("alt+b", None, b"\x1bb"),
    ("alt+shift+b", None, b"\x1bB"),
    ("alt+full_stop", None, b"\x1b."),
    ("alt+shift+full_stop", None, b"\x1b>"),
    ("alt+ctrl+b", None, b"\x1b\x02"),
    ("up", None, b"\x1b[A"),
    ("home", None, b"\x1b[H"),
    ("ctrl+left", None, b"\x1b[1;5D"),
    ("alt+right", None, b"\x1b[1;3C"),
    ("ctrl+shift+end", None, b"\x1b[1;6F"),
    ("insert", None, b"\x1b[2~"),
    ("shift+delete", None, b"\x1b[3;2~"),
    ("pageup", None, b"\x1b[5~"),
    ("f1", None, b"\x1bOP"),
    ("shift+f1", None, b"\x1b[1;2P"),
    ("f5", None, b"\x1b[15~"),
    ("f10", None, b"\x1b[21~"),
    ("f12", None, b"\x1b[24~"),
    ("super+c", None, b""),
    ("left_shift", None, b""),
]


@pytest.mark.parametrize(("key", "character", "sent"), NAMED)
def test_key(key: str, character: str | None, sent: bytes) -> None:
    assert encode(key, character) == sent


def test_application_cursor_keys() -> None:
    assert encode("up", application_cursor=True) == b"\x1bOA"
    assert encode("end", application_cursor=True) == b"\x1bOF"
    assert encode("ctrl+up", application_cursor=True) == b"\x1b[1;5A"
    assert encode("up", application_cursor=True, raw="\x1b[A") == b"\x1bOA"


@pytest.mark.parametrize(
    ("key", "character", "raw", "sent"),
    [
        ("ctrl+left", None, "\x1bb", b"\x1bb"),
        ("ctrl+w", None, "\x1b\x7f", b"\x1b\x7f"),
        ("full_stop", ".", "\x1b.", b"\x1b."),
        ("£", "£", "\x1b3", b"\x1b3"),
        ("backspace", "\x08", "\x08", b"\x08"),
        ("escape", None, "\x1b[3;3~", b"\x1b[3;3~"),
        ("delete", None, "", b""),
        ("escape", "\x1b", "\x1b", b"\x1b"),
        ("a", "a", "a", b"a"),
    ],
)
def test_what_textual_folds_is_sent_as_it_came(key: str, character: str | None, raw: str, sent: bytes) -> None:
    assert encode(key, character, raw=raw) == sent
