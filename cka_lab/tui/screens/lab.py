"""The lab: task and helps beside (or above) the terminal, the clock, and keys that work while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer

from cka_lab.session import Phase
from cka_lab.tui.failures import failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.sitting import Sitting
from cka_lab.tui.widgets.clock import Clock
from cka_lab.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from cka_lab.lab import Lab

KEYS = (
    ("f1", "app.help", "Help"),
    ("f2", "check", "Check"),
    ("f3", "hint", "Hint"),
    ("f5", "reset", "Reset"),
    ("f6", "pause", "Pause"),
    ("f9", "finish", "Finish"),
    ("f10", "leave", "Leave"),
    ("f12", "swap", "Panel"),
    ("f4", "view", "View"),
    ("f7", "check_waiting", "Check, wait"),
    ("f8", "solution", "Solution"),
)
"""Key, action, label. What does not fit into the footer is cut from the end."""
VIEWS = ("", "-only-shell", "-only-panel")


class LabScreen(Sitting):
    BINDINGS: ClassVar[list[BindingType]] = [Binding(*key, priority=True) for key in KEYS]

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, frozenset(key for key, _, _ in KEYS))

    def compose(self) -> ComposeResult:
        yield TitleBar(self.lab.scenario.title, Clock(self.lab))
        with Container(id="both"):
            yield self.panel
            yield self.shell
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.panel.hints.show(self.lab.shown_hints())
        self.shell.enter()

    def action_swap(self) -> None:
        """From the shell to the panel, or back; a hidden one is shown."""
        to_shell = self.panel.has_focus or self.panel.has_focus_within
        self.remove_class("-only-panel" if to_shell else "-only-shell")
        if to_shell:
            self.shell.enter()
        else:
            self.panel.focus()

    def action_view(self) -> None:
        """Both, the shell only, the panel only."""
        now = next((view for view in VIEWS[1:] if self.has_class(view)), "")
        then = VIEWS[(VIEWS.index(now) + 1) % len(VIEWS)]
        self.remove_class(*VIEWS[1:])
        if then:
            self.add_class(then)
        if then == "-only-panel":
            self.panel.focus()
        else:
            self.shell.enter()

    def action_check(self) -> None:
        """Check; while something runs, cancel it."""
        if self.work.kind:
            self.work.cancel()
        else:
            self.begin("check")

    def action_check_waiting(self) -> None:
        """Check, and wait as long as the lab is still following the last change."""
        if not self.busy():
            self.begin("wait")

    def action_hint(self) -> None:
        if self.busy():
            return
        costs = [hint.costs for task in self.lab.scenario.tasks for hint in task.hints]
        if most := max(costs, default=0):
            self.app.push_screen(questions.hint(most), lambda yes: self.begin("hint") if yes else None)
        else:
            self.begin("hint")

    def action_pause(self) -> None:
        phase = self.lab.session.phase
        with failures_posted(self.post_message, "pausing the clock"):
            if phase is Phase.PAUSED:
                self.lab.resume()
            else:
                self.lab.pause()
        self.query_one(Clock).tick()

    def action_solution(self) -> None:
        self.turn_to("solution")
        if not self.panel.solution.shown:
            self.app.push_screen(questions.solution(), lambda yes: self.panel.solution.reveal() if yes else None)

    def on_solution_wanted(self) -> None:
        self.action_solution()

    def action_finish(self) -> None:
        """Ask and grade; a finished session shows its results again."""
        if self.lab.session.phase is Phase.FINISHED:
            self._show_last()
        elif not self.busy():
            self.app.push_screen(questions.finish(), lambda yes: self.begin("finish") if yes else None)

    def _show_last(self) -> None:
        """The results of a finished session once more."""
        row = next((row for row in self.lab.attempts() if row.kind != "check"), None)
        if row:
            self.show_results(row.attempt, row.kind)

    def action_reset(self) -> None:
        if not self.busy():
            self.app.push_screen(questions.reset(), lambda yes: self.reset() if yes else None)

    def action_leave(self) -> None:
        self.leave()
