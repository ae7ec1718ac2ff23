"""The clock of a session: time left and, in words, its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from cka_lab.session import Phase
from cka_lab.tui.words import clock_time

if TYPE_CHECKING:
    from cka_lab.lab import Lab

STATES = {
    Phase.PREPARING: "starts with the prompt",
    Phase.RUNNING: "left",
    Phase.PAUSED: "left, paused",
    Phase.FINISHED: "left, finished",
}
SOON = 60.0
"""Seconds before the end from which on the clock warns."""


class Clock(Static):
    """Asks the lab for the time; keeps no count of its own. Says so, again and again, while the time is up."""

    class TimeUp(Message):
        """The time is up and the clock still runs."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(id="clock")
        self.lab = lab

    def on_mount(self) -> None:
        self.tick()
        self.set_interval(0.5, self.tick)

    def tick(self) -> None:
        session, now = self.lab.session, self.lab.now()
        self.update(self._text(session.phase, session.remaining(now)))
        if session.due(now):
            self.post_message(self.TimeUp())

    def _text(self, phase: Phase, left: float) -> Content:
        if phase is Phase.RUNNING and left <= 0:
            return Content.styled("time is up", "bold $text-error")
        state = "left, soon over" if phase is Phase.RUNNING and left < SOON else STATES[phase]
        style = "bold $text-warning" if phase is not Phase.RUNNING or left < SOON else "bold"
        return Content.assemble((clock_time(left), style), " ", (state, style))
