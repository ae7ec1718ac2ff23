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

from cka_lab.tui.failures import failures_posted
from cka_lab.tui.screens import questions
from cka_lab.tui.screens.ask import Ask
from cka_lab.tui.screens.reception import Reception
from cka_lab.tui.stock import Stock, find_available, take_stock
from cka_lab.tui.widgets.catalogue import Catalogue
from cka_lab.tui.widgets.details import Details
from cka_lab.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from cka_lab.lab import LabStatus


class Home(Reception):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "app.help", "Help"),
        Binding("f6", "start_elsewhere", "Other place"),
        Binding("delete,x", "stop", "Stop the lab", key_display="Del"),
        Binding("f5", "load", "Refresh"),
        Binding("f10,q,ctrl+q", "leave", "Quit"),
        Binding("ctrl+c", "leave", "Quit", show=False),
    ]

    class Stocked(Message):
        """The catalogue, and then once more with what is available here."""

        def __init__(self, stock: Stock) -> None:
            super().__init__()
            self.stock = stock

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
        if action == "start_elsewhere":
            return self._elsewhere() is not None
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
                self.app.push_screen(questions.problem(lab), lambda answer: self.about(lab, answer))
            else:
                self.open(lab.id)

    def _elsewhere(self) -> tuple[str, str] | None:
        """The chosen scenario, and the provider next to the one that Enter takes."""
        kind, _, id = (self.query_one(Catalogue).chosen if self.is_mounted else "").partition(":")
        available = self.stock.available.get(id) if kind == "scenario" else None
        return (id, available.providers[1]) if available and len(available.providers) > 1 else None

    def action_start_elsewhere(self) -> None:
        if found := self._elsewhere():
            self._choose(*found)

    def _choose(self, id: str, provider: str | None = None) -> None:
        """Start the scenario, unless it can't run here or the learner rather goes back to a lab of it."""
        available = self.stock.available.get(id)
        running = next((lab for lab in self.stock.running if lab.scenario == id and not lab.problem), None)
        if available is not None and not available:
            self.app.push_screen(Ask("Not available here", available.why_not))
        elif running:
            ask = questions.running_already()
            lab = running.id
            self.app.push_screen(ask, lambda answer: self._start_or_open(id, lab, answer, provider))
        else:
            self.start(id, provider)

    def _start_or_open(self, id: str, lab: str, answer: str | None, provider: str | None) -> None:
        if answer == "new":
            self.start(id, provider)
        elif answer == "back":
            self.open(lab)

    def action_stop(self) -> None:
        if lab := self._chosen_lab():
            title = self.stock.title(lab)
            self.app.push_screen(questions.remove(title), lambda answer: self.about(lab, answer))
