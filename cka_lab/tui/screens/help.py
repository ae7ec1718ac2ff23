"""What the program is, and every key."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Markdown

from cka_lab import paths
from cka_lab.tui.widgets.title_bar import TitleBar


class Help(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,f10,q", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        yield TitleBar("Help")
        with VerticalScroll(id="help"):
            yield Markdown(TEXT.format(home=paths.home(), log=paths.log()))
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one("#help").focus()


TEXT = """\
You practise on a real control plane that is really broken. Choose a scenario, read the task, repair the lab in its
shell, and let the program check it. You are root in the lab; nothing you do there reaches this machine.

### In the lab

- **F1** this help
- **F2** check your work as it stands; again: cancel
- **F3** one hint for what is still wrong
- **F4** change the view: both, terminal only, task only
- **F5** reset: back to the broken state, the clock starts anew
- **F6** pause the clock, or let it go on
- **F8** the worked solution (asks first)
- **F9** finish: grade, stop the clock, show the results
- **F10** leave: keep the lab running, stop it, or stay
- **F12** go from the terminal to the task, and back

Every other key goes to the shell while it has the focus. With the focus on the task, ← → change the tab and
↑ ↓ scroll. Everything can be clicked as well.

### The clock

It starts when the shell's prompt is there and runs on real time, also while the program is closed, unless you pause
it. At zero the lab is graded as it stands; you may look around on.

### The lab outlives the program

Closing the program, or losing the connection, ends nothing: come back and choose the lab on the first page. Stopping
a lab removes it whole; your results stay.

### Signs

- **✓ pass** holds
- **✗ fail** does not hold; what was expected and found stands below
- **! could not check** our failure, never yours; no points are lost silently
- **– skipped** counts only when another check holds
- **guard** was true at the start and must stay so: if it breaks, its task scores 0

### On the command line

`cka-lab --help` shows every verb as a command. Data is kept in `{home}`, details of failures in `{log}`.
"""
