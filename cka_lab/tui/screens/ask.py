"""A question with a few answers, or a notice with one: over whatever screen is there."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


class Choice(NamedTuple):
    """One answer: what ``dismiss`` gets, its label, and what will happen."""

    id: str
    label: str
    about: str = ""


OK = Choice("", "OK")


class Ask(ModalScreen[str]):
    """Dismissed with the chosen id; Escape gives an empty string: nothing happens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f10", "dismiss('')", "Back"),
    ]

    def __init__(self, title: str, text: str, *choices: Choice) -> None:
        super().__init__()
        self.heading, self.text, self.choices = title, text, choices or (OK,)

    def compose(self) -> ComposeResult:
        with VerticalGroup(id="box") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = Content("↑ ↓ Enter · Esc back")
            yield Static(Content(self.text), id="text")
            yield OptionList(*(Option(_prompt(choice), choice.id or "-") for choice in self.choices))

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss("" if event.option_id == "-" else str(event.option_id))


def _prompt(choice: Choice) -> Content:
    label = Content.styled(choice.label, "bold")
    return Content.assemble(label, "\n", (f"  {choice.about}", "$text-muted")) if choice.about else label
