"""`cka-lab stop [LAB]`"""

from __future__ import annotations

import click

from cka_lab.cli.common import json_option, lab_argument, open_labs, print_json


@click.command()
@lab_argument
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, as_json: bool) -> None:
    """Remove a lab whole, the latest one where none is named. Your history stays.

    --json: {"stopped": lab}
    """
    stopped = open_labs(ctx).stop(lab)
    if as_json:
        print_json({"stopped": stopped})
    else:
        click.echo(f"{stopped} is gone")
