"""Every check of a scenario: symbol, word, points; what was expected and found; results as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import HorizontalGroup, VerticalGroup
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from cka_lab.model import (
    Attempt,
    CheckFinished,
    CheckResult,
    CheckStarted,
    CheckWaiting,
    Event,
    Mismatch,
    Outcome,
    TaskResult,
)
from cka_lab.tui.words import OUTCOMES, duration, points, score

if TYPE_CHECKING:
    from cka_lab.schema import Check, Scenario, Task

TIGHT = 60
"""Columns below which a check's text stands under its sign instead of beside it."""


class CheckList(VerticalGroup):
    """All checks, by task. ``summary`` is the line above them."""

    def __init__(self, scenario: Scenario, summary: str = "") -> None:
        super().__init__()
        self.scenario, self.summary = scenario, summary
        self._lines = {(t.id, c.id): CheckLine(c) for t in scenario.tasks for c in t.checks}
        self._heads = {t.id: Static(_head(t), classes="task-head") for t in scenario.tasks}

    def compose(self) -> ComposeResult:
        yield Static(Content(self.summary), id="summary")
        for task in self.scenario.tasks:
            yield self._heads[task.id]
            for check in task.checks:
                yield self._lines[task.id, check.id]

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < TIGHT, "-tight")

    def on_mount(self) -> None:
        self.query(".task-head").set(display=len(self.scenario.tasks) > 1)

    def clear(self, summary: str) -> None:
        """Nothing has been checked (yet, or any more)."""
        self.say(Content(summary))
        for line in self._lines.values():
            line.show_plan()

    def report(self, event: Event) -> None:
        """Show one event of a grading."""
        if isinstance(event, CheckStarted):
            self._lines[event.task, event.check].show_running()
        elif isinstance(event, CheckWaiting):
            self._lines[event.task, event.check].show_waiting(event.seconds, event.what)
        elif isinstance(event, CheckFinished):
            self._lines[event.task, event.result.id].show_result(event.result)

    def show_attempt(self, attempt: Attempt) -> None:
        """Show a complete grading."""
        self.say(Content.assemble((score(attempt.score), "bold"), f" · graded in {duration(attempt.seconds)}"))
        for task in attempt.tasks:
            if head := self._heads.get(task.id):
                self._show_head(head, _head_of_result(task, alone=len(attempt.tasks) == 1))
            for result in task.checks:
                if line := self._lines.get((task.id, result.id)):
                    line.show_result(result)

    def _show_head(self, head: Static, text: Content) -> None:
        head.update(text)
        head.display = bool(text.plain)

    def say(self, text: Content) -> None:
        self.query_one("#summary", Static).update(text)


class CheckLine(HorizontalGroup):
    """One check: its state on the left; on the right its points and, when it has failed, expected and found."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check
        self._sign = Static(classes="sign")
        self._body = Static(classes="body")

    def compose(self) -> ComposeResult:
        yield self._sign
        yield self._body

    def on_mount(self) -> None:
        self.show_plan()

    def show_plan(self) -> None:
        worth = "guard" if self.check.guard else points(self.check.points)
        self._show(f"· {worth}", "$text-muted", self.check.says)

    def show_running(self) -> None:
        self._show("… running", "bold", self.check.says)

    def show_waiting(self, seconds: float, what: str) -> None:
        """For an age that is missing, or for ``what``."""
        details = [Content(f"waiting for {what}")] if what else []
        self._show(f"… waiting {seconds:.0f} s", "bold", self.check.says, *details)

    def show_result(self, result: CheckResult) -> None:
        symbol, word, style = OUTCOMES[result.outcome]
        worth = "guard" if result.guard else f"{result.earned}/{result.points}"
        self._show(f"{symbol} {word} {worth}", style, result.says, *_details(result))

    def _show(self, sign: str, style: str, says: str, *details: Content) -> None:
        self._sign.update(Content.styled(sign, style))
        self._body.update(Content("\n").join([Content.styled(says, "bold"), *details]))


def _details(result: CheckResult) -> list[Content]:
    if result.error:
        return [_field("why", f"{result.error} (ours, not yours; check again)")]
    if result.mismatch is None:
        return []
    if result.outcome is Outcome.SKIP:
        return [Content(result.mismatch.message)]
    return list(_mismatch(result.mismatch))


def _mismatch(mismatch: Mismatch) -> list[Content]:
    fields = [("", mismatch.message), ("expected", mismatch.expected), ("found", mismatch.found)]
    if mismatch.diagnosis:
        fields.append(("lesson", mismatch.diagnosis.lesson))
    return [_field(name, value) for name, value in fields if value]


def _field(name: str, value: str) -> Content:
    return Content.assemble((f"{name}: " if name else "", "$text-muted"), value.strip())


def _head(task: Task) -> Content:
    return Content.assemble((task.id, "bold"), f" · {points(task.weight)}")


def _head_of_result(task: TaskResult, *, alone: bool) -> Content:
    """The task's score, unless it is ``alone`` and the summary says it; hints' costs and broken guards always."""
    lines = [] if alone else [Content.assemble((task.id, "bold"), f" · {score(task.score)}")]
    if task.penalty:
        lines.append(Content(f"hints cost {points(task.penalty)}"))
    for guard in task.broken_guards:
        lines.append(Content.assemble(("✗ scores 0, because this had to stay true: ", "$text-error"), guard.says))
    return Content("\n").join(lines)
