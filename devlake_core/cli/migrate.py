"""Bring the database's tables up to date: the domain layer's, then those of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from devlake_core.errors import DevlakeError

from .options import db_option, json_option, plugin_names
from .output import write, write_json
from .session import tell

if TYPE_CHECKING:
    from devlake_core.migration import Applied


@click.command("migrate")
@click.argument("plugins", nargs=-1, metavar="[PLUGIN…]", shell_complete=plugin_names)
@click.option("--dry-run", is_flag=True, help="Say what is pending, and do nothing.")
@db_option
@json_option
@click.pass_obj
def command(session: Any, plugins: tuple[str, ...], dry_run: bool) -> int:
    """Bring the database's tables up to date.

    Without a PLUGIN all that are installed and healthy are migrated. Each migration runs once; one
    that failed goes on where it stopped.
    """
    from devlake_core.migration import migrate, pending

    loaded, broken = _load(session, plugins)
    if dry_run and session.is_sqlite():
        with session.store(make=False) as store:
            done = pending(store, loaded)
    else:
        with session.store() as store:
            done = pending(store, loaded) if dry_run else migrate(store, loaded)
    if session.json:
        write_json([_as_dict(item) for item in done])
    else:
        for item in done:
            write(f"{'pending' if dry_run else 'applied'}: {item}")
        if not done:
            write("nothing to do: the tables are up to date")
    return broken


def _load(session: Any, names: tuple[str, ...]) -> tuple[list[Any], int]:
    """Return the plugins, and the exit code of those that were asked for and cannot be loaded."""
    if names:
        return [session.load(name) for name in names], 0
    loaded, code = [], 0
    for record in session.host.records():
        if record.kind != "plugin" or record.state == "disabled":
            continue
        try:
            loaded.append(session.host.load(record.name))
        except DevlakeError as error:
            tell(f"left out: {error.message}")
            code = error.exit_code
    return loaded, code


def _as_dict(item: Applied) -> dict[str, Any]:
    return {"plugin": item.plugin, "version": item.version, "name": item.name}
