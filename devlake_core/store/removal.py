"""Remove a scope with all its data, as DevLake's server does when a user deletes one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, delete, inspect, table

from devlake_core.model import pydevlake_params, raw_data_params

from .claim import claimed
from .raw import ensure_raw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import TableClause

    from .engine import Store

PARAMS, ORIGIN_PARAMS, ORIGIN_TABLE = "params", "_raw_data_params", "_raw_data_table"
_SERVER_STATE = "_devlake_collector_latest_state"
_SERVER_COLUMNS = {"raw_data_params", "raw_data_table"}


def remove_data(
    store: Store, plugin: str, connection_id: int, scope_id: str, tool_tables: Iterable[str]
) -> Counter[str]:
    """Delete what was collected for a scope, and its state, in one transaction.

    That is every row of the plugin's raw tables with its params, every row of its tool tables
    but the scope's, and every domain row that comes from them. Because the state is among them, a
    scope that is added again gets its whole history.

    Args:
        store: the database.
        plugin: the plugin's name.
        connection_id: the scope's connection.
        scope_id: the scope's id.
        tool_tables: the names of the plugin's tool tables, without that of the scopes.

    Returns:
        How many rows were deleted, by table.

    Raises:
        ScopeBusy: a run holds the scope.
    """
    removed: Counter[str] = Counter()
    # A run that is under way would write rows of a scope that is no more.
    ensure_raw(store, plugin)
    params = raw_data_params(connection_id, scope_id)
    # pydevlake spelled them otherwise, and its rows are there until they are written again.
    spellings = list({params, pydevlake_params(connection_id, scope_id)})
    with claimed(store, plugin, params):
        found = _columns(store)
        with store.transaction() as connection:
            for name, condition in _conditions(found, plugin, spellings, set(tool_tables)):
                done = connection.execute(delete(name).where(*condition))
                if done.rowcount > 0:
                    removed[name.name] += done.rowcount
    return removed


def _conditions(
    found: dict[str, set[str]], plugin: str, params: list[str], tool_tables: set[str]
) -> Iterable[tuple[TableClause, list[Any]]]:
    """Yield which rows of which table go; the state comes last, so that the claim stands."""
    prefix = f"_raw_{plugin}"
    raw = [name for name in found if name.startswith(prefix) and PARAMS in found[name]]
    for name in sorted(found):
        target = table(name, *map(column, found[name]))
        columns = target.columns
        if name in tool_tables and ORIGIN_PARAMS in found[name]:
            yield target, [columns[ORIGIN_PARAMS].in_(params)]
        elif not name.startswith("_") and {ORIGIN_PARAMS, ORIGIN_TABLE} <= found[name]:
            of_plugin = columns[ORIGIN_TABLE].startswith(prefix, autoescape=True)
            yield target, [of_plugin, columns[ORIGIN_PARAMS].in_(params)]
        elif name == _SERVER_STATE and found[name] >= _SERVER_COLUMNS:
            of_plugin = columns["raw_data_table"].startswith(prefix, autoescape=True)
            yield target, [of_plugin, columns["raw_data_params"].in_(params)]
    for name in sorted(raw, key=lambda item: item.endswith("__state")):
        target = table(name, column(PARAMS))
        yield target, [target.columns[PARAMS].in_(params)]


def _columns(store: Store) -> dict[str, set[str]]:
    """Return the names of the columns of all tables in the database."""
    with store.reading() as connection:
        found = inspect(connection).get_multi_columns()
    return {name: {str(item["name"]) for item in items} for (_, name), items in found.items()}
