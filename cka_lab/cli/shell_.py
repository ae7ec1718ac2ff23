"""`cka-lab shell [LAB]`"""

from __future__ import annotations

import sys

import click

from cka_lab.cli.common import lab_argument, open_labs


@click.command()
@lab_argument
@click.option("-c", "line", metavar="COMMAND", help="Run one command line instead of an interactive shell.")
@click.option("--node", metavar="NAME", help="Straight to a node, as root: controlplane, node01 ...")
@click.pass_context
def command(ctx: click.Context, lab: str | None, line: str | None, node: str | None) -> None:
    """The shell of a lab, the latest one where none is named. Ends with the shell's exit code."""
    opened = open_labs(ctx).open(lab)
    if line is None and sys.stdin.isatty():
        from cka_lab.cli.terminal import run_shell

        ctx.exit(run_shell(opened, node))
    opened.begin()
    script = line if line is not None else sys.stdin.read()
    done = opened.cluster.node(node).run(["/bin/bash", "-lc", script], timeout=3600, ok=range(256))
    sys.stdout.buffer.write(done.out)
    sys.stderr.buffer.write(done.err)
    ctx.exit(done.code)
