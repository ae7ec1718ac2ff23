"""Mouse events as programs in a terminal get them, in xterm's encodings."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Offset

from cka_lab.tui.terminal import core

RELEASED, MOTION = 3, 32
WHEEL: dict[type[events.MouseEvent], int] = {
    events.MouseScrollUp: 64,
    events.MouseScrollDown: 65,
    events.MouseScrollLeft: 66,
    events.MouseScrollRight: 67,
}
FARTHEST = 222
"""The last column and row of the old encoding."""


def report(event: events.MouseEvent, at: Offset, mode: Callable[[int], bool]) -> bytes:
    """What to send for an event at that cell; nothing if the program hasn't asked for it."""
    code = _code(event, mode)
    if code is None or at.x < 0 or at.y < 0:
        return b""
    released = isinstance(event, events.MouseUp)
    if not mode(core.MOUSE_PRESSES_ONLY):
        code += 4 * event.shift + 8 * event.meta + 16 * event.ctrl
    if mode(core.SGR_MOUSE):
        return f"\x1b[<{code};{at.x + 1};{at.y + 1}{'m' if released else 'M'}".encode()
    if max(at) > FARTHEST:
        return b""
    return b"\x1b[M" + bytes([32 + (code | RELEASED if released else code), 33 + at.x, 33 + at.y])


def _code(event: events.MouseEvent, mode: Callable[[int], bool]) -> int | None:
    """Button and kind of event; None if it isn't wanted."""
    moves, drags = mode(core.MOUSE_MOTION), mode(core.MOUSE_DRAG)
    clicks = moves or drags or mode(core.MOUSE_BUTTONS)
    if isinstance(event, events.MouseMove):
        wanted = moves or (drags and event.button)
        return MOTION + (event.button - 1 if event.button else RELEASED) if wanted else None
    if type(event) in WHEEL:
        return WHEEL[type(event)] if clicks else None
    if isinstance(event, events.MouseUp) and not clicks:
        return None
    return max(0, event.button - 1) if clicks or mode(core.MOUSE_PRESSES_ONLY) else None
