"""What is added to Textual's input."""

from __future__ import annotations

import os
import time

import pytest
import textual._xterm_parser
from textual.drivers import linux_driver, web_driver
from textual.events import Key

from cka_lab.tui.terminal import parser
from cka_lab.tui.terminal.keys import encode


def fed(data: str) -> list[Key]:
    return [event for event in linux_driver.XTermParser().feed(data) if isinstance(event, Key)]


def test_installing_twice_changes_nothing() -> None:
    assert parser.install()
    first = linux_driver.XTermParser, web_driver.XTermParser, linux_driver.selectors
    assert parser.install()
    assert (linux_driver.XTermParser, web_driver.XTermParser, linux_driver.selectors) == first


ALT = ["\x1bb", "\x1bf", "\x1b.", "\x1b\x7f", "\x1b1", "\x1b_", "\x1b#", "\x1b<", "\x1b\r", "\x1b "]
OTHERS = ["a", "é", "日", "\x00", "\x1c", "\x1f", "\x08", "\x7f", "\t"]
SEQUENCES = ["\x1b[A", "\x1b[1;5D", "\x1b[Z", "\x1b[3~", "\x1b[1;3C", "\x1bOP", "\x1b[24~"]


@pytest.mark.parametrize("sent", ALT + OTHERS + SEQUENCES)
def test_keys_come_out_as_they_went_in(sent: str) -> None:
    feeding = linux_driver.XTermParser()
    events = list(feeding.feed(sent))
    feeding._timeout_time = feeding._timeout_time and 0.0
    events += feeding.tick()
    keys = [event for event in events if isinstance(event, Key)]
    assert b"".join(encode(key.key, key.character, raw=parser.raw_of(key)) for key in keys) == sent.encode()


def test_alt_keys_in_quick_succession() -> None:
    keys = fed("\x1b.\x1b[D\x1b_\x1bx.\x1b\x1b[A")
    assert [parser.raw_of(key) for key in keys] == ["\x1b.", "\x1b[D", "\x1b_", "\x1bx", ".", None, "\x1b[A"]


@pytest.mark.skipif("ESCDELAY" in os.environ, reason="the user's delay goes before ours")
def test_escape_is_soon_a_key() -> None:
    feeding = linux_driver.XTermParser()
    assert not list(feeding.feed("\x1b"))
    left = feeding.seconds_left()  # type: ignore[attr-defined]
    assert 0 < left <= parser.ESCAPE_DELAY
    time.sleep(left + 0.001)
    assert [event.key for event in feeding.tick() if isinstance(event, Key)] == ["escape"]
    assert feeding.seconds_left() is None  # type: ignore[attr-defined]


def test_another_textual_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def feed(self, data: str) -> list[Key]:
            return []

    before = linux_driver.XTermParser
    monkeypatch.setattr(textual._xterm_parser, "XTermParser", Other)
    assert not parser.install()
    assert linux_driver.XTermParser is before


def test_without_raw_keys_events_have_none() -> None:
    assert parser.raw_of(Key("a", "a")) is None
    assert [parser.raw_of(key) for key in fed("a")] == ["a"]
