"""`cka-lab clean`"""

from __future__ import annotations

import click

from cka_lab.cli.common import json_option, open_labs, print_json


@click.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_context
def command(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Remove all labs, clusters kept ready, and whatever a program that died left behind. Your history stays.

    --json: {"removed": [lab]}; implies --yes
    """
    labs = open_labs(ctx)
    there = [lab.id for lab in labs.status()] + [spare.id for spare in labs.spares()]
    if there and not (yes or as_json):
        click.confirm(f"Remove {', '.join(there)}?", abort=True)
    removed = labs.clean()
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"removed: {', '.join(removed)}" if removed else "there was nothing to remove")
