"""The frame of the lab screen: its lab, panel and shell; reset, leave and stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cka_lab.tui.failures import failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.page import Page
from cka_lab.tui.screens.procedures import removal, resetting
from cka_lab.tui.widgets.shell_pane import ShellPane
from cka_lab.tui.widgets.task_panel import NOT_CHECKED, TaskPanel

if TYPE_CHECKING:
    from cka_lab.lab import Lab


class LabPage(Page[None]):
    """``reserved``: the keys that the shell must leave to the screen."""

    AUTO_FOCUS = ""

    def __init__(self, lab: Lab, reserved: frozenset[str]) -> None:
        super().__init__()
        self.lab = lab
        self.panel = TaskPanel(lab.scenario)
        self.shell = ShellPane(lab, reserved)

    def turn_to(self, tab: str) -> None:
        self.remove_class("-only-shell")
        self.panel.open(tab)

    def reset(self) -> None:
        """Back to the broken state, visibly; a new shell."""
        self.app.push_screen(resetting(self.lab), self._after_reset)

    def _after_reset(self, done: bool | None) -> None:
        if done:
            self.panel.checks.clear(NOT_CHECKED)
            self.panel.hints.show(())
            self.panel.open("task")
            self.shell.renew()
            self.notify("A new shell: the lab is back where it began, and so is the clock.")

    def leave(self) -> None:
        """Ask what is to become of the lab, and go."""
        self.app.push_screen(questions.leave(self.lab), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "pause":
            with failures_posted(self.post_message, "pausing the clock"):
                self.lab.pause()
        if answer in ("home", "pause"):
            self.dismiss()
        elif answer == "stop":
            self.stop()
        elif answer == "quit":
            self.app.exit()

    def stop(self) -> None:
        """Remove the lab, visibly, and go back to the first page."""
        self.app.push_screen(removal(self.lab.labs, [self.lab.id]), self._after_stop)

    def _after_stop(self, gone: bool | None) -> None:
        if gone:
            self.dismiss()
