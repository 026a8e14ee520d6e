"""Look at a table as it is in the database, before rows are written to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devlake_core.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Table

    from .engine import Store

_SQLITE = "SELECT name, lower(type), NULL, NULL, '', '', pk > 0 FROM pragma_table_info(?)"
_POSTGRESQL = """
SELECT attname, atttypid::regtype::text,
       CASE WHEN atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND atttypmod > 4
            THEN atttypmod - 4 END, NULL, '', '',
       EXISTS (SELECT FROM pg_index
               WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey))
FROM pg_attribute
WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped
"""
_MYSQL = """
SELECT column_name, lower(data_type),
       CASE WHEN data_type IN ('varchar', 'char') THEN character_maximum_length END,
       CASE WHEN data_type NOT IN ('varchar', 'char') THEN character_octet_length END,
       coalesce(character_set_name, ''), coalesce(collation_name, ''), column_key = 'PRI'
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
"""


@dataclass(frozen=True)
class FoundColumn:
    """Say what a column is in the database.

    Attributes:
        kind: the name of its type, without a length.
        characters: how many characters a text may have; None for any number.
        octets: how many bytes a value may have; None for any number.
        charset: the character set, on MySQL.
        collation: the collation, on MySQL.
        key: whether it is part of the primary key.
    """

    kind: str
    characters: int | None = None
    octets: int | None = None
    charset: str = ""
    collation: str = ""
    key: bool = False


@dataclass(frozen=True)
class FoundTable:
    """Say what a table is in the database.

    Attributes:
        columns: its columns by name.
        packet: how many bytes a statement may have; None for any number.
        temporary: whether this user may make temporary tables.
    """

    columns: dict[str, FoundColumn]
    packet: int | None = None
    temporary: bool = True

    def key_of(self, columns: Sequence[Column[Any]]) -> list[str]:
        """Return what identifies a row: the expected key, or less if that is the table's key.

        DevLake has tables whose key a migration made without the connection's id.
        """
        expected = [column.name for column in columns if column.primary_key]
        there = [name for name in expected if self.columns[name].key]
        whole = len(there) == sum(column.key for column in self.columns.values())
        return there if there and whole else expected


def found_table(store: Store, table: Table, columns: Sequence[Column[Any]]) -> FoundTable:
    """Return what a table is in the database.

    Args:
        store: the database.
        table: the table as it is expected.
        columns: those of its columns that will be written.

    Raises:
        SchemaError: the table or one of the columns is missing.
    """
    query = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL, "mysql": _MYSQL}[store.dialect]
    with store.reading() as connection:
        rows = connection.exec_driver_sql(query, (table.name,)).all()
        packet, temporary = _rights(store, connection)
    found = {
        row[0]: FoundColumn(
            row[1], row[2] and int(row[2]), row[3] and int(row[3]), row[4], row[5], bool(row[6])
        )
        for row in rows
    }
    missing = [column.name for column in columns if column.name not in found]
    if missing:
        what = f"lacks the column {', '.join(missing)}" if found else "is missing"
        message = f"{store.where}: the table {table.name} {what}"
        # Where nothing is pending the plugin's author forgot a script, which SQLite never tells.
        hint = (
            "run `devlake migrate`; if that has nothing to do, the plugin lacks a migration for it"
        )
        raise SchemaError(message, hint=hint)
    return FoundTable(found, packet, temporary)


def _rights(store: Store, connection: Connection) -> tuple[int | None, bool]:
    if store.dialect == "mysql":
        return connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one(), True
    if store.dialect == "postgresql":
        query = "SELECT has_database_privilege(current_database(), 'TEMP')"
        return None, connection.exec_driver_sql(query).scalar_one()
    return None, True
