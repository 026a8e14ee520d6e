"""The SQL of one table's bulk writes, for each database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from sqlalchemy import Column, Table

    from .engine import Store
    from .found import FoundTable

TIMES = ("created_at", "updated_at")
# In the order of assignment: what decides whose row is newer is overwritten last.
ORIGIN = ("_raw_data_params", "_raw_data_remark", "_raw_data_id", "_raw_data_table")


class Statements:
    """Hold the insert and upsert statements of one table.

    An upsert always takes the new origin; ``updated_at`` moves only when a real column changed,
    and ``created_at`` never does.
    """

    def __init__(
        self,
        store: Store,
        table: Table,
        columns: Sequence[Column[Any]],
        found: FoundTable,
        *,
        newer_wins: bool,
    ) -> None:
        quote = store.engine.dialect.identifier_preparer.quote
        self._dialect = store.dialect
        self._found = found.columns
        self._newer_wins = newer_wins
        self.quote: Callable[[str], str] = quote
        self.table = quote(table.name)
        names = [column.name for column in columns]
        keys = [column.name for column in columns if column.primary_key]
        self.keys = [quote(name) for name in found.key_of(columns)]
        self.names = [quote(name) for name in names]
        self._updated = "updated_at" if "updated_at" in names else None
        self._real = [name for name in names if name not in {*keys, *TIMES, *ORIGIN}]
        self._origin = [name for name in ORIGIN if name in names]
        self.head = f"INSERT INTO {self.table} ({', '.join(self.names)})"
        self._mark = "?" if store.dialect == "sqlite" else "%s"
        self.insert = self._values(())
        self.tail = self._on_duplicate_key() if store.dialect == "mysql" else self._on_conflict()
        self.upsert = f"{self.insert} {self.tail}"

    def upsert_of(self, empty: Container[int]) -> str:
        """Return the upsert that binds no value where every row has NULL, given by position."""
        return f"{self._values(empty)} {self.tail}"

    def _values(self, empty: Container[int]) -> str:
        positions = range(len(self.names))
        marks = ", ".join("NULL" if i in empty else self._mark for i in positions)
        return f"{self.head} VALUES ({marks})"

    def _on_conflict(self) -> str:
        """Return the rest of an upsert on SQLite and PostgreSQL."""
        if not self.keys:
            return ""
        target = f"ON CONFLICT ({', '.join(self.keys)})"
        sets = [
            f"{self.quote(name)} = excluded.{self.quote(name)}"
            for name in (*self._real, *self._origin)
        ]
        if self._updated and self._real:
            updated = self.quote(self._updated)
            changed = " OR ".join(self._differs(name) for name in self._real)
            sets.append(
                f"{updated} = CASE WHEN {changed} THEN excluded.{updated} "
                f"ELSE {self.table}.{updated} END"
            )
        if not sets:
            return f"{target} DO NOTHING"
        newer = f" WHERE {self._newer('excluded.{}')}" if self._newer_wins else ""
        return f"{target} DO UPDATE SET {', '.join(sets)}{newer}"

    def _differs(self, name: str) -> str:
        """Return the condition that a column's value changes, with NULL as a value."""
        column = self.quote(name)
        if self._dialect == "mysql":
            old, new = column, f"VALUES({column})"
            if self._found[name].collation.endswith("_ci"):
                # Where A equals a, a changed case would go unseen.
                old, new = f"CAST({old} AS BINARY)", f"CAST({new} AS BINARY)"
            return f"NOT ({old} <=> {new})"
        if self._dialect == "sqlite":
            return f"{self.table}.{column} IS NOT excluded.{column}"
        # PostgreSQL cannot compare two json values, only their texts.
        cast = "::text" if self._found[name].kind == "json" else ""
        return f"{self.table}.{column}{cast} IS DISTINCT FROM excluded.{column}{cast}"

    def _newer(self, incoming: str) -> str:
        """Return the condition that the incoming row may replace the one that is there."""
        table, number = self.quote("_raw_data_table"), self.quote("_raw_data_id")
        old_table, old_number = f"{self.table}.{table}", f"{self.table}.{number}"
        return (
            f"{old_table} IS NULL OR {old_number} IS NULL "
            f"OR {old_table} <> {incoming.format(table)} "
            f"OR {old_number} <= {incoming.format(number)}"
        )

    def _on_duplicate_key(self) -> str:
        """Return the rest of an upsert on MySQL, whose assignments see the ones before them.

        So ``updated_at`` comes first, and what decides who is newer comes last.
        """
        newer = self._newer("VALUES({})") if self._newer_wins else ""

        def taken(name: str, condition: str) -> str:
            column = self.quote(name)
            value = f"VALUES({column})"
            return f"{column} = " + (f"IF({condition}, {value}, {column})" if condition else value)

        sets = []
        if self._updated and self._real:
            changed = " OR ".join(self._differs(name) for name in self._real)
            sets.append(taken(self._updated, f"({newer}) AND ({changed})" if newer else changed))
        # A row that lost keeps its id, and the condition fails for the table's name once more.
        sets += [taken(name, newer) for name in (*self._real, *self._origin)]
        if not sets:
            first = (self.keys or self.names)[0]
            sets = [f"{first} = {first}"]
        return f"ON DUPLICATE KEY UPDATE {', '.join(sets)}"
