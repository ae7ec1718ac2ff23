"""The result of a session: per task and check what was expected and found, and the worked solution."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Footer, Static

from cka_lab.model import Attempt
from cka_lab.tui.screens.page import Page
from cka_lab.tui.widgets.check_list import CheckList
from cka_lab.tui.widgets.solution import Solution
from cka_lab.tui.widgets.title_bar import TitleBar
from cka_lab.tui.words import duration, score

if TYPE_CHECKING:
    from cka_lab.schema import Scenario


class Results(Page[str]):
    """Dismissed with ``back`` (to the lab), ``again`` or ``leave``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", "Help"),
        Binding("escape,f12", "dismiss('back')", "Back to the lab"),
        Binding("f5", "dismiss('again')", "Reset, try again"),
        Binding("f10", "dismiss('leave')", "Leave"),
    ]

    def __init__(self, scenario: Scenario, attempt: Attempt, used: float, *, time_up: bool) -> None:
        super().__init__()
        self.scenario, self.attempt, self.used, self.time_up = scenario, attempt, used, time_up

    def compose(self) -> ComposeResult:
        yield TitleBar(f"Results · {self.scenario.title}")
        yield Static(self._headline(), id="headline")
        with Container(id="both"):
            with VerticalScroll(id="left"):
                yield CheckList(self.scenario)
            with VerticalScroll(id="right"):
                yield Static(Content.styled("Solution", "bold"), classes="section")
                yield Solution(self.scenario, shown=True)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one(CheckList).show_attempt(self.attempt)
        self.query_one("#left").focus()

    def _headline(self) -> Content:
        total = self.attempt.score
        how = "Time is up. What stood at that moment was graded: " if self.time_up else ""
        sign, style = ("✓ full marks", "bold $text-success") if total.full else ("✗ not yet", "bold $text-warning")
        used = f" · {duration(self.used)} of {self.scenario.minutes} min used"
        return Content.assemble((how, "bold $text-warning"), (sign, style), "  ", (score(total), "bold"), used)
