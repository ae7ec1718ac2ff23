"""`cka-lab finish [LAB]`"""

from __future__ import annotations

import click

from cka_lab.cli.check_ import grade_lab
from cka_lab.cli.common import json_option, lab_argument


@click.command()
@lab_argument
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, as_json: bool) -> None:
    """Grade what stands, keep it as the result, stop the clock. The lab stays for looking around.

    --json: as for check.
    """
    grade_lab(ctx, lab, as_json, finish=True)
