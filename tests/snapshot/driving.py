"""Driving the TUI in tests: press keys, wait for text, never for time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

PATIENCE = 20.0
"""Seconds until a text that does not come fails the test."""


def screen_text(pilot: Pilot[Any]) -> str:
    """What the screen shows, as lines of text."""
    return "\n".join(strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips())


async def seen(pilot: Pilot[Any], *texts: str, patience: float = PATIENCE) -> None:
    """Wait until all ``texts`` are on the screen."""
    deadline = time.monotonic() + patience
    while missing := [text for text in texts if text not in screen_text(pilot)]:
        assert time.monotonic() < deadline, f"not seen: {missing}\n{screen_text(pilot)}"
        await pilot.pause()
        await asyncio.sleep(0.02)
    await pilot.pause()


async def until(pilot: Pilot[Any], question: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until ``question`` is answered with yes."""
    deadline = time.monotonic() + patience
    while not question():
        assert time.monotonic() < deadline, screen_text(pilot)
        await pilot.pause()
        await asyncio.sleep(0.02)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type ``text`` key by key, as a learner does."""
    await pilot.press(*(KEYS.get(character, character) for character in text))


KEYS = {"\n": "enter", " ": "space", "\t": "tab"}
