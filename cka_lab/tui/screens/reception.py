"""What the first page can do with labs: start, open and remove them, and quit while some run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from cka_lab.tui.failures import Failed, failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.lab import LabScreen
from cka_lab.tui.screens.page import Page
from cka_lab.tui.screens.procedures import removal, starting
from cka_lab.tui.stock import Stock

if TYPE_CHECKING:
    from cka_lab.lab import Lab, Labs, LabStatus


class Reception(Page[None]):
    """Knows the labs; what the learner sees of them is Home's."""

    class Opened(Message):
        """A running lab has been opened."""

        def __init__(self, lab: Lab) -> None:
            super().__init__()
            self.lab = lab

    def __init__(self, labs: Labs) -> None:
        super().__init__()
        self.labs = labs
        self.stock = Stock()

    def start(self, id: str, provider: str | None = None) -> None:
        scenario = self.stock.scenario(id)
        self.app.push_screen(starting(self.labs, id, scenario.title if scenario else id, provider), self.enter)

    @work(thread=True)
    def open(self, id: str) -> None:
        with failures_posted(self.post_message, "opening the lab"):
            self.post_message(self.Opened(self.labs.open(id)))

    def on_reception_opened(self, message: Opened) -> None:
        self.enter(message.lab)

    def enter(self, lab: Lab | None) -> None:
        if lab:
            self.app.push_screen(LabScreen(lab))

    def about(self, lab: LabStatus, answer: str | None) -> None:
        if answer == "open":
            self.open(lab.id)
        elif answer == "stop":
            self.app.push_screen(removal(self.labs, [lab.id]))

    def action_leave(self) -> None:
        """Quit; where a lab runs, ask first."""
        if not self.stock.running:
            self.app.exit()
            return
        titles = [self.stock.title(lab) for lab in self.stock.running]
        self.app.push_screen(questions.quit_with(titles), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "keep":
            self.app.exit()
        elif answer == "stop":
            self.app.push_screen(removal(self.labs, [lab.id for lab in self.stock.running]), self._exit_if)

    def _exit_if(self, removed: bool | None) -> None:
        if removed:
            self.app.exit()

    def on_failed(self, message: Failed) -> None:
        self.app.push_screen(questions.failed(message))
