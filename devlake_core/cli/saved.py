"""Find what is saved of a plugin by name or id, and say what there is if it is not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from devlake_core.errors import UsageError
from devlake_core.model import raw_data_params
from devlake_core.plugin.plan import scopes_table
from devlake_core.plugin.tables import give_tables
from devlake_core.store.catalog import Catalog, register_secrets

from .options import no_such
from .output import write, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devlake_core.model import Connection, ScopeConfig, ToolScope
    from devlake_core.plugin.base import Plugin
    from devlake_core.store import Store

    from .fields import Fields
    from .session import Session


class Saved:
    """Know the saved connections, scopes and scope configs of one plugin."""

    def __init__(self, store: Store, plugin: Plugin) -> None:
        give_tables(plugin)
        self.store, self.plugin = store, plugin
        name = plugin.name
        self.connections: Catalog[Connection] = Catalog(
            store, plugin.connection_type, f"connection of {name}"
        )
        self.scopes: Catalog[ToolScope] = Catalog(store, plugin.tool_scope_type, f"scope of {name}")
        self.configs: Catalog[ScopeConfig] = Catalog(
            store, plugin.scope_config_type, f"config of {name}"
        )

    def exist(self) -> bool:
        """Return whether the database has the tables of connections and scopes."""
        kinds = (self.plugin.connection_type, self.plugin.tool_scope_type)
        return {str(kind.__tablename__) for kind in kinds} <= self.store.tables()

    def connection(self, name: str | None) -> Connection:
        """Return a connection by name or id; without a name the only one.

        A plugin whose connections need nothing gets one called ``default``.

        Raises:
            UsageError: there is none of that name, none at all, or more than one.
        """
        key = self.connection_key(name, make=True)
        [connection] = self.connections.rows(id=key["id"])
        register_secrets(connection)
        return connection

    def connection_key(self, name: str | None, *, make: bool = False) -> dict[str, Any]:
        """Return id and name of a connection, without reading its secrets.

        Args:
            name: its name or id; None for the only one.
            make: whether to make one where there is none and none needs a value.

        Raises:
            UsageError: as :meth:`connection`.
        """
        plugin = self.plugin
        there = self.connections.shown()
        if name is not None:
            found = [item for item in there if item["name"] == name] or [
                item for item in there if str(item["id"]) == name
            ]
            if not found:
                no_such("connection", name, [i["name"] for i in there], f" of {plugin.name}")
            return found[0]
        if len(there) == 1:
            return there[0]
        if there:
            names = ", ".join(item["name"] for item in there)
            message = f"{plugin.name} has {len(there)} connections"
            raise UsageError(message, hint=f"say --connection with one of: {names}")
        if make and not needed_fields(plugin):
            row = plugin.connection_type(name="default")
            number = self.connections.add(row, name="default")
            return {"id": number, "name": "default"}
        message = f"{plugin.name} has no connection yet"
        raise UsageError(message, hint=f"devlake connections add {plugin.name} --help")

    def find_scopes(self, connection_id: int, names: list[str]) -> list[ToolScope]:
        """Return saved scopes by id or name.

        Raises:
            UsageError: one is not saved.
        """
        there = self.scopes.rows(connection_id=connection_id)
        found = []
        for name in names:
            scope = match(there, name)
            if scope is None:
                known = [text for item in there for text in (item.name, item.id)]
                no_such("saved scope", name, known, f" of {self.plugin.name}")
            found.append(scope)
        return found

    def save_scope(
        self, scope: ToolScope, connection_id: int, config_id: int | None = None
    ) -> bool:
        """Save a scope or bring it up to date; return whether it is new.

        Args:
            scope: the scope as the plugin made it.
            connection_id: its connection.
            config_id: its scope config; None leaves what it has.

        Raises:
            UsageError: its id is too long.
        """
        scope.connection_id = connection_id
        scope.raw_data_params = raw_data_params(connection_id, scope.id)
        scope.raw_data_table = scopes_table(self.plugin.name)
        if config_id is None:
            before = self.scopes.rows(connection_id=connection_id, id=scope.id)
            config_id = before[0].scope_config_id if before else None
        scope.scope_config_id = config_id
        return self.scopes.put(scope, connection_id=connection_id, id=scope.id)

    def config_of(self, scope: ToolScope) -> ScopeConfig | None:
        """Return the saved config of a scope; None where it has none."""
        if not scope.scope_config_id:
            return None
        found = self.configs.rows(id=scope.scope_config_id)
        return found[0] if found else None

    def config_key(self, name: str) -> dict[str, Any]:
        """Return a config by name or id.

        Raises:
            UsageError: there is none.
        """
        there = self.configs.shown()
        for item in there:
            if name in (item["name"], str(item["id"])):
                return item
        names = [item["name"] for item in there]
        no_such("config", name, names, f" of {self.plugin.name}")


@contextmanager
def opened(session: Session, plugin: Plugin, *, make: bool = False) -> Iterator[Saved]:
    """Open the database in the block, for what is saved of a plugin.

    Args:
        session: settings of this call.
        plugin: the plugin.
        make: whether an SQLite file that is not there is made.

    Raises:
        SchemaError: a server's database lacks a migration.
    """
    with session.store(make=make) as store:
        session.prepare(store, [plugin])
        yield Saved(store, plugin)


def match(scopes: list[ToolScope], name: str) -> ToolScope | None:
    """Return the scope of an id, else of a name that only one has."""
    for scope in scopes:
        if str(scope.id) == name:
            return scope
    named = [scope for scope in scopes if scope.name == name]
    return named[0] if len(named) == 1 else None


def needed_fields(plugin: Plugin) -> list[str]:
    """Return the fields that a connection of a plugin cannot do without, but for its name."""
    fields = plugin.connection_type.model_fields
    return [name for name, info in fields.items() if info.is_required() and name != "name"]


def add_saved(
    session: Session,
    plugin: Plugin,
    fields: Fields,
    options: dict[str, Any],
    *,
    kind: Literal["connection", "config"],
    made: Callable[[Plugin, dict[str, Any]], Any],
) -> None:
    """Save a connection or config of the options of its ``add`` command, and say so.

    Raises:
        UsageError: a needed field was not given, or the name is taken.
        ConfigError: the values are not valid.
    """
    row = made(plugin, {**fields.values(options, ask=True), "name": options["name"]})
    with opened(session, plugin, make=True) as saved:
        if kind == "config" and options["connection"]:
            row.connection_id = saved.connection_key(options["connection"])["id"]
        catalog: Catalog[Any] = saved.connections if kind == "connection" else saved.configs
        number = catalog.add(row, name=row.name)
    if session.json:
        write_json({"plugin": plugin.name, "id": number, "name": row.name})
    else:
        write(f"saved {kind} {row.name!r} of {plugin.name} (id {number})")


def edit_saved(
    session: Session,
    plugin: Plugin,
    fields: Fields,
    options: dict[str, Any],
    *,
    kind: Literal["connection", "config"],
    made: Callable[[Plugin, dict[str, Any]], Any],
) -> None:
    """Change a saved connection or config by the options of its ``edit`` command, and say so.

    Raises:
        UsageError: no field was given, or there is nothing of that name.
        ConfigError: the new values are not valid; nothing is changed.
    """
    values = fields.values(options, ask=False)
    if options["new_name"]:
        values["name"] = options["new_name"]
    if not values:
        message = "nothing to change: no field was given"
        raise UsageError(message, hint=f"devlake {kind}s edit {plugin.name} --help")
    with opened(session, plugin) as saved:
        find = saved.connection_key if kind == "connection" else saved.config_key
        catalog: Catalog[Any] = saved.connections if kind == "connection" else saved.configs
        key = find(options["name"])
        [before] = catalog.rows(id=key["id"])
        changed = made(plugin, {**before.__dict__, **values})
        new = {name: getattr(changed, name) for name in values}
        unique = {"name": changed.name} if "name" in values else {}
        catalog.change({"id": key["id"]}, new, **unique)
    if session.json:
        write_json({"plugin": plugin.name, "id": key["id"], "changed": sorted(values)})
    else:
        write(f"changed {', '.join(sorted(values))} of {kind} {options['name']!r}")
