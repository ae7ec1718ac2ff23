"""`cka-lab hint [LAB]`"""

from __future__ import annotations

import click

from cka_lab.cli.common import json_option, lab_argument, open_labs, print_json, say, show_markdown


@click.command()
@lab_argument
@click.option("--all", "again", is_flag=True, help="Show the hints given so far instead of a new one.")
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, again: bool, as_json: bool) -> None:
    """The next hint for what is still wrong.

    --json: {"hints": [{"text", "costs"}]}
    """
    opened = open_labs(ctx).open(lab)
    hints = opened.shown_hints() if again else [hint for hint in [opened.hint()] if hint]
    if as_json:
        print_json({"hints": [{"text": hint.text, "costs": hint.costs} for hint in hints]})
        return
    if not hints:
        click.echo(
            "no hints given yet" if again else "no further hint for what is still wrong; see `cka-lab hint --all`"
        )
    for hint in hints:
        show_markdown(hint.text)
        if hint.costs:
            say(f"(this hint costs {hint.costs} points)")
