"""The working half of the lab screen: gradings, hints and the end of the time, and what comes back from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cka_lab.model import Attempt, StillFollowing
from cka_lab.tui.failures import Failed, Stopped, failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.lab_page import LabPage
from cka_lab.tui.screens.procedure import Procedure
from cka_lab.tui.screens.results import Results
from cka_lab.tui.widgets.clock import Clock
from cka_lab.tui.work import DOING, Graded, Hinted, Reported, Work

if TYPE_CHECKING:
    from cka_lab.lab import Lab


class Sitting(LabPage):
    """The work on the lab; what the learner is asked and sees around it is LabScreen's."""

    def __init__(self, lab: Lab, reserved: frozenset[str]) -> None:
        super().__init__(lab, reserved)
        self.work = Work(self, lab)
        self._ungraded = -1
        """The session whose grading at zero failed: it isn't tried again and again."""

    def on_unmount(self) -> None:
        self.work.cancel()

    def busy(self) -> bool:
        """Is something being done? Then say so."""
        if self.work.kind:
            self.notify(f"Still {DOING[self.work.kind]}.")
        return bool(self.work.kind)

    def begin(self, kind: str) -> None:
        """Start work of that kind, see Work.begin; its news turn up in the panel."""
        if kind == "hint":
            self.panel.hints.show(self.lab.shown_hints(), "Looking at what is still wrong …")
        else:
            self.panel.checks.clear(f"{DOING[kind].capitalize()} … F2 cancels.")
        self.turn_to("hints" if kind == "hint" else "checks")
        self.work.begin(kind)

    def on_shell_pane_ready(self) -> None:
        """The prompt is there: the clock starts."""
        with failures_posted(self.post_message, "starting the clock"):
            self.lab.begin()

    def on_clock_time_up(self, message: Clock.TimeUp) -> None:
        """Comes with every tick: ends what is going on first, then grades."""
        session = self.lab.session.id
        if self.work.kind in ("finish", "time-up") or session == self._ungraded:
            return
        if any(isinstance(screen, Procedure) for screen in self.app.screen_stack):
            return
        if self.work.kind:
            self.work.cancel()
        else:
            self.begin("time-up")

    def on_reported(self, message: Reported) -> None:
        if isinstance(message.event, StillFollowing):
            self.notify(f"{message.event} F7 checks and waits.", timeout=15)
        else:
            self.panel.checks.report(message.event)

    def on_graded(self, message: Graded) -> None:
        self.work.ended()
        self.panel.checks.show_attempt(message.attempt)
        if message.kind != "check":
            self.show_results(message.attempt, message.kind)

    def on_hinted(self, message: Hinted) -> None:
        self.work.ended()
        news = "" if message.hint else "There is no further hint for what is still wrong."
        self.panel.hints.show(self.lab.shown_hints(), news)

    def on_stopped(self, message: Stopped) -> None:
        self.work.ended()
        self.panel.checks.clear("Cancelled: nothing was graded. F2 checks again.")

    def on_failed(self, message: Failed) -> None:
        """Say so; if it was the work in progress, that has ended."""
        kind = self.work.kind
        if kind and message.doing == DOING[kind]:
            self.work.ended()
            if kind == "hint":
                self.panel.hints.show(self.lab.shown_hints())
            else:
                self.panel.checks.clear("Nothing was graded. F2 checks again.")
            self._ungraded = self.lab.session.id if kind == "time-up" else self._ungraded
        self.app.push_screen(questions.failed(message), self._after_failure)

    def _after_failure(self, answer: str | None) -> None:
        if answer == "reset":
            self.reset()

    def show_results(self, attempt: Attempt, kind: str) -> None:
        """The results, over whatever question or help is open."""
        while self.app.screen is not self:
            self.app.pop_screen()
        used = self.lab.session.used(self.lab.now())
        results = Results(self.lab.scenario, attempt, used, time_up=kind == "time-up")
        self.app.push_screen(results, self._after_results)

    def _after_results(self, answer: str | None) -> None:
        """See Results for the answers."""
        if answer == "again":
            self.reset()
        elif answer == "leave":
            self.leave()
        else:
            self.shell.enter()
