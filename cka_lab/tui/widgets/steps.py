"""A long procedure as a visible list of steps with their times."""

from __future__ import annotations

from time import monotonic

from textual.content import Content
from textual.widgets import Static

from cka_lab.model import Event, StepDetail, StepFinished, StepStarted
from cka_lab.tui.words import duration


class Steps(Static):
    """Shows StepStarted and StepFinished as they come; a nested step stands below the one it belongs to."""

    def __init__(self) -> None:
        super().__init__(id="steps")
        self._steps: list[tuple[str, float, StepFinished | None]] = []
        self._detail = ""

    def on_mount(self) -> None:
        self._show()
        self.set_interval(0.2, self._show)

    def clear(self) -> None:
        self._steps = []
        self._show()

    def report(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._steps.append((event.title, monotonic(), None))
            self._detail = ""
        elif isinstance(event, StepDetail):
            self._detail = event.text
        elif isinstance(event, StepFinished):
            self._finish(event)
        self._show()

    def _finish(self, event: StepFinished) -> None:
        for number in range(len(self._steps) - 1, -1, -1):
            title, began, done = self._steps[number]
            if title == event.title and done is None:
                self._steps[number] = (title, began, event)
                return

    def _show(self) -> None:
        lines = [_line(*step) for step in self._steps]
        if self._detail and self._steps and self._steps[-1][2] is None:
            lines.append(Content.assemble(" " * 9, (self._detail, "$text-muted")))
        self.update(Content("\n").join(lines) if lines else Content("getting ready …"))


def _line(title: str, began: float, done: StepFinished | None) -> Content:
    if done is None:
        taken = monotonic() - began
        running = f"  {duration(taken)}" if taken >= 1 else ""
        return Content.assemble(("… now    ", "bold"), title, (running, "$text-muted"))
    if done.error:
        return Content.assemble(
            ("✗ failed ", "bold $text-error"), title, (f"  {duration(done.seconds)}", "$text-muted")
        )
    return Content.assemble(("✓ done   ", "$text-success"), title, (f"  {duration(done.seconds)}", "$text-muted"))
