"""Connections: how a plugin reaches its tool."""

from __future__ import annotations

from typing import Any

import click

from devlake_core.errors import ConfigError, ConnectionRejected, PluginLoadError, UsageError
from devlake_core.plugin.connect import connection_of, try_connection

from .options import connection_option, db_option, json_option, plugin_argument, plugin_names
from .output import number_of, write, write_json, write_table
from .per_plugin import PerPlugin
from .saved import Saved, add_saved, edit_saved, opened
from .session import tell

UNREACHABLE, REJECTED, FAILED = 75, 77, 1


@click.group("connections")
def command() -> None:
    """Say how tools are reached: addresses and credentials, one connection per account."""


def _made(plugin: Any, values: dict[str, Any]) -> Any:
    try:
        return connection_of(plugin, values)
    except ConfigError as error:
        error.hint = error.hint or f"devlake connections add {plugin.name} --help"
        raise


def _add(session: Any, plugin: Any, fields: Any, options: dict[str, Any]) -> None:
    add_saved(session, plugin, fields, options, kind="connection", made=_made)
    if not session.json:
        write(f"next: devlake connections test {plugin.name} {options['name']}")


def _edit(session: Any, plugin: Any, fields: Any, options: dict[str, Any]) -> None:
    edit_saved(session, plugin, fields, options, kind="connection", made=_made)


command.add_command(
    PerPlugin(
        "add", "Save a connection.", lambda plugin: plugin.connection_type, _add, required=True
    )
)
command.add_command(
    PerPlugin(
        "edit",
        "Change fields of a connection; the others stay.",
        lambda plugin: plugin.connection_type,
        _edit,
        required=False,
        named=True,
        extra=click.option("--new-name", metavar="NAME", help="Call it otherwise."),
    )
)


@command.command("list")
@click.argument("plugins", nargs=-1, metavar="[PLUGIN…]", shell_complete=plugin_names)
@db_option
@json_option
@click.pass_obj
def list_(session: Any, plugins: tuple[str, ...]) -> None:
    """List the saved connections, of some plugins or of all."""
    chosen = _chosen(session, plugins)
    found = []
    with session.store(make=False) as store:
        there = store.tables()
        for plugin in chosen:
            saved = Saved(store, plugin)
            if str(plugin.connection_type.__tablename__) not in there:
                continue
            found += [{"plugin": plugin.name, **item} for item in saved.connections.shown()]
    if session.json:
        write_json(found)
    elif not found:
        write("no connection is saved: devlake connections add PLUGIN --help")
    else:
        rows = [
            (i["plugin"], i["name"], str(i["id"]), i.get("endpoint") or i.get("url")) for i in found
        ]
        write_table(("plugin", "name", "id", "address"), rows)


def _chosen(session: Any, names: tuple[str, ...]) -> list[Any]:
    """Return the plugins that were named, else all that can be loaded."""
    if names:
        return [session.load(name) for name in names]
    loaded = []
    for record in session.host.records():
        if record.kind == "plugin" and record.usable:
            try:
                loaded.append(session.host.load(record.name))
            except PluginLoadError as error:
                tell(f"left out: {error.message}")
    return loaded


@command.command("show")
@plugin_argument
@click.argument("name", required=False)
@db_option
@json_option
@click.pass_obj
def show(session: Any, plugin: str, name: str | None) -> None:
    """Show a connection, with stars in the place of its secrets."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        found = saved.connection_key(name)
    if session.json:
        write_json({"plugin": plugin, **found})
    else:
        write_table(("field", "value"), list(found.items()))


@command.command("test")
@plugin_argument
@click.argument("name", required=False)
@connection_option
@db_option
@json_option
@click.pass_obj
def test(session: Any, plugin: str, name: str | None, connection: str | None) -> int:
    """Ask the tool whether a connection works."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        found = saved.connection(name or connection)
    with session.asking(loaded, found, "test"):
        result = try_connection(loaded, found)
    if session.json:
        write_json({"plugin": plugin, "name": found.name, **result.as_dict()})
    elif result.success:
        write(f"{plugin} {found.name}: {result.message}")
    else:
        message = f"connection {found.name!r} of {plugin} does not work: {result.message}"
        hint = f"status {result.status}; devlake connections edit {plugin} {found.name} --help"
        raise ConnectionRejected(message, hint=hint, exit_code=_code(result.status))
    return 0 if result.success else _code(result.status)


def _code(status: int) -> int:
    """Return the exit code for the status of a failed test."""
    if status in {401, 403, 407}:
        return REJECTED
    return UNREACHABLE if status in {429, 500, 502, 503, 504} else FAILED


@command.command("remove")
@plugin_argument
@click.argument("name")
@db_option
@json_option
@click.pass_obj
def remove(session: Any, plugin: str, name: str) -> None:
    """Remove a connection that has no scope."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        key = saved.connection_key(name)
        scopes = saved.scopes.shown(connection_id=key["id"])
        if scopes:
            message = (
                f"connection {key['name']!r} of {plugin} has {number_of(len(scopes), 'scope')}"
            )
            hint = f"first: devlake scopes remove {plugin} --connection {key['name']} --all"
            raise UsageError(message, hint=hint)
        saved.connections.remove(id=key["id"])
    if session.json:
        write_json({"plugin": plugin, "id": key["id"], "name": key["name"]})
    else:
        write(f"removed connection {key['name']!r} of {plugin}")
