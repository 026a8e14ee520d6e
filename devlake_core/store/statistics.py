"""What a database's planner knows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Table

    from .engine import Store

MANY = 5000
GROWTH = 10


class Statistics:
    """Let PostgreSQL look at a table while many rows come into it.

    Until its own daemon does so, minutes later, it takes a scope's or a connection's rows for few,
    and goes through all of them for each batch that is read or looked up. SQLite and MySQL choose
    the right index without.
    """

    def __init__(self, store: Store, table: Table | None) -> None:
        self._store = store
        self._table = table
        self._next = MANY

    def wrote(self, rows: int) -> None:
        """Take notice of how many rows this run has written; look each time there are far more."""
        if rows >= self._next:
            self._next = rows * GROWTH
            self._gather()

    def end(self, rows: int) -> None:
        """Look once more, for who reads the table next."""
        if rows >= MANY:
            self._gather()

    def _gather(self) -> None:
        if self._table is None or self._store.dialect != "postgresql":
            return
        name = self._store.engine.dialect.identifier_preparer.quote(self._table.name)
        with self._store.transaction() as connection:
            connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {name}")
