"""What is asked, and what helps: Task, Checks, Hints, Solution, in tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Markdown, TabbedContent, TabPane, Tabs

from cka_lab.tui.widgets.check_list import CheckList
from cka_lab.tui.widgets.hint_list import HintList
from cka_lab.tui.widgets.solution import Solution
from cka_lab.tui.words import points

if TYPE_CHECKING:
    from cka_lab.schema import Scenario

TABS = ("task", "checks", "hints", "solution")


class TaskPanel(Vertical, can_focus=True):
    """Takes the focus itself: left and right change the tab, up and down scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Tab left", show=False),
        Binding("right", "turn(1)", "Tab right", show=False),
        Binding("up", "roll(-1)", "Up", show=False),
        Binding("down", "roll(1)", "Down", show=False),
        Binding("pageup", "roll(-8)", "Page up", show=False),
        Binding("pagedown,space", "roll(8)", "Page down", show=False),
    ]

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(id="panel")
        self.scenario = scenario
        self.checks = CheckList(scenario, NOT_CHECKED)
        self.hints = HintList()
        self.solution = Solution(scenario)

    def compose(self) -> ComposeResult:
        contents = (Markdown(task_text(self.scenario)), self.checks, self.hints, self.solution)
        with TabbedContent():
            for name, content in zip(TABS, contents, strict=True):
                with TabPane(name.capitalize(), id=name), VerticalScroll(can_focus=False):
                    yield content

    def on_mount(self) -> None:
        self.query_one(Tabs).can_focus = False
        self.hints.show(())

    @property
    def active(self) -> str:
        return str(self.query_one(TabbedContent).active)

    def open(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab

    def action_turn(self, by: int) -> None:
        self.open(TABS[(TABS.index(self.active) + by) % len(TABS)])

    def action_roll(self, lines: int) -> None:
        scroll = self.query_one(f"#{self.active}").query_one(VerticalScroll)
        scroll.scroll_relative(y=lines, animate=False)


def task_text(scenario: Scenario) -> str:
    """Markdown: every task with its points and, where it says one, its host."""
    if len(scenario.tasks) == 1:
        return scenario.tasks[0].text
    return "\n\n".join(
        f"### {number}. {task.id} ({points(task.weight)})\n\n{task.text}"
        for number, task in enumerate(scenario.tasks, 1)
    )


NOT_CHECKED = "F2 checks your work as it stands, as often as you like; the clock runs on."
