"""`cka-lab demo`"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from cka_lab.cli.common import Steps, cancelling, json_option, open_labs, print_json, seconds
from cka_lab.wait import Progress

if TYPE_CHECKING:
    from cka_lab.lab import Lab
    from cka_lab.model import Attempt

DEFAULT = "etcd-cert-path"


@click.command()
@click.argument("scenario", default=DEFAULT)
@click.option("--provider", help="Where to run it.")
@json_option
@click.pass_context
def command(ctx: click.Context, scenario: str, provider: str | None, as_json: bool) -> None:
    """One scenario started, graded untouched (0), solved by its own solution, graded again (full), stopped.

    Exit code 0 only if all of that was true. --json: {"scenario", "ok": bool, "steps": [{"what", "found",
    "ok": bool, "seconds"}]}
    """
    steps: list[dict[str, object]] = []

    def note(what: str, found: str, ok: bool, since: float) -> None:
        took = time.monotonic() - since
        steps.append({"what": what, "found": found, "ok": ok, "seconds": round(took, 3)})
        if not as_json:
            sign = click.style("✓", fg="green") if ok else click.style("✗", fg="red")
            click.echo(f"{sign} {what:<34} {found:<22} {seconds(took):>8}")

    labs = open_labs(ctx)
    found = labs.catalog.get(scenario)
    if not as_json:
        click.echo(f"{click.style(found.title, bold=True)} ({found.id})\n\n{found.tasks[0].text.strip()}\n")
    since = time.monotonic()
    with cancelling() as cancel:
        lab = labs.start(scenario, provider, Progress(Steps(), cancel))
        try:
            note("started, broken for real", f"lab {lab.id}", True, since)
            _play(lab, note)
        finally:
            since = time.monotonic()
            lab.stop()
    gone = lab.id not in labs.providers[lab.row.provider].labs()
    note("stopped, nothing left", "gone" if gone else "left over", gone, since)
    ok = all(step["ok"] for step in steps)
    if as_json:
        print_json({"scenario": found.id, "ok": ok, "steps": steps})
    ctx.exit(0 if ok else 1)


def _play(lab: Lab, note) -> None:  # type: ignore[no-untyped-def]
    since = time.monotonic()
    before = lab.grade()
    note(
        "graded untouched: must be 0",
        _points(before),
        before.score.earned == 0 and not before.score.unchecked,
        since,
    )
    since = time.monotonic()
    done = lab.run_script(lab.scenario.folder / "solution.sh")
    note("its own solution ran", f"exit {done.code}", done.code == 0, since)
    since = time.monotonic()
    after = lab.grade()
    note("graded again: must be full marks", _points(after), after.score.full, since)


def _points(attempt: Attempt) -> str:
    return f"{attempt.score.earned} of {attempt.score.possible} points"
