"""`cka-lab status`"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cka_lab.cli.common import clock_time, columns, json_option, open_labs, print_json

if TYPE_CHECKING:
    from cka_lab.lab import LabStatus


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """The labs that are there, and clusters kept ready for the next one.

    --json: {"labs": [{"id", "scenario", "provider", "created", "alive": bool, "phase", "remaining", "problem"}],
    "spares": [{"id", "shape", "fresh": bool}]}
    """
    labs = open_labs(ctx)
    found, spares = labs.status(), labs.spares()
    if as_json:
        print_json({"labs": [asdict(lab) for lab in found], "spares": [asdict(spare) for spare in spares]})
        return
    _show(found)
    for spare in spares:
        state = "kept ready for the next lab" if spare.fresh else "being put in order for the next lab"
        click.echo(f"warm cluster {spare.id} ({spare.shape}): {state}; `cka-lab clean` removes it")


def _show(found: list[LabStatus]) -> None:
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
