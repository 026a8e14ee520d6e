"""Scopes: what is collected as a unit, such as a repository or a board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from devlake_core.errors import UsageError
from devlake_core.store.removal import remove_data

from . import tool
from .options import connection_option, db_option, json_option, no_such, plugin_argument
from .output import number_of, write, write_json, write_table
from .saved import opened

if TYPE_CHECKING:
    from devlake_core.model import ToolScope

SHOWN = 10


@click.group("scopes")
def command() -> None:
    """Choose what is collected: look at what the tool has, and save what you want."""


@command.command("browse")
@plugin_argument
@click.argument("group", required=False)
@click.option("--tree", "whole", is_flag=True, help="Show everything below, not one level.")
@connection_option
@db_option
@json_option
@click.pass_obj
def browse(
    session: Any, plugin: str, group: str | None, whole: bool, connection: str | None
) -> None:
    """Show the groups and scopes that the tool has: a level, or the level of a GROUP."""
    loaded = session.load(plugin)
    with opened(session, loaded, make=True) as saved:
        found = saved.connection(connection)
    look = tool.tree if whole else tool.level
    with session.asking(loaded, found, "browse"):
        there = [(item.as_dict(), depth) for item, depth in look(loaded, found, group)]
    items = [{key: i.get(key) for key in ("id", "name", "type", "parentId")} for i, _ in there]
    for item, depth in () if session.json else there:
        mark = "▸ " if item["type"] == "group" else "  "
        write(f"{'  ' * depth}{mark}{item['name']}  ({item['id']})")
    if session.json:
        write_json(items)
    elif not items:
        write("the tool has nothing there")
    elif any(item["type"] == "group" for item in items) and not whole:
        write(f"\ninto a group (▸): devlake scopes browse {plugin} ID")
    else:
        write(f"\nnext: devlake scopes add {plugin} ID")


@command.command("add")
@plugin_argument
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--all", "everything", is_flag=True, help="All scopes of the tool, or of --group.")
@click.option("--group", metavar="ID", help="Look in this group alone.")
@click.option("--config", metavar="NAME", help="The scope config to use for them.")
@connection_option
@db_option
@json_option
@click.pass_obj
def add(session: Any, /, plugin: str, ids: tuple[str, ...], **options: Any) -> None:
    """Save scopes; their other fields are fetched from the tool."""
    if bool(ids) == options["everything"]:
        message = "say which scopes to add: ids, or --all"
        raise UsageError(message, hint=f"devlake scopes browse {plugin}")
    loaded = session.load(plugin)
    with opened(session, loaded, make=True) as saved:
        config = saved.config_key(options["config"])["id"] if options["config"] else None
        connection: Any = saved.connection(options["connection"])
        with session.asking(loaded, connection, "browse"):
            if options["everything"]:
                found = list(tool.scopes(loaded, connection, options["group"]))
            else:
                found = _wanted(loaded, connection, list(ids), options["group"])
        new = [saved.save_scope(scope, connection.id, config) for scope in found]
    if session.json:
        write_json(
            [
                {"id": scope.id, "name": scope.name, "new": is_new}
                for scope, is_new in zip(found, new, strict=True)
            ]
        )
        return
    for scope, is_new in zip(found, new, strict=True):
        write(f"{'added' if is_new else 'brought up to date'}: {scope.name} ({scope.id})")
    if found:
        write(f"next: devlake run {plugin}")
    else:
        write("the tool has no scope there")


def _wanted(loaded: Any, connection: Any, ids: list[str], group: str | None) -> list[ToolScope]:
    """Return the scopes that words mean: what the plugin makes of them, else the tool's."""
    found: dict[str, ToolScope] = {}
    for name in ids if group is None else ():
        scope = loaded.scope_from_argument(name)
        if scope is not None:
            found[name] = scope
    rest = [name for name in ids if name not in found]
    if rest:
        there = tool.scopes(loaded, connection, group)
        seen: list[str] = []
        for scope in there:
            for name in rest:
                if str(scope.id) == name or (scope.name == name and name not in found):
                    found[name] = scope
            seen += [str(scope.id), scope.name]
        for name in rest:
            if name not in found:
                no_such("scope", name, seen, f" of {loaded.name} in the tool")
    return [found[name] for name in ids]


@command.command("list")
@plugin_argument
@connection_option
@db_option
@json_option
@click.pass_obj
def list_(session: Any, /, plugin: str, connection: str | None) -> None:
    """List the saved scopes."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        names = {item["id"]: item["name"] for item in saved.connections.shown()}
        only = {"connection_id": saved.connection_key(connection)["id"]} if connection else {}
        found = saved.scopes.shown(**only)
        configs = {item["id"]: item["name"] for item in saved.configs.shown()}
    if session.json:
        write_json(found)
    elif not found:
        write(f"no scope of {plugin} is saved: devlake scopes browse {plugin}")
    else:
        rows = [
            (
                i["id"],
                i["name"],
                names.get(i["connection_id"], str(i["connection_id"])),
                configs.get(i["scope_config_id"], ""),
            )
            for i in found
        ]
        write_table(("id", "name", "connection", "config"), rows)


@command.command("remove")
@plugin_argument
@click.argument("names", nargs=-1, metavar="SCOPE…")
@click.option("--all", "everything", is_flag=True, help="All saved scopes of the connection.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_option
@db_option
@json_option
@click.pass_obj
def remove(session: Any, /, plugin: str, names: tuple[str, ...], **options: Any) -> None:
    """Remove scopes with all data that was collected for them."""
    if bool(names) == options["everything"]:
        message = "say which scopes to remove: ids, names, or --all"
        raise UsageError(message, hint=f"devlake scopes list {plugin}")
    loaded = session.load(plugin)
    told: list[dict[str, Any]] = []
    with opened(session, loaded) as saved:
        key = saved.connection_key(options["connection"])
        if options["everything"]:
            found = saved.scopes.rows(connection_id=key["id"])
        else:
            found = saved.find_scopes(key["id"], list(names))
        if not options["yes"]:
            words = ", ".join(scope.name for scope in found[:SHOWN])
            click.confirm(f"remove {words} with all data of it?", abort=True, err=True)
        tables = [str(model.__tablename__) for model in loaded.tool_models]
        for scope in found:
            removed = remove_data(saved.store, loaded.name, key["id"], str(scope.id), tables)
            saved.scopes.remove(connection_id=key["id"], id=scope.id)
            told.append({"id": scope.id, "name": scope.name, "rows": sum(removed.values())})
    if session.json:
        write_json(told)
        return
    for item in told:
        write(f"removed: {item['name']} ({item['id']}), {number_of(item['rows'], 'row')}")
