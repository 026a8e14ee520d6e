"""PostgreSQL: rows arrive by binary COPY, in the table itself or in a staging table."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Date, DateTime, Float, Integer, LargeBinary, Numeric

from devlake_core.model.types import JSONText, RawBytes, UTCDateTime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection

    from .statements import Statements

Row = tuple[Any, ...]
ENOUGH = 100
"""From how many rows on COPY is quicker than single inserts."""

# A staged number is always wide: binary COPY would cut it silently to a narrower column.
_STAGED: list[tuple[tuple[type, ...], str]] = [
    ((UTCDateTime, DateTime), "timestamptz"),
    ((RawBytes, LargeBinary), "bytea"),
    ((JSONText,), "text"),
    ((Boolean,), "bool"),
    ((Integer,), "int8"),
    ((Float,), "float8"),
    ((Numeric,), "numeric"),
    ((Date,), "date"),
]


def _staged_type(column: Column[Any]) -> str:
    for kinds, name in _STAGED:
        if isinstance(column.type, kinds):
            return name
    return "text"


class Staging:
    """Write batches through COPY."""

    def __init__(
        self, statements: Statements, columns: Sequence[Column[Any]], found: dict[str, Any]
    ) -> None:
        self._types = [_staged_type(column) for column in columns]
        names, head = statements.names, statements.head
        shape = ", ".join(f"{n} {t}" for n, t in zip(names, self._types, strict=True))
        digest = hashlib.sha256(f"{statements.table}{shape}".encode()).hexdigest()[:16]
        stage = statements.quote(f"devlake_stage_{digest}")
        self._create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ({shape}) ON COMMIT DELETE ROWS"
        self._empty = f"DELETE FROM {stage}"
        listed = ", ".join(names)
        casts = ", ".join(
            n + _cast(column, found.get(column.name))
            for n, column in zip(names, columns, strict=True)
        )
        self._copy = f"COPY {stage} ({listed}) FROM STDIN (FORMAT BINARY)"
        self._append = f"{head} SELECT {casts} FROM {stage}"
        self._upsert = f"{self._append} {statements.tail}"

    def worth_it(self, rows: Sequence[Row]) -> bool:
        """Return whether a batch is large enough for COPY."""
        return len(rows) >= ENOUGH

    def append(self, connection: Connection, rows: list[Row]) -> None:
        """Insert rows."""
        self._through(connection, rows, self._append)

    def upsert(self, connection: Connection, rows: list[Row]) -> None:
        """Insert or update rows by key."""
        self._through(connection, rows, self._upsert)

    def _through(self, connection: Connection, rows: list[Row], statement: str) -> None:
        connection.exec_driver_sql(self._create)
        with self._cursor(connection) as cursor:
            with cursor.copy(self._copy) as copy:
                copy.set_types(self._types)
                for row in rows:
                    copy.write_row(row)
            cursor.execute(statement)
            cursor.execute(self._empty)

    def _cursor(self, connection: Connection) -> Any:
        driver: Any = connection.connection.dbapi_connection
        return driver.cursor()


def _cast(column: Column[Any], found: Any) -> str:
    if isinstance(column.type, JSONText) and found is not None:
        name = type(found).__name__.lower()
        return f"::{name}" if name in {"json", "jsonb"} else ""
    return ""
