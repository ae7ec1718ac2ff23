"""Starting, resetting and stopping a lab: a visible list of steps with times, cancellable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from cka_lab.model import Event
from cka_lab.tui.failures import Failed, Stopped, failures_posted
from cka_lab.tui.widgets.steps import Steps
from cka_lab.tui.widgets.title_bar import TitleBar
from cka_lab.tui.words import duration
from cka_lab.tui.work import Reported
from cka_lab.wait import Progress


class Procedure(Screen[Any]):
    """Runs ``call(progress)`` in a thread and is dismissed with its result, or with None if it came to none.

    ``after_cancel`` says what a cancel leaves behind.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f10", "stop", "Cancel / back"),
        Binding("ctrl+c", "stop", "Cancel / back", show=False),
        Binding("f5,r", "again", "Try again"),
        Binding("f1", "app.help", "Help"),
    ]

    class Done(Message):
        def __init__(self, result: Any) -> None:
            super().__init__()
            self.result = result

    def __init__(self, title: str, call: Callable[[Progress], Any], after_cancel: str = "") -> None:
        super().__init__()
        self.heading, self.call, self.after_cancel = title, call, after_cancel
        self.cancel = threading.Event()
        self.running = False
        self.began = 0.0

    def compose(self) -> ComposeResult:
        yield TitleBar(self.heading)
        with VerticalScroll(id="box"):
            yield Steps()
            yield Static(id="outcome")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.action_again()

    def on_unmount(self) -> None:
        self.cancel.set()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action == "again" and self.running)

    def action_again(self) -> None:
        self.cancel, self.running, self.began = threading.Event(), True, monotonic()
        self.query_one(Steps).clear()
        self._say(Content("Esc cancels."))
        self._run(Progress(self._emit, self.cancel))
        self.refresh_bindings()

    def action_stop(self) -> None:
        """Cancel what runs; leave when nothing runs."""
        if not self.running:
            self.dismiss(None)
        elif not self.cancel.is_set():
            self.cancel.set()
            self._say(Content("Cancelling … what was begun is being removed."))

    @work(thread=True)
    def _run(self, progress: Progress) -> None:
        with failures_posted(self.post_message, self.heading):
            self.post_message(self.Done(self.call(progress)))

    def _emit(self, event: Event) -> None:
        self.post_message(Reported(event))

    def on_reported(self, message: Reported) -> None:
        self.query_one(Steps).report(message.event)

    def on_procedure_done(self, message: Done) -> None:
        self.dismiss(message.result)

    def on_stopped(self, message: Stopped) -> None:
        self.dismiss(None)
        self.app.notify(self.after_cancel, title="Cancelled", severity="warning")

    def on_failed(self, message: Failed) -> None:
        self.running = False
        took = duration(monotonic() - self.began)
        head = Content.assemble(("✗ This did not work", "bold $text-error"), f" (after {took})\n\n", message.why)
        if message.fix:
            head += Content.assemble("\n\n", ("What to do: ", "bold"), message.fix)
        self._say(head + Content("\n\nEsc goes back, F5 tries again."))
        self.refresh_bindings()

    def _say(self, text: Content) -> None:
        self.query_one("#outcome", Static).update(text)
