"""The worked solution and why it works, behind a button until the learner asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Markdown, Static

if TYPE_CHECKING:
    from cka_lab.schema import Scenario


class Solution(VerticalGroup):
    """``shown=True`` shows it at once (results); otherwise Wanted is posted when the button is pressed."""

    class Wanted(Message):
        """The learner wants to see the solution."""

    def __init__(self, scenario: Scenario, *, shown: bool = False) -> None:
        super().__init__()
        self.scenario, self.shown = scenario, shown

    def compose(self) -> ComposeResult:
        if not self.shown:
            yield Static(Content(HIDDEN), id="hidden")
            yield Button("Show the solution (F8)", id="show", compact=True)
        yield Markdown(solution_text(self.scenario) if self.shown else "", id="solution-text")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Wanted())

    def reveal(self) -> None:
        if not self.shown:
            self.shown = True
            self.query("#hidden, #show").remove()
            self.query_one("#solution-text", Markdown).update(solution_text(self.scenario))


def solution_text(scenario: Scenario) -> str:
    """Markdown: every solution, the explanation, the references."""
    parts = []
    for file in scenario.solutions():
        parts.append(f"**{file.relative_to(scenario.folder)}**\n\n```bash\n{file.read_text().rstrip()}\n```")
    parts.append(f"### Why it works\n\n{scenario.explanation}")
    if scenario.references:
        parts.append("### To read\n\n" + "\n".join(f"- {reference}" for reference in scenario.references))
    return "\n\n".join(parts)


HIDDEN = "The solution is not shown yet. Try the hints first: the exam has neither."
