"""The first line of every screen: the program, where one is, and on the right what the screen puts there."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import HorizontalGroup
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static


class TitleBar(HorizontalGroup):
    def __init__(self, title: str, right: Widget | None = None) -> None:
        super().__init__()
        self.heading, self.right = title, right

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((" cka-lab ", "bold"), " "), id="brand")
        yield Static(Content(self.heading), id="heading")
        if self.right:
            yield self.right
