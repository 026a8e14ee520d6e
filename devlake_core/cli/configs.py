"""Scope configs: how a plugin reads its scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from devlake_core.errors import ConfigError, UsageError
from devlake_core.store.catalog import problems_of

from .options import connection_option, db_option, json_option, plugin_argument
from .output import number_of, write, write_json, write_table
from .per_plugin import PerPlugin
from .saved import add_saved, edit_saved, opened

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.group("configs")
def command() -> None:
    """Say how scopes are read: which kinds of data, which patterns."""


def _made(plugin: Any, values: Mapping[str, Any]) -> Any:
    """Return a scope config made of values.

    Raises:
        ConfigError: the values are not valid.
    """
    try:
        return plugin.scope_config_type.model_validate(dict(values))
    except ValidationError as error:
        problems = problems_of(error)
    message = f"config of plugin {plugin.name!r} is not valid: {problems}"
    raise ConfigError(message, hint=f"devlake configs add {plugin.name} --help")


def _add(session: Any, plugin: Any, fields: Any, options: dict[str, Any]) -> None:
    add_saved(session, plugin, fields, options, kind="config", made=_made)
    if not session.json:
        write(f"next: devlake scopes add {plugin.name} ID --config {options['name']}")


def _edit(session: Any, plugin: Any, fields: Any, options: dict[str, Any]) -> None:
    edit_saved(session, plugin, fields, options, kind="config", made=_made)
    if not session.json:
        write("the next run reads what is stored again, with the new config")


command.add_command(
    PerPlugin(
        "add",
        "Save a scope config.",
        lambda plugin: plugin.scope_config_type,
        _add,
        required=True,
        extra=connection_option,
    )
)
command.add_command(
    PerPlugin(
        "edit",
        "Change fields of a scope config; the others stay.",
        lambda plugin: plugin.scope_config_type,
        _edit,
        required=False,
        named=True,
        extra=click.option("--new-name", metavar="NAME", help="Call it otherwise."),
    )
)


@command.command("list")
@plugin_argument
@db_option
@json_option
@click.pass_obj
def list_(session: Any, plugin: str) -> None:
    """List the saved scope configs."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        found = saved.configs.shown()
    if session.json:
        write_json(found)
    elif not found:
        write(f"no config of {plugin} is saved: devlake configs add {plugin} --help")
    else:
        rows = [(i["name"], str(i["id"]), ", ".join(i["domain_types"] or ())) for i in found]
        write_table(("name", "id", "domain types"), rows)


@command.command("show")
@plugin_argument
@click.argument("name")
@db_option
@json_option
@click.pass_obj
def show(session: Any, plugin: str, name: str) -> None:
    """Show a scope config."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        found = saved.config_key(name)
    if session.json:
        write_json({"plugin": plugin, **found})
    else:
        write_table(("field", "value"), list(found.items()))


@command.command("remove")
@plugin_argument
@click.argument("name")
@db_option
@json_option
@click.pass_obj
def remove(session: Any, plugin: str, name: str) -> None:
    """Remove a scope config that no scope uses."""
    loaded = session.load(plugin)
    with opened(session, loaded) as saved:
        key = saved.config_key(name)
        used = saved.scopes.shown(scope_config_id=key["id"])
        if used:
            message = (
                f"config {key['name']!r} of {plugin} is used by {number_of(len(used), 'scope')}"
            )
            hint = f"give them another: devlake scopes add {plugin} ID --config NAME"
            raise UsageError(message, hint=hint)
        saved.configs.remove(id=key["id"])
    if session.json:
        write_json({"plugin": plugin, "id": key["id"], "name": key["name"]})
    else:
        write(f"removed config {key['name']!r} of {plugin}")
