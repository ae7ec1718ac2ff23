"""`cka-lab start ID`"""

from __future__ import annotations

import sys
import time

import click

from cka_lab.cli.common import (
    Steps,
    cancelling,
    json_option,
    open_labs,
    pack_option,
    print_json,
    say,
    seconds,
    show_markdown,
)
from cka_lab.wait import Progress


@click.command()
@click.argument("scenario")
@click.option("--provider", help="Where to run it; the best one available by default.")
@click.option("--no-shell", is_flag=True, help="Don't open a shell; the clock starts all the same.")
@pack_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    scenario: str,
    provider: str | None,
    no_shell: bool,
    more_packs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Start a lab in its broken state and open a root shell in it.

    The lab stays when the shell ends or this program dies; `cka-lab stop` removes it.

    --json (no shell is opened): {"lab", "scenario", "provider", "seconds", "minutes", "tasks": [str]}
    """
    labs = open_labs(ctx, more_packs)
    steps, began = Steps(), time.monotonic()
    with cancelling() as cancel:
        lab = labs.start(scenario, provider, Progress(steps, cancel))
    took = time.monotonic() - began
    if as_json:
        lab.begin()
        texts = [task.text for task in lab.scenario.tasks]
        about = {"lab": lab.id, "scenario": lab.scenario.id, "provider": lab.row.provider}
        print_json(about | {"seconds": round(took, 3), "minutes": lab.scenario.minutes, "tasks": texts})
        return
    say(f"lab {click.style(lab.id, bold=True)} is ready after {seconds(took)}; {lab.scenario.minutes} minutes\n")
    for task in lab.scenario.tasks:
        show_markdown(task.text)
    if no_shell or not sys.stdin.isatty():
        lab.begin()
        say(f"\nopen a shell with `cka-lab shell`, grade with `cka-lab check`, remove with `cka-lab stop {lab.id}`")
        return
    from cka_lab.cli.terminal import run_shell

    say("\nin another terminal: cka-lab check · hint · solution · reset; `exit` leaves the shell, the lab stays\n")
    run_shell(lab)
    say(f"\nthe lab {lab.id} is still there: `cka-lab shell`, `check`, or `stop` to remove it")
