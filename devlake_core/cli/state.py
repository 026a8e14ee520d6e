"""How far collecting has come: shown, or forgotten so that the next run begins anew."""

from __future__ import annotations

import json
from typing import Any

import click

from devlake_core.errors import UsageError
from devlake_core.model import raw_data_params
from devlake_core.store.positions import forget_states, positions

from .options import connection_option, db_option, json_option, plugin_argument
from .output import number_of, write, write_json, write_table
from .saved import Saved, opened


@click.group("state")
def command() -> None:
    """Show or forget how far collecting has come."""


class _Chosen:
    """Be the scopes and streams that a command is about."""

    def __init__(self, saved: Saved, connection: str | None, names: list[str]) -> None:
        self.connections = {item["id"]: item["name"] for item in saved.connections.shown()}
        found: list[Any]
        if connection or names:
            number = saved.connection_key(connection)["id"]
            if names:
                found = list(saved.find_scopes(number, names))
            else:
                found = saved.scopes.rows(connection_id=number)
        else:
            found = saved.scopes.rows()
        self.scopes = {raw_data_params(i.connection_id, i.id): i for i in found}


@command.command("show")
@plugin_argument
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Only this scope.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only this stream.")
@connection_option
@db_option
@json_option
@click.pass_obj
def show(session: Any, /, plugin: str, **options: Any) -> None:
    """Show where the next run goes on, stream by stream."""
    loaded = session.load(plugin)
    for name in options["streams"]:
        loaded.get_stream(name)
    with opened(session, loaded) as saved:
        chosen = _Chosen(saved, options["connection"], list(options["scopes"]))
        found = [
            {
                "connection": chosen.connections.get(chosen.scopes[item.params].connection_id),
                "scope": chosen.scopes[item.params].id,
                "name": chosen.scopes[item.params].name,
                **item.as_dict(),
            }
            for item in positions(saved.store, plugin, list(chosen.scopes))
            if not options["streams"] or item.stream in options["streams"]
        ]
    if session.json:
        write_json(found)
    elif not found:
        write(f"nothing of {plugin} was collected yet: devlake run {plugin}")
    else:
        rows = [
            (
                i["name"],
                i["stream"],
                f"{i['kind']}{'' if i['complete'] else ' (unfinished)'}",
                f"{i['partitions']:,}" if i["partitions"] else "",
                i["updated_at"][:19],
                json.dumps(i["state"], ensure_ascii=False)[:80],
            )
            for i in found
        ]
        head = ("scope", "stream", "last pass", "parents", "at (UTC)", "goes on at")
        write_table(head, rows)


@command.command("reset")
@plugin_argument
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Only this scope.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only this stream.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_option
@db_option
@json_option
@click.pass_obj
def reset(session: Any, /, plugin: str, **options: Any) -> None:
    """Forget where the next run goes on: it reads everything again. No row is deleted."""
    loaded = session.load(plugin)
    streams = [loaded.get_stream(name).name for name in options["streams"]]
    with opened(session, loaded) as saved:
        chosen = _Chosen(saved, options["connection"], list(options["scopes"]))
        if not chosen.scopes:
            message = f"no scope of {plugin} is saved, so there is no state"
            raise UsageError(message, hint=f"devlake scopes list {plugin}")
        if not options["yes"]:
            words = ", ".join(scope.name for scope in list(chosen.scopes.values())[:10])
            click.confirm(f"read {words} from the beginning in the next run?", abort=True, err=True)
        names = streams or [stream.name for stream in loaded.all_streams]
        count = sum(forget_states(saved.store, plugin, params, names) for params in chosen.scopes)
    if session.json:
        write_json({"plugin": plugin, "scopes": len(chosen.scopes), "states": count})
    else:
        what = f"{number_of(count, 'state')} of {number_of(len(chosen.scopes), 'scope')}"
        write(f"forgot {what}; the next run reads all again")
