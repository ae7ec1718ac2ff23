"""`cka-lab show ID`"""

from __future__ import annotations

import click

from cka_lab.cli.common import json_option, open_labs, pack_option, print_json, show_markdown


@click.command()
@click.argument("scenario")
@pack_option
@json_option
@click.pass_context
def command(ctx: click.Context, scenario: str, more_packs: tuple[str, ...], as_json: bool) -> None:
    """A scenario's tasks, before you start it.

    --json: {"id", "title", "domain", "topics", "difficulty", "minutes", "weight", "requires", "available",
    "why_not", "references", "tasks": [{"id", "weight", "host", "text", "checks": [{"id", "points", "says"}]}]}
    """
    labs = open_labs(ctx, more_packs)
    found = labs.catalog.get(scenario)
    where = labs.availability(found)
    if as_json:
        data = {name: getattr(found, name) for name in ("id", "title", "domain", "difficulty", "minutes", "weight")}
        data |= {name: list(getattr(found, name)) for name in ("topics", "requires", "references")}
        data |= {"available": list(where.providers), "why_not": "" if where else where.why_not}
        data["tasks"] = [_task(task) for task in found.tasks]
        print_json(data)
        return
    click.echo(click.style(found.title, bold=True))
    click.echo(f"{found.id} · {found.domain} · difficulty {found.difficulty} of 3 · {found.minutes} minutes")
    click.echo(f"here: {', '.join(where.providers)}" if where else f"not available here: {where.why_not}")
    for task in found.tasks:
        click.echo(f"\n{click.style(task.id, bold=True)} ({task.weight} points)")
        show_markdown(task.text)
    click.echo(f"\nstart it with: cka-lab start {found.id}")


def _task(task) -> dict[str, object]:  # type: ignore[no-untyped-def]
    checks = [{"id": c.id, "points": c.points, "says": c.says} for c in task.checks if not c.guard]
    return {"id": task.id, "weight": task.weight, "host": task.host, "text": task.text, "checks": checks}
