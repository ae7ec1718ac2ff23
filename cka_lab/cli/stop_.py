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

    A cluster of kind may be put in order in the background and kept for the next lab (`status` shows it, `clean`
    removes it, CKA_LAB_POOL=off leaves it out).

    --json: {"stopped": lab}
    """
    labs = open_labs(ctx)
    before = {spare.id for spare in labs.spares()}
    stopped = labs.stop(lab)
    if as_json:
        print_json({"stopped": stopped})
        return
    click.echo(f"{stopped} is gone")
    if {spare.id for spare in labs.spares()} - before:
        click.echo("its cluster is kept for the next lab (`cka-lab clean` removes it)", err=True)
