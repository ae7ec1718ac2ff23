"""The hints that were given in this session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Markdown, Static

from cka_lab.tui.words import points

if TYPE_CHECKING:
    from cka_lab.schema import Hint


class HintList(VerticalGroup):
    def compose(self) -> ComposeResult:
        yield Static(id="hint-news")
        yield Markdown(id="hint-text")

    def show(self, hints: Sequence[Hint], news: str = "") -> None:
        """Show the given ``hints``, the latest last, and ``news`` above them."""
        default = "F3 gives the next hint for what is still wrong." if hints else NONE_YET
        self.query_one("#hint-news", Static).update(Content(news or default))
        texts = [_text(number, hint) for number, hint in enumerate(hints, 1)]
        self.query_one("#hint-text", Markdown).update("\n\n".join(texts))


def _text(number: int, hint: Hint) -> str:
    costs = f" *(costs {points(hint.costs)})*" if hint.costs else ""
    return f"**Hint {number}**{costs}\n\n{hint.text}"


NONE_YET = "No hint given yet. F3 looks at what is still wrong and gives one hint for it."
