"""`cka-lab reset [LAB]`"""

from __future__ import annotations

import time

import click

from cka_lab.cli.common import Steps, cancelling, json_option, lab_argument, open_labs, print_json, seconds
from cka_lab.wait import Progress


@click.command()
@lab_argument
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, as_json: bool) -> None:
    """Back to the broken state that you first saw, in place. Open shells end; the clock starts anew.

    --json: {"lab", "seconds", "in_place": bool, "why_not": str}
    """
    opened = open_labs(ctx).open(lab)
    began = time.monotonic()
    with cancelling() as cancel:
        why_not = opened.reset(Progress(Steps(), cancel))
    opened.begin()
    took = time.monotonic() - began
    if as_json:
        print_json({"lab": opened.id, "seconds": round(took, 3), "in_place": not why_not, "why_not": why_not})
    else:
        how = f", in a new cluster ({why_not})" if why_not else ""
        click.echo(f"{opened.id} is back where it began, after {seconds(took)}{how}; the clock runs")
