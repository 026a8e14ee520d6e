"""Bulk writes: one statement per batch, good rows kept when a bad one is among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from .faults import row_fault
from .statements import Statements
from .values import Cleaner, Shaper
from .write_postgresql import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Column, Connection, Table

    from .engine import Store

Row = tuple[Any, ...]
Write = "Callable[[Connection, list[Row]], None]"

_MYSQL_BYTES = {"TINYTEXT": 255, "TEXT": 65_535}


@dataclass
class Written:
    """Say what became of a batch.

    Attributes:
        written: how many rows were sent to the table, duplicates of a key counted once.
        truncated: how many values were cut to their column's length, by column.
        rejected: the position of each row that the database refused, and why.
    """

    written: int = 0
    truncated: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)


class Writer:
    """Write rows of one table; everything that can be prepared is prepared once.

    Args:
        store: the database.
        table: the table; columns are named by ``column.name`` in SQL.
        stamp: the run's time, for ``created_at`` and ``updated_at``.
        newer_wins: a row of the same raw table stays if its raw id is greater.
        columns: the keys of the columns that are written; all where left out.
    """

    def __init__(
        self,
        store: Store,
        table: Table,
        *,
        stamp: datetime,
        newer_wins: bool = False,
        columns: Sequence[str] | None = None,
    ) -> None:
        self.columns: tuple[Column[Any], ...] = tuple(
            table.columns if columns is None else (table.c[name] for name in columns)
        )
        self._store = store
        self._shaper = Shaper(self.columns, store, stamp)
        found = _found_columns(store, table)
        lengths = {name: size for name, kind in found.items() if (size := _length(kind, store))}
        self._cleaner = Cleaner(self.columns, lengths, store)
        self._key = [i for i, column in enumerate(self.columns) if column.primary_key]
        statements = Statements(store, table, self.columns, newer_wins=newer_wins)
        self._insert = statements.insert
        self._upsert = statements.upsert
        self._staging = (
            Staging(statements, self.columns, found) if store.dialect == "postgresql" else None
        )

    def append(self, connection: Connection, rows: Sequence[Row]) -> Written:
        """Insert rows in the caller's transaction."""
        shaped = [(i, self._shaper.shape(row)) for i, row in enumerate(rows)]

        def write(connection: Connection, part: list[Row]) -> None:
            if self._staging is not None and self._staging.worth_it(part):
                self._staging.append(connection, part)
            else:
                connection.exec_driver_sql(self._insert, part)

        return self._write(connection, shaped, write)

    def upsert(self, connection: Connection, rows: Sequence[Row]) -> Written:
        """Insert or update rows by key in the caller's transaction; the last of a key wins."""
        shape = self._shaper.shape
        key = self._key
        latest = {tuple(row[i] for i in key): (n, row) for n, row in enumerate(rows)}
        shaped = [(number, shape(row)) for number, row in latest.values()]
        try:
            # Two writers that take rows in one order cannot deadlock.
            shaped.sort(key=lambda item: [item[1][i] for i in key])
        except TypeError:
            pass  # a None in a key: the database will say so

        def write(connection: Connection, part: list[Row]) -> None:
            if self._staging is not None and self._staging.worth_it(part):
                self._staging.upsert(connection, part)
            else:
                connection.exec_driver_sql(self._upsert, part)

        return self._write(connection, shaped, write)

    def _write(
        self, connection: Connection, rows: list[tuple[int, Row]], write: Callable[..., None]
    ) -> Written:
        result = Written()
        if rows and not self._tried(connection, [row for _, row in rows], write):
            cleaned = []
            for number, row in rows:
                try:
                    cleaned.append((number, self._cleaner.clean(row, result.truncated)))
                except ValueError as error:
                    result.rejected.append((number, str(error)))
            self._bisect(connection, cleaned, write, result)
        result.written = len(rows) - len(result.rejected)
        return result

    def _bisect(
        self,
        connection: Connection,
        rows: list[tuple[int, Row]],
        write: Callable[..., None],
        result: Written,
    ) -> None:
        """Write what can be written, by halves, until only the bad rows are left."""
        reason: list[str] = []
        if not rows or self._tried(connection, [row for _, row in rows], write, reason):
            return
        if len(rows) == 1:
            result.rejected.append((rows[0][0], reason[0]))
            return
        middle = len(rows) // 2
        self._bisect(connection, rows[:middle], write, result)
        self._bisect(connection, rows[middle:], write, result)

    def _tried(
        self,
        connection: Connection,
        rows: list[Row],
        write: Callable[..., None],
        reason: list[str] | None = None,
    ) -> bool:
        """Write rows under a savepoint; return False if a value in them was refused."""
        savepoint = connection.begin_nested()
        try:
            write(connection, rows)
        except Exception as error:
            words = row_fault(error)
            if words is None:
                raise
            savepoint.rollback()
            if reason is not None:
                reason.append(words)
            return False
        savepoint.commit()
        return True


def _found_columns(store: Store, table: Table) -> dict[str, Any]:
    """Return the types of the columns as they are in the database; nothing on SQLite."""
    if store.dialect == "sqlite":
        return {}  # it checks neither lengths nor types
    with store.reading() as connection:
        return {c["name"]: c["type"] for c in inspect(connection).get_columns(table.name)}


def _length(kind: Any, store: Store) -> int | None:
    """Return how long a text may be: in characters, or negative in bytes."""
    length = getattr(kind, "length", None)
    if isinstance(length, int):
        return length
    if store.dialect == "mysql":
        size = _MYSQL_BYTES.get(type(kind).__name__.upper())
        return None if size is None else -size
    return None
