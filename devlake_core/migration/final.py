"""A plugin's tables as its code has them now: what its migrations lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, inspect

from devlake_core.model import package_name, registry_of, table_of

if TYPE_CHECKING:
    from sqlalchemy import Table

    from devlake_core.store import Store


def default_scope_config(plugin: Any) -> Any:
    """Return the scope config class that stands in for one the author left out, else None."""
    return None if getattr(plugin, "has_own_scope_config", True) else plugin.scope_config_type


def final_tables(plugin: Any) -> dict[str, Table]:
    """Return all tables of a plugin by name.

    They are those of its connection, scope and scope config (with or without ``table=True``), of
    its streams' tool models, and every other table class of its package.
    """
    fixed = (plugin.connection_type, plugin.tool_scope_type, plugin.scope_config_type)
    found: dict[str, Table] = {}
    for model in (*fixed, *plugin.tool_models):
        if model is not None:
            table = vars(model).get("__table__")
            table = table_of(model, MetaData()) if table is None else table
            found.setdefault(table.name, table)
    package = package_name(type(plugin).__module__)
    prefixes = (f"_tool_{package}_", f"_tool_{plugin.name}_")
    for table in registry_of(package).metadata.tables.values():
        if table.name.startswith(prefixes) and not _is_snapshot(table):
            found.setdefault(table.name, table)
    return found


def lacking(store: Store, plugin: Any) -> dict[str, list[str]]:
    """Return what a database lacks of a plugin's tables: columns by table, none for all of it."""
    final = final_tables(plugin)
    with store.reading() as connection:
        inspector = inspect(connection)
        there = set(inspector.get_table_names())
        found = {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in final
            if name in there
        }
    lacks = {
        name: [column.name for column in table.columns if column.name not in found.get(name, ())]
        for name, table in final.items()
    }
    return {
        name: columns if name in found else []
        for name, columns in sorted(lacks.items())
        if columns or name not in found
    }


def _is_snapshot(table: Table) -> bool:
    model = str(table.info.get("model", ""))
    return "<locals>" in model or "migrations" in model.split(".")
