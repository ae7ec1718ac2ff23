"""`cka-lab history`"""

from __future__ import annotations

import time

import click

from cka_lab.cli.common import clock_time, columns, json_option, open_labs, print_json
from cka_lab.jsonform import attempt_to_json


@click.command()
@click.argument("scenario", required=False)
@click.option("--limit", default=20, show_default=True, help="How many, the latest first; 0 for all.")
@json_option
@click.pass_context
def command(ctx: click.Context, scenario: str | None, limit: int, as_json: bool) -> None:
    """Your attempts so far, the latest first.

    --json: {"attempts": [{"id", "session", "kind": "check|finish|time-up", "provider", "used", ...the attempt}]}
    """
    found = open_labs(ctx).history(scenario)
    found = found[:limit] if limit else found
    if as_json:
        about = [
            {
                "id": r.id,
                "session": r.session,
                "kind": r.kind,
                "provider": r.provider,
                "used": round(r.used, 1),
            }
            | attempt_to_json(r.attempt)
            for r in found
        ]
        print_json({"attempts": about})
        return
    rows = [
        [
            time.strftime("%Y-%m-%d %H:%M", time.localtime(r.attempt.at)),
            r.scenario,
            r.kind,
            f"{r.attempt.score.earned}/{r.attempt.score.possible}",
            clock_time(r.used),
            ", ".join(d.code for d in r.attempt.diagnoses),
        ]
        for r in found
    ]
    header = ["WHEN", "SCENARIO", "KIND", "POINTS", "USED", "DIAGNOSIS"]
    click.echo(columns(rows, header) if rows else "no attempts yet")
