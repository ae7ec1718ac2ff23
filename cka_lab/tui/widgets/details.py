"""What is known of the highlighted row of the first page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Markdown, Static

from cka_lab.tui.stock import Stock
from cka_lab.tui.widgets.task_panel import task_text
from cka_lab.tui.words import difficulty, points, time_left

if TYPE_CHECKING:
    from cka_lab.lab import Availability, LabStatus
    from cka_lab.schema import Scenario


class Details(VerticalScroll, can_focus=False):
    def compose(self) -> ComposeResult:
        yield Static(id="facts")
        yield Markdown(id="asked")

    def show(self, stock: Stock, chosen: str) -> None:
        """Show the row of that id, see Catalogue."""
        kind, _, id = chosen.partition(":")
        asked = ""
        facts = Content(LOADING if not stock.complete else NOTHING)
        if kind == "scenario" and (scenario := stock.scenario(id)):
            facts, asked = _scenario(stock, scenario), task_text(scenario)
        elif kind == "lab":
            facts = next((_lab(stock, lab) for lab in stock.running if lab.id == id), facts)
        elif kind == "problem":
            facts = Content(stock.problems[int(id)])
        self.query_one("#facts", Static).update(facts)
        self.query_one("#asked", Markdown).update(asked)
        self.scroll_home(animate=False)


def _scenario(stock: Stock, scenario: Scenario) -> Content:
    facts = f"{scenario.id} · {difficulty(scenario.difficulty)} · {scenario.minutes} min · {points(scenario.weight)}"
    best = stock.best.get(scenario.id)
    lines = [
        Content.styled(scenario.title, "bold"),
        Content.styled(facts, "$text-muted"),
        _where(stock.available.get(scenario.id)),
    ]
    if best:
        lines.append(Content(f"your best: {best[0]} of {points(best[1])}"))
    return Content("\n").join(lines)


def _where(available: Availability | None) -> Content:
    if available is None:
        return Content("looking whether it is available here …")
    if available:
        first, *others = available.providers
        other = f", F6 on {others[0]}" if others else ""
        return Content.assemble(("available here", "$text-success"), f": Enter starts it on {first}{other}")
    return Content.assemble(("not available here, because ", "$text-warning"), available.why_not)


def _lab(stock: Stock, lab: LabStatus) -> Content:
    title = Content.styled(stock.title(lab), "bold")
    if lab.problem:
        state = Content.assemble(("! ", "$text-warning"), lab.problem)
    else:
        state = Content(f"{lab.phase}, {time_left(lab.remaining)}")
    name = Content.styled(f"{lab.id} · {lab.provider}", "$text-muted")
    return Content("\n").join([title, name, state, Content("Enter goes back to it, Delete stops and removes it.")])


LOADING = "Reading the scenarios …"
NOTHING = """\
There are no scenarios. The built-in ones come with the program: reinstalling it brings them back.
`cka-lab --pack DIR` uses a folder of your own."""
