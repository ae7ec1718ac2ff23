"""The full-screen program. Everything it does goes through the facade, cka_lab.lab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from cka_lab import proc
from cka_lab.tui.screens.help import Help
from cka_lab.tui.screens.home import Home

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cka_lab.lab import Labs

THEME = "nord"
FUNCTION_KEY = re.compile(r"f\d+")


class CkaLabApp(App[None], inherit_bindings=False):
    """No bindings of Textual's own: whatever isn't ours belongs to the learner's shell."""

    TITLE = "cka-lab"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, labs: Labs) -> None:
        super().__init__()
        self.labs = labs

    def on_mount(self) -> None:
        self.theme = THEME
        self.push_screen(Home(self.labs))

    def action_help(self) -> None:
        if not isinstance(self.screen, Help):
            self.push_screen(Help())

    def get_key_display(self, binding: Binding) -> str:
        """Function keys as they are printed on keyboards."""
        display = super().get_key_display(binding)
        return display.upper() if FUNCTION_KEY.fullmatch(display) else display.capitalize()

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave. Threads can't be cancelled, so end what they wait for."""
        proc.end_all()
        super().exit(result, return_code, message)

    def _fatal_error(self) -> None:
        """Textual would print a traceback here; `run` raises the error instead, and its caller logs it."""
        self._close_messages_no_wait()


def run(labs: Labs) -> None:
    """Run the program until the user quits it. Raises what went wrong in the program itself."""
    app = CkaLabApp(labs)
    try:
        app.run()
    finally:
        proc.end_all()
    if app._exception:
        raise app._exception
