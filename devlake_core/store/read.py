"""Streaming reads: by key, a batch at a time, with nothing held open in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select, tuple_

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Table

    from .engine import Store


def read_batches(
    store: Store,
    table: Table,
    columns: Sequence[Column[Any]],
    *,
    where: ColumnElement[bool] | None = None,
    size: int = 2000,
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows in the order of the primary key, in batches.

    The reader may write between two batches; a row that is written behind the position meanwhile
    is not seen, one ahead of it is.
    """
    key = list(table.primary_key.columns)
    positions = [list(columns).index(column) for column in key]
    query = select(*columns).order_by(*key).limit(size)
    if where is not None:
        query = query.where(where)
    last: list[Any] | None = None
    while True:
        page = query if last is None else query.where(_after(store, key, last))
        with store.reading() as connection:
            rows: list[Any] = list(connection.execute(page).all())
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = [rows[-1][position] for position in positions]


def _after(store: Store, key: list[Column[Any]], last: list[Any]) -> ColumnElement[bool]:
    """Return the condition for rows after a key, in the form that the database uses an index for."""
    if store.dialect != "mysql" or len(key) == 1:
        return tuple_(*key) > tuple_(*last) if len(key) > 1 else key[0] > last[0]
    return or_(
        *(
            and_(*(c == v for c, v in zip(key[:n], last[:n], strict=True)), key[n] > last[n])
            for n in range(len(key))
        )
    )
