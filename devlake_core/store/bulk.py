"""Bulk writes: one statement per batch, good rows kept when a bad one is among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .clean import Cleaner
from .faults import row_fault
from .found import found_table
from .statements import Statements
from .values import Shaper, UnfitError
from .write_postgresql import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Column, Connection, Table

    from .engine import Store

    Row = tuple[Any, ...]
    Numbered = list[tuple[int, Row]]
    Write = Callable[[Connection, list[Row]], None]


@dataclass
class Written:
    """Say what became of a batch.

    Attributes:
        written: how many rows were sent to the table, duplicates of a key counted once.
        truncated: how many values were cut to their column's length, by column.
        rejected: the position of each row that cannot be stored, and why (without its values).
    """

    written: int = 0
    truncated: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)


class Writer:
    """Write rows of one table; everything that can be prepared is prepared once.

    Errors that are not about a row's values leave as the driver raised them: the store's
    ``transaction()`` translates them.

    Args:
        store: the database.
        table: the table; columns are named by ``column.name`` in SQL.
        stamp: the run's time, for ``created_at`` and ``updated_at``.
        newer_wins: a row of the same raw table stays if its raw id is greater.
        columns: the keys of the columns that are written; all where left out.

    Raises:
        SchemaError: the database lacks the table or one of the columns.
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
        found = found_table(store, table, self.columns)
        self._shaper = Shaper(self.columns, store, stamp, found)
        self._cleaner = Cleaner(self.columns, store, found)
        names = {column.name: i for i, column in enumerate(self.columns)}
        self._key = [names[name] for name in found.key_of(self.columns)]
        self._age = (
            (names["_raw_data_table"], names["_raw_data_id"])
            if newer_wins and {"_raw_data_table", "_raw_data_id"} <= names.keys()
            else None
        )
        statements = Statements(store, table, self.columns, found, newer_wins=self._age is not None)
        self._statements = statements
        self._trims = store.dialect == "sqlite"
        self._staging = (
            Staging(store, statements, self.columns, found)
            if store.dialect == "postgresql" and found.temporary
            else None
        )

    def append(self, connection: Connection, rows: Sequence[Row]) -> Written:
        """Insert rows in the caller's transaction; the database numbers them."""

        def write(connection: Connection, part: list[Row]) -> None:
            if self._staging is not None and self._staging.worth_it(part):
                self._staging.append(connection, part)
            else:
                connection.exec_driver_sql(self._statements.insert, part)

        return self._write(connection, *self._shaper.shape(rows), write)

    def upsert(self, connection: Connection, rows: Sequence[Row]) -> Written:
        """Insert or update rows by key in the caller's transaction; the last of a key wins."""
        shaped, bad = self._shaper.shape(rows)

        def write(connection: Connection, part: list[Row]) -> None:
            if self._staging is not None and self._staging.worth_it(part):
                self._staging.upsert(connection, part)
            else:
                connection.exec_driver_sql(*self._bound(part))

        return self._write(connection, self._sorted(shaped, bad), bad, write)

    def _bound(self, rows: list[Row]) -> tuple[str, list[Row]]:
        """Return the upsert and the values that it binds.

        Domain tables are wide and mostly empty, and SQLite's driver is paid by the value. (The
        drivers of MySQL want a mark for each column, else they send row by row.)
        """
        if not self._trims:
            return self._statements.upsert, rows
        columns = list(zip(*rows, strict=True))
        empty = {i for i, values in enumerate(columns) if values.count(None) == len(rows)}
        kept = (values for i, values in enumerate(columns) if i not in empty)
        return self._statements.upsert_of(empty), list(zip(*kept, strict=True))

    def _sorted(self, rows: Numbered, bad: list[tuple[int, str]]) -> Numbered:
        """Return one row for each key, in the order of the keys.

        Two writers that take rows in one order do not deadlock, and PostgreSQL refuses a
        statement that has a key twice.
        """
        key, age = self._key, self._age
        latest: dict[tuple[Any, ...], tuple[int, Row]] = {}
        for item in rows:
            row = item[1]
            name = tuple([row[i] for i in key])
            if None in name:
                bad.append((item[0], "a value of the key is missing"))
            elif age is None or not _is_older(row, latest.get(name), age):
                latest[name] = item
        return [latest[name] for name in sorted(latest)]

    def _write(
        self, connection: Connection, rows: Numbered, bad: list[tuple[int, str]], write: Write
    ) -> Written:
        result = Written(rejected=bad)
        if rows and self._tried(connection, rows, write) is not None:
            cleaned: Numbered = []
            refused: list[tuple[int, str]] = []
            for number, row in rows:
                try:
                    cleaned.append((number, self._cleaner.clean(row, result.truncated)))
                except UnfitError as error:
                    refused.append((number, str(error)))
            self._bisect(connection, cleaned, write, refused)
            bad.extend(refused)
            result.written = len(rows) - len(refused)
        else:
            result.written = len(rows)
        bad.sort()
        return result

    def _bisect(
        self, connection: Connection, rows: Numbered, write: Write, bad: list[tuple[int, str]]
    ) -> None:
        """Write what can be written, by halves, until only the bad rows are left."""
        reason = self._tried(connection, rows, write) if rows else None
        if reason is None:
            return
        if len(rows) == 1:
            bad.append((rows[0][0], reason))
            return
        middle = len(rows) // 2
        self._bisect(connection, rows[:middle], write, bad)
        self._bisect(connection, rows[middle:], write, bad)

    def _tried(self, connection: Connection, rows: Numbered, write: Write) -> str | None:
        """Write rows under a savepoint; return why a value in them was refused, if one was."""
        savepoint = connection.begin_nested()
        try:
            write(connection, [row for _, row in rows])
        except Exception as error:
            reason = row_fault(error)
            if reason is None:
                raise
            savepoint.rollback()
            return reason
        savepoint.commit()
        return None


def _is_older(row: Row, other: tuple[int, Row] | None, age: tuple[int, int]) -> bool:
    """Return whether a row's raw row is older than that of the other row of its key."""
    if other is None:
        return False
    table, number = age
    mine, theirs = row[number], other[1][number]
    if row[table] != other[1][table] or mine is None or theirs is None:
        return False
    return bool(mine < theirs)
