"""PostgreSQL: a large batch arrives by binary COPY in a staging table of the session."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .values import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection

    from .engine import Store
    from .found import FoundTable
    from .statements import Statements

    Row = tuple[Any, ...]

ENOUGH = 500
"""From how many rows on COPY is quicker than a pipeline of single inserts."""

# Every integer is staged in eight bytes: binary COPY cuts it silently to a narrower column, while
# the INSERT … SELECT that follows says "out of range".
_STAGED = {
    "time": "timestamptz",
    "bytes": "bytea",
    "bool": "bool",
    "int": "int8",
    "float": "float8",
}
_TEXTS = {"text", "character varying", "character"}
_SAME = {
    "timestamptz": {"timestamp with time zone"},
    "bytea": {"bytea"},
    "bool": {"boolean"},
    "int8": {"bigint"},
    "float8": {"double precision"},
    "text": _TEXTS,
}


class Staging:
    """Write batches of one table through COPY."""

    def __init__(
        self,
        store: Store,
        statements: Statements,
        columns: Sequence[Column[Any]],
        found: FoundTable,
    ) -> None:
        names = statements.names
        self._types = [_STAGED.get(kind_of(column, store), "text") for column in columns]
        shape = ", ".join(f"{n} {t}" for n, t in zip(names, self._types, strict=True))
        digest = hashlib.sha256(f"{statements.table} {shape}".encode()).hexdigest()[:16]
        stage = statements.quote(f"devlake_stage_{digest}")
        self._stage = stage
        self._create = (
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ({shape}) ON COMMIT DELETE ROWS"
        )
        self._empty = f"TRUNCATE {stage}"
        values = ", ".join(
            _cast(name, staged, found.columns[column.name].kind)
            for name, staged, column in zip(names, self._types, columns, strict=True)
        )
        self._copy = f"COPY {stage} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
        # Where nothing is to be cast or checked for its size, appended rows need no stage.
        self._straight = all(
            found.columns[column.name].kind in _SAME[staged]
            for staged, column in zip(self._types, columns, strict=True)
        )
        self._copy_straight = self._copy.replace(stage, statements.table, 1)
        self._append = f"{statements.head} SELECT {values} FROM {stage}"
        self._upsert = f"{self._append} {statements.tail}"

    def worth_it(self, rows: Sequence[Row]) -> bool:
        """Return whether a batch is large enough for COPY."""
        return len(rows) > ENOUGH

    def append(self, connection: Connection, rows: list[Row]) -> None:
        """Insert rows."""
        if self._straight:
            self._stream(connection, rows, self._copy_straight)
        else:
            self._through(connection, rows, self._append)

    def upsert(self, connection: Connection, rows: list[Row]) -> None:
        """Insert or update rows by key."""
        self._through(connection, rows, self._upsert)

    def _through(self, connection: Connection, rows: list[Row], statement: str) -> None:
        # Made each time: a rollback takes the table with it.
        connection.exec_driver_sql(self._create)
        # Rows stay until the commit, so the second batch of a transaction empties the table.
        used = connection.info.setdefault("devlake_staged", {})
        transaction = connection.get_transaction()
        if used.get(self._stage) is transaction:
            connection.exec_driver_sql(self._empty)
        used[self._stage] = transaction
        self._stream(connection, rows, self._copy)
        connection.exec_driver_sql(statement)

    def _stream(self, connection: Connection, rows: list[Row], statement: str) -> None:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(self._types)
            for row in rows:
                copy.write_row(row)


def _cast(name: str, staged: str, found: str) -> str:
    """Return a staged column as the table needs it; a length is not cast to, it would cut."""
    return name if staged != "text" or found in _TEXTS else f"{name}::{found}"
