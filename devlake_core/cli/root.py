"""The command ``devlake`` itself; a sub-command's module is imported when it is called."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from .options import debug_option

COMMANDS = {
    "run": "Collect from a tool and fill the tables.",
    "connections": "Say how tools are reached.",
    "scopes": "Choose what is collected: repositories, boards …",
    "configs": "Say how scopes are read.",
    "state": "Show or forget how far collecting has come.",
    "migrate": "Bring the database's tables up to date.",
    "plugins": "List what is installed, and whether it is healthy.",
    "doctor": "Look for what is wrong here, and say what to do.",
    "bridge": "Let a DevLake server run the plugins.",
    "serve": "Look after the service that answers its calls.",
    "completion": "Print what makes a shell complete commands.",
}


class Root(click.Group):
    """Know the sub-commands by name and first line, without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a sub-command."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__package__}.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; offer near matches if there is none."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, 2)
            hint = f"did you mean {' or '.join(near)}?" if near else "see devlake --help"
            ctx.fail(f"there is no command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    import platform

    from devlake_core.plugin.discovery import core_version

    version = core_version() or "(not installed)"
    click.echo(f"devlake-core {version}, Python {platform.python_version()}")
    ctx.exit()


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: devlake plugins; devlake run gitrepo .",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
@debug_option
@click.pass_context
def root(ctx: click.Context) -> None:
    """Fill DevLake's tables from the tools of software teams."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
