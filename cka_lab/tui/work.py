"""Long work on one lab, in threads: a grading or a hint. News comes back as messages to the owner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widget import Widget

from cka_lab.model import Attempt, Event
from cka_lab.tui.failures import failures_posted

if TYPE_CHECKING:
    from cka_lab.lab import Lab
    from cka_lab.schema import Hint

DOING = {
    "check": "checking your work",
    "wait": "checking your work, once the lab has followed your last change",
    "finish": "grading your work",
    "time-up": "grading what stands",
    "hint": "looking for a hint",
}


class Reported(Message):
    """Something happened within a procedure or a grading."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class Graded(Message):
    """A grading is complete. ``kind``: check, finish or time-up."""

    def __init__(self, attempt: Attempt, kind: str) -> None:
        super().__init__()
        self.attempt, self.kind = attempt, kind


class Hinted(Message):
    """The next hint, or None when there is none for what is wrong now."""

    def __init__(self, hint: Hint | None) -> None:
        super().__init__()
        self.hint = hint


class Work:
    """At most one piece of work on ``lab`` at a time. ``owner`` gets the messages and calls ``ended()``."""

    def __init__(self, owner: Widget, lab: Lab) -> None:
        self.owner, self.lab = owner, lab
        self.kind = ""
        self._cancel = threading.Event()

    def begin(self, kind: str) -> None:
        """Start a ``check``, ``wait`` (a check that waits for the lab), ``finish``, ``time-up`` or ``hint``."""
        self.kind, self._cancel = kind, threading.Event()
        call = partial(self._hint) if kind == "hint" else partial(self._grade, kind, self._cancel)
        self.owner.run_worker(partial(self._run, kind, call), thread=True, name=kind)

    def cancel(self) -> None:
        self._cancel.set()

    def ended(self) -> None:
        self.kind = ""

    def _run(self, kind: str, call: Callable[[], Message]) -> None:
        with failures_posted(self.owner.post_message, DOING[kind]):
            self.owner.post_message(call())

    def _grade(self, kind: str, cancel: threading.Event) -> Message:
        if kind in ("check", "wait"):
            return Graded(self.lab.check(self._emit, cancel, wait=kind == "wait"), "check")
        return Graded(self.lab.finish(self._emit, cancel, time_up=kind == "time-up"), kind)

    def _hint(self) -> Message:
        return Hinted(self.lab.hint())

    def _emit(self, event: Event) -> None:
        self.owner.post_message(Reported(event))
