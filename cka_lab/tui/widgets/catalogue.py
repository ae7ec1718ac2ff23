"""The list of the first page: running labs, then the scenarios by domain, then what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.cells import set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from cka_lab.tui.stock import Stock
from cka_lab.tui.words import difficulty, time_left

if TYPE_CHECKING:
    from cka_lab.lab import LabStatus
    from cka_lab.schema import Scenario

COLUMNS = (("Difficulty", 12), ("Time", 8), ("Best", 7), ("Here", 4))
"""Title and width of all columns but the first, which takes the rest."""


class Catalogue(OptionList):
    """Option ids: ``lab:ID``, ``scenario:ID``, ``problem:N``; headings can't be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Start / go back", key_display="Enter")]

    def __init__(self) -> None:
        super().__init__(id="catalogue")
        self.stock = Stock()
        self._width = 0

    def show(self, stock: Stock) -> None:
        """Show ``stock``, the highlighted row staying where it is."""
        before = self.chosen
        self.stock = stock
        self.clear_options()
        self.add_options(list(self._rows()))
        ids = [option.id for option in self.options]
        usual = next((n for n, option in enumerate(self.options) if not option.disabled), None)
        self.highlighted = ids.index(before) if before in ids else usual
        if self.highlighted == usual:
            self.scroll_home(animate=False)

    @property
    def chosen(self) -> str:
        """The id of the highlighted row, or an empty string."""
        option = self.highlighted_option
        return option.id or "" if option else ""

    def on_resize(self, event: events.Resize) -> None:
        if self._width != self._room():
            self.show(self.stock)

    def header(self) -> str:
        return self._row("Scenario", *(name for name, _ in COLUMNS))

    def _rows(self) -> Iterator[Option]:
        self._width = self._room()
        if self.stock.running:
            yield _heading("Running labs")
            for lab in self.stock.running:
                yield Option(self._lab(lab), f"lab:{lab.id}")
        for domain, scenarios in self.stock.domains().items():
            yield _heading(domain.replace("-", " ").capitalize())
            for scenario in scenarios:
                yield Option(self._scenario(scenario), f"scenario:{scenario.id}")
        if self.stock.problems:
            yield _heading("Could not be read")
            for number, problem in enumerate(self.stock.problems):
                yield Option(Content(self._fit(f"! {problem.splitlines()[0]}")), f"problem:{number}")

    def _scenario(self, scenario: Scenario) -> Content:
        best = self.stock.best.get(scenario.id)
        available = self.stock.available.get(scenario.id)
        here = "…" if available is None else "yes" if available else "no"
        row = self._row(
            scenario.title,
            difficulty(scenario.difficulty),
            f"{scenario.minutes} min",
            f"{best[0]}/{best[1]}" if best else "–",
            here,
        )
        return Content.styled(row, "$text-muted") if here == "no" else Content(row)

    def _lab(self, lab: LabStatus) -> Content:
        left = f"{time_left(lab.remaining)}, {lab.phase}" if lab.phase else ""
        state = f"! {lab.problem}" if lab.problem else left
        title = f"▸ {self.stock.title(lab)}"
        return Content.assemble((self._fit(f"{title}  {state}"), "bold"))

    def _row(self, title: str, *cells: str) -> str:
        row = "".join(set_cell_size(cell, width) for cell, (_, width) in zip(cells, COLUMNS, strict=True))
        return self._fit(title, self._room() - len(row)) + row

    def _fit(self, text: str, width: int | None = None) -> str:
        width = self._room() if width is None else width
        cut = set_cell_size(text, max(4, width - 1))
        return set_cell_size(cut if cut.rstrip() == text.rstrip() else f"{cut[:-1]}…", max(4, width))

    def _room(self) -> int:
        return max(40, self.scrollable_content_region.width - 2)


def _heading(text: str) -> Option:
    return Option(Content.styled(text, "bold underline"), disabled=True)
