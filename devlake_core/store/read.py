"""Streaming reads: by key, a batch at a time, with nothing held open in between."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, literal, literal_column, or_, select, tuple_, type_coerce
from sqlalchemy.types import NullType

from devlake_core.model.types import as_utc

from .values import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Table

    from .engine import Store

    Row = tuple[Any, ...]

_RAW = NullType()


def read_batches(
    store: Store,
    table: Table,
    columns: Sequence[Column[Any]] | None = None,
    *,
    where: ColumnElement[bool] | None = None,
    key: Sequence[Column[Any]] | None = None,
    size: int = 2000,
    connection: Connection | None = None,
) -> Iterator[list[Row]]:
    """Yield rows in the order of a key, in batches, with their values as models have them.

    Nothing is open between two batches, so the caller may write meanwhile. A row that is written
    behind the position is not seen, one ahead of it is.

    Args:
        store: the database.
        table: the table.
        columns: what is read; all columns where left out.
        where: which rows.
        key: columns that are never NULL and together unique; the primary key where left out.
        size: how many rows a batch has.
        connection: a connection to read on; a short one for each batch where left out.
    """
    wanted = list(table.columns) if columns is None else list(columns)
    keys = list(table.primary_key.columns) if key is None else list(key)
    extra = [column for column in keys if column not in set(wanted)]
    positions = [[*wanted, *extra].index(column) for column in keys]
    converts = [
        (position, convert)
        for position, column in enumerate(wanted)
        if (convert := reader(column, store)) is not None
    ]
    # SQLAlchemy's own conversions, value by value and row by row, would cost several times more.
    query = select(*(_asked(column, store) for column in (*wanted, *extra)))
    query = query.order_by(*keys).limit(size)
    if where is not None:
        query = query.where(where)
    page = query
    while True:
        with nullcontext(connection) if connection is not None else store.reading() as reading:
            rows = reading.execute(page).all()
        if rows:
            last = [rows[-1][position] for position in positions]
            page = query.where(_after(store, keys, last))
            yield _converted(rows, len(wanted), converts)
        if len(rows) < size:
            return


def unsorted_key(store: Store, table: Table) -> list[Column[Any]]:
    """Return a key in whose order an index on another column keeps the rows that it finds.

    Read by it, the rows of one scope need not be sorted anew for each batch. On SQLite that is the
    row's number; InnoDB's indexes end in the primary key.
    """
    if store.dialect == "sqlite":
        number: Any = literal_column("_rowid_")
        return [number]
    return list(table.primary_key.columns)


def _asked(column: Column[Any], store: Store) -> ColumnElement[Any]:
    """Return what is selected of a column: its value without SQLAlchemy's conversion."""
    if store.dialect == "postgresql" and kind_of(column, store) == "json":
        # As text: the driver decodes jsonb, but not what is found in a text column.
        return cast(column, Text)
    return type_coerce(column, _RAW)


def reader(column: Column[Any], store: Store) -> Callable[[Any], Any] | None:
    """Return what makes a model's value of a driver's; None where they are the same."""
    kind = kind_of(column, store)
    if kind == "time":
        return {"sqlite": _time_of_text, "mysql": _time_of_mysql}.get(store.dialect)
    if kind == "json":
        return _json
    if kind == "bytes" or (kind in {"float", "decimal"} and store.dialect == "postgresql"):
        return None  # psycopg does it, and SQLAlchemy would ask for the server's type
    dialect = store.engine.dialect
    return column.type.dialect_impl(dialect).result_processor(dialect, None)


def _converted(
    rows: Sequence[Any], width: int, converts: list[tuple[int, Callable[[Any], Any]]]
) -> list[Row]:
    columns: list[Any] = list(zip(*rows, strict=True))[:width]
    for position, convert in converts:
        columns[position] = [convert(value) for value in columns[position]]
    return list(zip(*columns, strict=True))


def _time_of_text(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        return datetime.fromisoformat(value + "+00:00")
    except ValueError:
        # It says its zone itself.
        return as_utc(datetime.fromisoformat(value))


def _time_of_mysql(value: Any) -> datetime | None:
    # The driver gives the zero date, which is no date, as text.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str | bytes) else value


def _after(store: Store, key: list[Column[Any]], last: list[Any]) -> ColumnElement[bool]:
    """Return the condition for rows after a key, in the form whose index the database uses."""
    values = [literal(value, _RAW) for value in last]
    if len(key) == 1:
        return key[0] > values[0]
    if store.dialect != "mysql":
        return tuple_(*key) > tuple_(*values)
    return or_(
        *(
            and_(*(c == v for c, v in zip(key[:n], values[:n], strict=True)), key[n] > values[n])
            for n in range(len(key))
        )
    )
