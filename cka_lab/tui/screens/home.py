"""The first page: the catalogue by domain, and running labs to go back to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Static

from cka_lab.tui.failures import Failed, failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.ask import Ask
from cka_lab.tui.screens.lab import LabScreen
from cka_lab.tui.screens.page import Page
from cka_lab.tui.screens.procedure import Procedure
from cka_lab.tui.screens.removal import removal
from cka_lab.tui.stock import Stock, find_available, take_stock
from cka_lab.tui.widgets.catalogue import Catalogue
from cka_lab.tui.widgets.details import Details
from cka_lab.tui.widgets.title_bar import TitleBar
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.lab import Lab, Labs, LabStatus


class Home(Page[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "app.help", "Help"),
        Binding("delete,x", "stop", "Stop the lab", key_display="Del"),
        Binding("f5", "load", "Refresh"),
        Binding("f10,q,ctrl+q", "leave", "Quit"),
    ]

    class Stocked(Message):
        """The catalogue, and then once more with what is available here."""

        def __init__(self, stock: Stock) -> None:
            super().__init__()
            self.stock = stock

    class Opened(Message):
        def __init__(self, lab: Lab) -> None:
            super().__init__()
            self.lab = lab

    def __init__(self, labs: Labs) -> None:
        super().__init__()
        self.labs = labs
        self.stock = Stock()

    def compose(self) -> ComposeResult:
        yield TitleBar("Practice for the Certified Kubernetes Administrator exam")
        with Container(id="both"):
            with Vertical(id="left"):
                yield Static(id="columns")
                yield Catalogue()
            yield Details(id="right")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one(Catalogue).focus()

    def on_screen_resume(self) -> None:
        self.action_load()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "stop" or self._chosen_lab() is not None

    @work(thread=True, exclusive=True)
    def action_load(self) -> None:
        with failures_posted(self.post_message, "reading the scenarios"):
            stock = replace(take_stock(self.labs), available=self.stock.available)
            self.post_message(self.Stocked(stock))
            self.post_message(self.Stocked(find_available(self.labs, stock)))

    def on_home_stocked(self, message: Stocked) -> None:
        self.stock = message.stock
        self.query_one(Catalogue).show(self.stock)
        self._show_details()

    def on_option_list_option_highlighted(self) -> None:
        self._show_details()

    def _show_details(self) -> None:
        catalogue = self.query_one(Catalogue)
        self.query_one("#columns", Static).update(Content.styled(catalogue.header(), "bold"))
        self.query_one(Details).show(self.stock, catalogue.chosen)
        self.refresh_bindings()

    def _chosen_lab(self) -> LabStatus | None:
        chosen = self.query_one(Catalogue).chosen if self.is_mounted else ""
        return next((lab for lab in self.stock.running if chosen == f"lab:{lab.id}"), None)

    def on_option_list_option_selected(self, event: Catalogue.OptionSelected) -> None:
        kind, _, id = str(event.option_id).partition(":")
        if kind == "scenario":
            self._choose(id)
        elif lab := self._chosen_lab():
            if lab.problem:
                self.app.push_screen(questions.problem(lab), lambda answer: self._about(lab, answer))
            else:
                self._open(lab.id)

    def _choose(self, id: str) -> None:
        """Start the scenario, unless it can't run here or the learner rather goes back to a lab of it."""
        available = self.stock.available.get(id)
        running = next((lab for lab in self.stock.running if lab.scenario == id and not lab.problem), None)
        if available is not None and not available:
            self.app.push_screen(Ask("Not available here", available.why_not))
        elif running:
            ask = questions.running_already()
            lab = running.id
            self.app.push_screen(ask, lambda answer: self._start_or_open(id, lab, answer))
        else:
            self._start(id)

    def _start_or_open(self, id: str, lab: str, answer: str | None) -> None:
        if answer == "new":
            self._start(id)
        elif answer == "back":
            self._open(lab)

    def _start(self, id: str) -> None:
        scenario = self.stock.scenario(id)
        title = f"Starting · {scenario.title if scenario else id}"

        def call(progress: Progress) -> Lab:
            return self.labs.start(id, progress=progress)

        self.app.push_screen(Procedure(title, call, "What had been made of the lab is removed."), self._enter)

    @work(thread=True)
    def _open(self, id: str) -> None:
        with failures_posted(self.post_message, "opening the lab"):
            self.post_message(self.Opened(self.labs.open(id)))

    def on_home_opened(self, message: Opened) -> None:
        self._enter(message.lab)

    def _enter(self, lab: Lab | None) -> None:
        if lab:
            self.app.push_screen(LabScreen(lab))

    def action_stop(self) -> None:
        if lab := self._chosen_lab():
            title = self.stock.title(lab)
            self.app.push_screen(questions.remove(title), lambda answer: self._about(lab, answer))

    def _about(self, lab: LabStatus, answer: str | None) -> None:
        if answer == "open":
            self._open(lab.id)
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
