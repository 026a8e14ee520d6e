"""What a database's own catalog says of its tables, in the words of domain-schema.json."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

MYSQL_COLUMNS = """
    SELECT table_name, column_name, column_type, is_nullable, column_default, extra
    FROM information_schema.columns WHERE table_schema = DATABASE()
"""
MYSQL_KEYS = """
    SELECT table_name, column_name
    FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND constraint_name = 'PRIMARY'
    ORDER BY table_name, ordinal_position
"""
MYSQL_INDEXES = """
    SELECT table_name, index_name, column_name, non_unique, sub_part
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY'
    ORDER BY table_name, index_name, seq_in_index
"""
POSTGRESQL_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default,
           character_maximum_length, numeric_scale
    FROM information_schema.columns WHERE table_schema = current_schema()
"""
POSTGRESQL_KEYS = """
    SELECT c.table_name, k.column_name
    FROM information_schema.table_constraints c
    JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
    WHERE c.table_schema = current_schema() AND c.constraint_type = 'PRIMARY KEY'
    ORDER BY c.table_name, k.ordinal_position
"""
# information_schema of PostgreSQL does not know indexes.
POSTGRESQL_INDEXES = """
    SELECT t.relname, i.relname, a.attname, NOT x.indisunique, NULL
    FROM pg_index x
    JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k(attnum, position)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE t.relnamespace = current_schema()::regnamespace AND NOT x.indisprimary
    ORDER BY t.relname, i.relname, k.position
"""


def read(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return columns, primary_key and indexes of each table."""
    mysql = connection.dialect.name in {"mysql", "mariadb"}
    tables: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"columns": {}, "primary_key": [], "indexes": defaultdict(list)}
    )
    columns = MYSQL_COLUMNS if mysql else POSTGRESQL_COLUMNS
    for table, column, *rest in connection.exec_driver_sql(columns):
        tables[table]["columns"][column] = _mysql(*rest) if mysql else _postgresql(*rest)
    for table, column in connection.exec_driver_sql(MYSQL_KEYS if mysql else POSTGRESQL_KEYS):
        tables[table]["primary_key"].append(column)
    indexes = MYSQL_INDEXES if mysql else POSTGRESQL_INDEXES
    for table, index, column, many, part in connection.exec_driver_sql(indexes):
        said = column + ("" if many else " unique") + (f"({part})" if part else "")
        tables[table]["indexes"][index].append(said)
    for table in tables.values():
        table["indexes"] = {name: ", ".join(parts) for name, parts in table["indexes"].items()}
    return dict(tables)


def _words(kind: str, nullable: str, default: Any, extra: str = "") -> str:
    text = kind if nullable == "YES" else f"{kind} not null"
    if default is not None and default != "NULL":
        text += f" default {default}"
    return f"{text} {extra}".strip()


def _mysql(kind: str, nullable: str, default: Any, extra: str) -> str:
    return _words(kind, nullable, default, extra)


def _postgresql(kind: str, nullable: str, default: Any, length: Any, scale: Any) -> str:
    if length is not None:
        kind = f"{kind}({length})"
    if kind == "numeric" and scale is not None:
        kind = f"{kind}(scale {scale})"
    return _words(kind, nullable, default)
