"""What the terminal needs of Textual's input that Textual doesn't offer. The only file with its private parts.

Textual gives several keys one name (M-b and ctrl+left, M-. and a full stop), which is no matter to its own widgets but
is to a program in the terminal: here a key event keeps, as its ``raw``, what the outer terminal sent. And Textual holds
Escape back for 100 to 200 ms, to see whether it starts a longer sequence; 15 ms will do.

Without it the terminal works too, with a slow Escape and without some Alt keys.
"""

from __future__ import annotations

import importlib
import inspect
import os
import selectors
import threading
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from textual.events import Key

ESCAPE_DELAY = 0.015
"""Seconds until an Escape is the key itself; the user's ESCDELAY goes before it."""
LONGER = "[O\x1b"
"""After Escape these may start a sequence. Any other is a key with Alt: Textual would wait for more, and garble it."""
DRIVERS = ("textual.drivers.linux_driver", "textual.drivers.linux_inline_driver", "textual.drivers.web_driver")

_reading = threading.local()
"""``parser``: the one that this input thread has made."""


def install() -> bool:
    """Put the parts below into Textual's drivers, for apps that start after this. False where Textual is another."""
    try:
        parser = _raw_parser()
        if not _works(parser):
            return False
        drivers = [importlib.import_module(name) for name in DRIVERS]
        if not all(hasattr(driver, "XTermParser") for driver in drivers):
            return False
    except Exception:  # whatever another Textual does, it has to stay usable
        return False
    for driver in drivers:
        if not hasattr(driver.XTermParser, "keeps_raw_keys"):
            driver.XTermParser = parser  # type: ignore[attr-defined]
            if getattr(driver, "selectors", None) is selectors:
                driver.selectors = _QUICK_SELECTORS  # type: ignore[attr-defined]
    return True


def raw_of(event: Key) -> str | None:
    """What was sent for the key; "" if that came with the key before; None if unknown."""
    raw: str | None = getattr(event, "raw", None)
    return raw


def _raw_parser() -> type[Any]:
    """Textual's parser, with ``raw`` in key events and a shorter wait after Escape."""
    from textual._time import get_time
    from textual._xterm_parser import XTermParser

    class RawKeysParser(XTermParser):
        keeps_raw_keys = True

        def __init__(self, debug: bool = False) -> None:
            super().__init__(debug)
            _reading.parser = self

        def feed(self, data: str) -> Iterable[Any]:
            yield from super().feed(data)
            if self._timeout_time is not None and "ESCDELAY" not in os.environ:
                self._timeout_time = min(self._timeout_time, get_time() + ESCAPE_DELAY)

        def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterator[Key]:
            raw = ("\x1b" if alt else "") + sequence
            found = list(super()._sequence_to_key_events(sequence, alt))
            if not found and len(sequence) == 2 and sequence[1] not in LONGER:
                found = list(super()._sequence_to_key_events(sequence[1], True))
            for event in found:
                event.raw = raw  # type: ignore[attr-defined]
                raw = ""
                yield event

        def seconds_left(self) -> float | None:
            """Until tick() has something to say; None if it hasn't."""
            return None if self._timeout_time is None else max(0.0, self._timeout_time - get_time())

    return RawKeysParser


def _works(parser: type[Any]) -> bool:
    """Whether Textual's parser has the parts that the one above builds on."""
    base: Any = parser.__mro__[1]
    if list(inspect.signature(base._sequence_to_key_events).parameters) != ["self", "sequence", "alt"]:
        return False
    trial = parser()
    keys = [event for event in trial.feed("\x1bb\x1b[Aq\x1b") if isinstance(event, Key)]
    if [raw_of(key) for key in keys] != ["\x1bb", "\x1b[A", "q"] or trial.seconds_left() is None:
        return False
    return [event.key for event in trial.feed("[B")] == ["down"] and trial.seconds_left() is None


class _QuickSelector(selectors.SelectSelector):
    """Waits no longer than the parser of its thread has to wait for the rest of a sequence."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        parser = getattr(_reading, "parser", None)
        left = parser.seconds_left() if parser else None
        if left is not None:
            timeout = left if timeout is None else min(timeout, left)
        return super().select(timeout)


_QUICK_SELECTORS = SimpleNamespace(**{**vars(selectors), "SelectSelector": _QuickSelector})
