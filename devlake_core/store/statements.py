"""The SQL of one table's bulk writes, for each database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, Table

    from .engine import Store

ORIGIN = ("raw_data_params", "raw_data_table", "raw_data_id", "raw_data_remark")
TIMES = ("created_at", "updated_at")


class Statements:
    """Hold the insert and upsert statements of one table.

    An upsert always takes the new origin; ``updated_at`` moves only when a real column changed,
    and ``created_at`` never does.
    """

    def __init__(
        self, store: Store, table: Table, columns: Sequence[Column[Any]], *, newer_wins: bool
    ) -> None:
        quote = store.engine.dialect.identifier_preparer.quote
        self._dialect = store.dialect
        self.table = quote(table.name)
        self.quote: Callable[[str], str] = quote
        self._columns = columns
        self._newer_wins = newer_wins and table.c.get("raw_data_id") is not None
        self.names = [quote(column.name) for column in columns]
        self.keys = [quote(column.name) for column in columns if column.primary_key]
        self._names = {column.key: quote(column.name) for column in columns}
        mark = "?" if store.dialect == "sqlite" else "%s"
        self.head = f"INSERT INTO {self.table} ({', '.join(self.names)})"
        marks = ", ".join([mark] * len(columns))
        self.insert = f"{self.head} VALUES ({marks})"
        self.tail = self._mysql_tail() if store.dialect == "mysql" else self._conflict_tail()
        self.upsert = f"{self.insert} {self.tail}"

    @property
    def _real(self) -> list[str]:
        """Return the columns that say something of the record, but for the key."""
        return [
            self._names[column.key]
            for column in self._columns
            if not column.primary_key and column.key not in {*ORIGIN, *TIMES}
        ]

    @property
    def _origin(self) -> list[str]:
        return [self._names[key] for key in ORIGIN if key in self._names]

    def _conflict_tail(self) -> str:
        """Return the rest of an upsert on SQLite and PostgreSQL."""
        keys = ", ".join(self.keys)
        table = self.table
        sets = [f"{name} = excluded.{name}" for name in (*self._real, *self._origin)]
        updated = self._names.get("updated_at")
        if updated and self._real:
            differs = "IS NOT" if self._dialect == "sqlite" else "IS DISTINCT FROM"
            changed = " OR ".join(f"{table}.{n} {differs} excluded.{n}" for n in self._real)
            sets.append(
                f"{updated} = CASE WHEN {changed} THEN excluded.{updated} "
                f"ELSE {table}.{updated} END"
            )
        if not keys:
            return ""
        if not sets:
            return f"ON CONFLICT ({keys}) DO NOTHING"
        tail = f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(sets)}"
        if self._newer_wins:
            raw_id, raw_table = self._names["raw_data_id"], self._names["raw_data_table"]
            tail += (
                f" WHERE {table}.{raw_table} <> excluded.{raw_table} "
                f"OR {table}.{raw_table} IS NULL OR {table}.{raw_id} IS NULL "
                f"OR {table}.{raw_id} <= excluded.{raw_id}"
            )
        return tail

    def _mysql_tail(self) -> str:
        """Return the rest of an upsert on MySQL, whose assignments see the ones before them.

        So ``updated_at`` comes first and the origin, which decides who wins, comes last.
        """
        real = self._real
        updated = self._names.get("updated_at")
        newer = ""
        if self._newer_wins:
            raw_id, raw_table = self._names["raw_data_id"], self._names["raw_data_table"]
            newer = (
                f"{raw_table} <> VALUES({raw_table}) OR {raw_table} IS NULL "
                f"OR {raw_id} IS NULL OR {raw_id} <= VALUES({raw_id})"
            )

        def value(name: str) -> str:
            return f"IF({newer}, VALUES({name}), {name})" if newer else f"VALUES({name})"

        sets = []
        if updated and real:
            changed = " OR ".join(f"NOT ({name} <=> VALUES({name}))" for name in real)
            condition = f"({newer}) AND ({changed})" if newer else changed
            sets.append(f"{updated} = IF({condition}, VALUES({updated}), {updated})")
        deciding = [self._names[k] for k in ("raw_data_table", "raw_data_id") if k in self._names]
        origin = [name for name in self._origin if name not in deciding]
        sets += [f"{name} = {value(name)}" for name in (*real, *origin)]
        if deciding and newer:
            # The table first: equal ones leave the decision to the id.
            raw_id, raw_table = self._names["raw_data_id"], self._names["raw_data_table"]
            sets.append(f"{raw_id} = {value(raw_id)}")
            sets.append(f"{raw_table} = VALUES({raw_table})")
        else:
            sets += [f"{name} = VALUES({name})" for name in deciding]
        if not sets:
            first = self.keys[0] if self.keys else self.names[0]
            sets = [f"{first} = {first}"]
        return f"ON DUPLICATE KEY UPDATE {', '.join(sets)}"
