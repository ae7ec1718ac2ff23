"""`cka-lab doctor [--fix]`"""

from __future__ import annotations

from dataclasses import asdict

import click

from cka_lab.cli.common import json_option, open_labs, print_json


@click.command()
@click.option("--fix", is_flag=True, help="Remove left-overs and run the fixes that are commands.")
@json_option
@click.pass_context
def command(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """What this machine lacks, and how to fix it. Exit code 3 when no provider works here.

    --json: {"providers": [{"name", "ok": bool, "capabilities": [str], "facts": {}}],
    "findings": [{"what", "why", "fix", "fixed": bool, "advice": bool}]}
    """
    from cka_lab.doctor import examine, mend

    labs = open_labs(ctx)
    report = examine(labs)
    if fix:
        report = mend(labs, report, say=lambda text: click.echo(text, err=True))
    usable = any(provider.ok for provider in report.providers)
    if as_json:
        print_json(asdict(report))
        ctx.exit(0 if usable else 3)
    for provider in report.providers:
        sign = click.style("✓", fg="green") if provider.ok else click.style("✗", fg="red")
        click.echo(f"{sign} {provider.name}: {', '.join(provider.capabilities)}")
        for name, value in provider.facts.items():
            click.echo(f"    {name}: {value}")
    for finding in report.findings:
        sign = click.style("✓ fixed", fg="green") if finding.fixed else click.style("!", fg="yellow")
        click.echo(f"{sign} {finding.what}\n    why it matters: {finding.why}\n    fix: {finding.fix}")
    if not report.findings:
        click.echo("nothing is missing")
    ctx.exit(0 if usable else 3)
