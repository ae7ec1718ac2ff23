"""`cka-lab check [LAB]`"""

from __future__ import annotations

import click

from cka_lab.cli.common import (
    Steps,
    cancelling,
    exit_code,
    json_option,
    lab_argument,
    open_labs,
    print_json,
    say,
    show_attempt,
)
from cka_lab.jsonform import attempt_to_json


@click.command()
@lab_argument
@click.option("--wait", is_flag=True, help="Wait until the lab has followed your last change (kind: up to 3 min).")
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, wait: bool, as_json: bool) -> None:
    """Grade a lab; the clock runs on. When the time is up, this grading is the result.

    --json: the attempt as documented in cka_lab/jsonform.py, plus "lab".
    """
    grade_lab(ctx, lab, as_json, finish=False, wait=wait)


def grade_lab(ctx: click.Context, lab: str | None, as_json: bool, *, finish: bool, wait: bool = True) -> None:
    opened = open_labs(ctx).open(lab)
    due = opened.session.due(opened.now())
    steps = Steps()
    with cancelling() as cancel:
        final = finish or due
        attempt = opened.finish(steps, cancel, time_up=due) if final else opened.check(steps, cancel, wait=wait)
    steps.done()
    if as_json:
        print_json({"lab": opened.id} | attempt_to_json(attempt))
    else:
        if due:
            say("the time is up: this grading is your result")
        show_attempt(attempt)
    ctx.exit(exit_code(attempt))
