"""Let a DevLake server run the installed plugins: write its shims, answer its calls."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from .options import debug_option, json_option, plugin_argument
from .output import write, write_json, write_table
from .session import is_path

if TYPE_CHECKING:
    from devlake_core.bridge.report import Report

BROKEN = 78


@click.group("bridge")
@debug_option
def command() -> None:
    """Let a DevLake server run the installed plugins.

    The server is not changed: it executes the shims that `sync` writes into its folder
    REMOTE_PLUGIN_DIR.
    """


@command.command("sync")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.option(
    "--legacy",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True),
    help="The main.py of a plugin that is no distribution; remembered for later syncs.",
)
@click.option("--prune", is_flag=True, help="Remove the shims of what is no longer installed.")
@json_option
@click.pass_obj
def sync_command(session: Any, directory: str, legacy: tuple[str, ...], prune: bool) -> int:
    """Write a shim for each healthy plugin into DIR, the server's REMOTE_PLUGIN_DIR.

    Each plugin is imported in a process of its own. One that does not work gets no shim; a shim
    that it has stays, and the server is answered from what was known of it. Exits with 78 then.
    """
    from devlake_core.bridge.sync import sync

    report = sync(directory, legacy, prune)
    if session.json:
        write_json(report.as_dict())
    else:
        _show(report)
    return BROKEN if report.broken else 0


def _show(report: Report) -> None:
    # What was switched off and has no shim is only named below, with the reason.
    shown = [item for item in report.entries if item.broken or item.action != "left out"]
    if shown:
        write_table(
            ("plugin", "shim", "from"),
            [(item.plugin or item.path, item.action, item.source) for item in shown],
        )
    elif not report.entries:
        write("no plugin is installed: pip install devlake-plugin-gitrepo")
    for item in report.entries:
        if item.reason:
            write(f"\n{item.plugin or item.path} ({item.action}): {item.reason}")
            if item.hint:
                write(f"  → {item.hint}")
    write(f"\nREMOTE_PLUGIN_DIR={report.folder}")


@command.command(
    "call", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]}
)
@plugin_argument
@click.argument("method")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT]…", type=click.UNPROCESSED)
@json_option
@click.pass_obj
def call_command(session: Any, plugin: str, method: str, arguments: tuple[str, ...]) -> int:
    """Answer one call as the server makes it: each ARGUMENT is a JSON text.

    PLUGIN is a name, or the path of a main.py. Results go to descriptor 3 if it is a pipe, and
    logs to stdout; else results go to stdout and logs to stderr. Results are the JSON that the
    server reads, with `--json` or without.
    """
    from devlake_core.bridge import first
    from devlake_core.bridge.command import call

    first.begin()
    path = ""
    if is_path(plugin):
        # Results go to stdout, and what a plugin prints is none.
        with redirect_stdout(sys.stderr):
            path, plugin = os.path.abspath(plugin), session.load(plugin).name
    os.environ.update(session.server_variables())
    status: int = call(plugin, method, list(arguments), path)
    return status
