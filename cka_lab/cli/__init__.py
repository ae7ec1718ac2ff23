"""The command line: one command a file, imported only when it is called.

Exit codes: 0 fine, or full marks · 1 not full marks, or a proof that failed · 2 usage or bad input ·
3 not available here · 4 our failure · 130 cancelled.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from cka_lab import __version__
from cka_lab.errors import CkaLabError

COMMANDS = {
    "list": "the scenarios, by domain",
    "show": "a scenario's tasks, before you start it",
    "start": "start a lab and open its shell",
    "status": "the labs that are there",
    "shell": "a root shell in a lab",
    "check": "grade a lab; the clock runs on",
    "hint": "the next hint for what is still wrong",
    "solution": "the worked solution, and why it works",
    "reset": "back to the broken state, in place",
    "finish": "grade what stands and stop the clock",
    "stop": "remove a lab whole",
    "clean": "remove all labs and left-overs",
    "history": "your attempts so far",
    "doctor": "what this machine lacks, and how to fix it",
    "demo": "one scenario started, graded, solved, graded, stopped",
    "dev": "for authors: check, schema, new",
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cka_lab.cli.{cmd_name}_")
        command: click.Command = module.command
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cka-lab", message="%(prog)s %(version)s")
@click.option(
    "--pack",
    "packs",
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="Use a folder of scenarios and graders as well. Graders are code: name only packs that you trust.",
)
@click.pass_context
def cli(ctx: click.Context, packs: tuple[str, ...]) -> None:
    """Practise for the CKA exam on a real control plane that is really broken.

    Without a command the full-screen program starts.
    """
    ctx.obj = list(packs)
    if ctx.invoked_subcommand is None:
        from cka_lab.cli.common import open_labs

        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            ctx.fail("The full-screen program needs a terminal; name a command (see --help), e.g. `cka-lab demo`.")
        from cka_lab.tui.app import run

        run(open_labs(ctx))


def main() -> None:
    """The console script. No traceback reaches a user: it goes to the log."""
    try:
        code = cli.main(standalone_mode=False) or 0
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ncancelled", err=True)
        code = 130
    except CkaLabError as error:
        click.echo(f"{click.style('cka-lab:', fg='red')} {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except Exception as error:
        code = _unexpected(error)
    sys.exit(code)


def _unexpected(error: Exception) -> int:
    from cka_lab.cli.common import write_log

    where = write_log(error)
    click.echo(
        f"cka-lab: {type(error).__name__}: {error}\n  this is our failure, not yours; details are in {where}",
        err=True,
    )
    return 4
