"""`cka-lab shell [LAB]`"""

from __future__ import annotations

import sys

import click

from cka_lab.cli.common import lab_argument, open_labs


@click.command()
@lab_argument
@click.option("-c", "line", metavar="COMMAND", help="Run one command line instead of an interactive shell.")
@click.pass_context
def command(ctx: click.Context, lab: str | None, line: str | None) -> None:
    """A root shell in a lab, the latest one where none is named. Ends with the shell's exit code."""
    opened = open_labs(ctx).open(lab)
    if line is None and sys.stdin.isatty():
        from cka_lab.cli.terminal import run_shell

        ctx.exit(run_shell(opened))
    opened.begin()
    script = line if line is not None else sys.stdin.read()
    done = opened.cluster.node().run(["/bin/bash", "-lc", script], timeout=3600, ok=range(256))
    sys.stdout.buffer.write(done.out)
    sys.stderr.buffer.write(done.err)
    ctx.exit(done.code)
