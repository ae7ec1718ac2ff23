"""`cka-lab solution [LAB]`"""

from __future__ import annotations

import click

from cka_lab.cli.common import json_option, open_labs, print_json, show_markdown
from cka_lab.errors import NotFound


@click.command()
@click.argument("lab_or_scenario", required=False)
@json_option
@click.pass_context
def command(ctx: click.Context, lab_or_scenario: str | None, as_json: bool) -> None:
    """The worked solution, and why it works: of a lab (the latest by default) or of a scenario by its id.

    --json: {"scenario", "solutions": {file: text}, "explanation", "references": [str]}
    """
    labs = open_labs(ctx)
    try:
        scenario = labs.open(lab_or_scenario).scenario
    except NotFound:
        if lab_or_scenario is None:
            raise
        scenario = labs.catalog.get(lab_or_scenario)
    texts = {str(file.relative_to(scenario.folder)): file.read_text() for file in scenario.solutions()}
    if as_json:
        about = {"scenario": scenario.id, "solutions": texts, "explanation": scenario.explanation}
        print_json(about | {"references": list(scenario.references)})
        return
    for name, text in texts.items():
        show_markdown(f"## {name}\n\n```bash\n{text.rstrip()}\n```\n")
    show_markdown(f"## Why\n\n{scenario.explanation}")
    for reference in scenario.references:
        click.echo(reference)
