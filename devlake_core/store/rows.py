"""Look up found rows: by key, and how many scopes a connection has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select, tuple_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Table

    from .engine import Store

CHUNK = 1000


class Found(NamedTuple):
    """Say where a found row comes from."""

    raw_id: int
    raw_table: str
    params: str


def existing_rows(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    keys: Sequence[tuple[Any, ...]],
    connection_id: int,
) -> dict[tuple[Any, ...], Found]:
    """Return the origins of the rows that have one of the given keys.

    Args:
        connection: an open transaction.
        table: a tool table.
        names: the key's fields, without the connection.
        keys: values of those fields.
        connection_id: the connection whose rows are meant.
    """
    columns = [table.c[name] for name in names]
    query = select(
        *columns, table.c.raw_data_id, table.c.raw_data_table, table.c.raw_data_params
    ).where(table.c.connection_id == connection_id, table.c.raw_data_id.is_not(None))
    found: dict[tuple[Any, ...], Found] = {}
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        condition = (
            columns[0].in_([key[0] for key in part])
            if len(columns) == 1
            else tuple_(*columns).in_(part)
        )
        for row in connection.execute(query.where(condition)):
            found[tuple(row[: len(columns)])] = Found(*row[len(columns) :])
    return found


def count_rows(store: Store, table: Table, where: ColumnElement[bool]) -> int:
    """Return how many rows a condition finds."""
    with store.reading() as connection:
        query = select(func.count()).select_from(table).where(where)
        return int(connection.execute(query).scalar_one())


def count_scopes(store: Store, scope_type: Any, connection_id: int) -> int:
    """Return how many scopes of a connection are saved."""
    table = scope_type.__table__
    if not store.has_table(table.name):
        return 0
    return count_rows(store, table, table.c.connection_id == connection_id)
