"""`cka-lab list`"""

from __future__ import annotations

import threading

import click

from cka_lab.cli.common import columns, json_option, open_labs, pack_option, print_json, say


@click.command()
@click.option("--domain", help="Only this domain of the curriculum.")
@click.option("--topic", help="Only scenarios with this topic.")
@pack_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, domain: str | None, topic: str | None, more_packs: tuple[str, ...], as_json: bool
) -> None:
    """The scenarios, by domain.

    --json: {"scenarios": [{"id", "title", "domain", "topics", "difficulty", "minutes", "weight",
    "best": null | {"earned", "possible"}, "available": [provider], "why_not"}], "problems": [str]}
    """
    labs = open_labs(ctx, more_packs)
    for provider in labs.providers.values():  # their probes run while the catalogue is read
        threading.Thread(target=provider.info, daemon=True).start()
    best = labs.store.best()
    rows = []
    for scenario in labs.catalog.summaries():
        if (domain and scenario.domain != domain) or (topic and topic not in scenario.topics):
            continue
        where = labs.availability(scenario)
        rows.append((scenario, best.get(scenario.id), where))
    problems = [str(p) for p in labs.catalog.problems]
    if as_json:
        print_json({"scenarios": [_as_json(*row) for row in rows], "problems": problems})
        return
    _print(rows)
    for problem in problems:
        say(f"{click.style('problem:', fg='yellow')} {problem}")


def _as_json(scenario, best, where) -> dict[str, object]:  # type: ignore[no-untyped-def]
    return {
        "id": scenario.id,
        "title": scenario.title,
        "domain": scenario.domain,
        "topics": list(scenario.topics),
        "difficulty": scenario.difficulty,
        "minutes": scenario.minutes,
        "weight": scenario.weight,
        "best": {"earned": best[0], "possible": best[1]} if best else None,
        "available": list(where.providers),
        "why_not": where.why_not if not where else "",
    }


def _print(rows) -> None:  # type: ignore[no-untyped-def]
    domain = ""
    table = []
    for scenario, best, where in rows:
        if scenario.domain != domain:
            domain = scenario.domain
            table.append([click.style(domain, bold=True), "", "", "", "", ""])
        table.append(
            [
                f"  {scenario.id}",
                scenario.title,
                "●" * scenario.difficulty + "○" * (3 - scenario.difficulty),
                f"{scenario.minutes} min",
                f"best {best[0]}/{best[1]}" if best else "",
                "" if where else f"not available here: {where.why_not}",
            ]
        )
    click.echo(columns(table) if table else "no scenarios")
