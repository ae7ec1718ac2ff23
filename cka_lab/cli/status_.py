"""`cka-lab status`"""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from cka_lab.cli.common import clock_time, columns, json_option, open_labs, print_json


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """The labs that are there.

    --json: {"labs": [{"id", "scenario", "provider", "created", "alive": bool, "phase", "remaining", "problem"}]}
    """
    found = open_labs(ctx).status()
    if as_json:
        print_json({"labs": [asdict(lab) for lab in found]})
        return
    if not found:
        click.echo("no labs; `cka-lab start ID` starts one")
        return
    rows = [
        [
            lab.id,
            lab.provider,
            time.strftime("%H:%M", time.localtime(lab.created)) if lab.created else "",
            lab.phase,
            clock_time(lab.remaining) if lab.phase else "",
            "running" if lab.alive and not lab.problem else click.style(lab.problem, fg="yellow"),
        ]
        for lab in found
    ]
    click.echo(columns(rows, ["LAB", "PROVIDER", "SINCE", "SESSION", "LEFT", "STATE"]))
