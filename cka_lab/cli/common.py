"""What the commands share: options, opening the labs, and ways to print."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cka_lab import paths
from cka_lab.model import (
    CheckResult,
    CheckWaiting,
    Event,
    Outcome,
    StepDetail,
    StepFinished,
    StepStarted,
    StillFollowing,
)

if TYPE_CHECKING:
    from cka_lab.lab import Labs
    from cka_lab.model import Attempt

F = TypeVar("F", bound=Callable[..., Any])

WORDS = {
    Outcome.PASS: ("✓", "pass", "green"),
    Outcome.FAIL: ("✗", "fail", "red"),
    Outcome.ERROR: ("!", "could not check", "yellow"),
    Outcome.SKIP: ("–", "skipped", "bright_black"),
}


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON of a documented, stable shape.")(command)


def lab_argument(command: F) -> F:
    return click.argument("lab", required=False)(command)


def pack_option(command: F) -> F:
    return click.option("--pack", "more_packs", multiple=True, metavar="DIR", type=click.Path())(command)


def open_catalog(ctx: click.Context, more: Sequence[str] = ()) -> Any:
    """The catalogue with the packs named on the command line."""
    from cka_lab.catalog import Catalog

    return Catalog.find([*map(Path, ctx.obj or ()), *map(Path, more)])


def open_labs(ctx: click.Context, more: Sequence[str] = ()) -> Labs:
    from cka_lab.lab import Labs

    return Labs(open_catalog(ctx, more))


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def columns(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Left-aligned columns two spaces apart; styled cells keep their width."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*lines, strict=True)]
    out = []
    for number, line in enumerate(lines):
        cells = [c + " " * (w - len(click.unstyle(c))) for c, w in zip(line, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        out.append(click.style(text, bold=True) if header and number == 0 else text)
    return "\n".join(out)


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def clock_time(left: float) -> str:
    """Seconds as ``m:ss``, negative ones as time over."""
    whole = int(abs(left))
    return f"{'-' if left < 0 else ''}{whole // 60}:{whole % 60:02}"


def say(text: str) -> None:
    """A message beside the result: to stderr, so that --json stays clean."""
    click.echo(text, err=True)


def show_markdown(text: str) -> None:
    """Markdown, rendered where a terminal is there."""
    if not sys.stdout.isatty():
        click.echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


class Steps:
    """Shows the steps of a long procedure on stderr as they happen."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._title = ""

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, StepStarted) and self.live:
                self._title = event.title
                click.echo(f"\r\033[K… {event.title}", err=True, nl=False)
            elif isinstance(event, StepDetail) and self.live:
                click.echo(f"\r\033[K… {self._title}: {event.text}", err=True, nl=False)
            elif isinstance(event, StepFinished):
                sign = click.style("✗", fg="red") if event.error else click.style("✓", fg="green")
                start = "\r\033[K" if self.live else ""
                click.echo(f"{start}{sign} {event.title}  {seconds(event.seconds)}", err=True)
            elif isinstance(event, CheckWaiting) and self.live:
                long = f"waiting for {event.what}: at most {event.seconds:.0f} s more"
                text = long if event.what else f"{event.seconds:.0f} s more"
                click.echo(f"\r\033[K… {event.check}: {text}", err=True, nl=False)
            elif isinstance(event, StillFollowing):
                self.done()
                click.echo(f"{event} `check --wait` waits.", err=True)

    def done(self) -> None:
        if self.live:
            click.echo("\r\033[K", err=True, nl=False)


@contextmanager
def cancelling() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that a procedure can clean up; a second one interrupts."""
    cancel = threading.Event()

    def on_interrupt(signum: int, frame: Any) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def show_attempt(attempt: Attempt) -> None:
    """A grading as text: every check, what was expected and found, the known wrong ways."""
    for task in attempt.tasks:
        for check in task.checks:
            _show_check(check)
        if task.penalty:
            click.echo(f"    hints cost {task.penalty}")
        for guard in task.broken_guards:
            click.echo(click.style(f"    task {task.id} scores 0: it had to stay true that {guard.says}", fg="red"))
    for diagnosis in attempt.diagnoses:
        click.echo(f"\n{click.style(diagnosis.code, bold=True)}: {diagnosis.lesson}")
    score = attempt.score
    text = f"{score.earned} of {score.possible} points ({score.percent} %)"
    if score.unchecked:
        text += f"; {score.unchecked} could not be checked: that is ours, not yours"
    click.echo(f"\n{click.style(text, bold=True)}  graded in {seconds(attempt.seconds)}")


def _show_check(check: CheckResult) -> None:
    sign, word, colour = WORDS[check.outcome]
    points = "guard" if check.guard else f"{check.earned}/{check.points}"
    click.echo(f"{click.style(sign, fg=colour)} {points:>5}  {check.says}  [{word}]")
    if check.error:
        click.echo(f"         {check.error}")
    if check.mismatch and check.outcome is Outcome.FAIL:
        click.echo(f"         {check.mismatch.message}")
        for name, value in (("expected", check.mismatch.expected), ("found", check.mismatch.found)):
            if value:
                click.echo(f"         {name + ':':<10}{value}")


def exit_code(attempt: Attempt) -> int:
    """0 full marks, 1 not, 4 when something could not be checked."""
    if attempt.score.full:
        return 0
    return 4 if attempt.score.unchecked else 1


def write_log(error: BaseException) -> Path:
    """Append a traceback to the log; the log's path."""
    where = paths.log()
    paths.make_private(where.parent)
    with where.open("a") as file:
        file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        traceback.print_exception(error, file=file)
    return where
