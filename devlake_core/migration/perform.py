"""Perform operations on a database of ours, each of them only where it is not done already."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, exc, inspect

from devlake_core.errors import SchemaError
from devlake_core.model import table_of
from devlake_core.redaction import redact

from .operations import (
    AddColumn,
    CreateTable,
    Dialect,
    DropColumn,
    DropTable,
    Execute,
    RenameColumn,
    RenameTable,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from .operations import Operation

_LOG = logging.getLogger(__name__)

_DIALECTS = {
    Dialect.MYSQL: {"mysql", "mariadb"},
    Dialect.POSTGRESQL: {"postgresql"},
    Dialect.SQLITE: {"sqlite"},
}
# A type that a database knows is passed on as it is, because the server does that too. Those that
# it does not know get the nearest.
_TYPES = {
    "mysql": {
        # Without "null" an older server keeps it at the time of the row's last change.
        "timestamp": "timestamp null",
        "timestamptz": "datetime(3)",
        "jsonb": "json",
        "bytea": "longblob",
    },
    "postgresql": {
        "datetime": "timestamp with time zone",
        "timestamptz": "timestamp with time zone",
        "longtext": "text",
        "double": "double precision",
        "longblob": "bytea",
        "blob": "bytea",
    },
    # SQLite takes any word for a type and guesses from its letters what is kept in the column.
    "sqlite": {
        "longtext": "text",
        "json": "text",
        "jsonb": "text",
        "timestamp": "datetime",
        "timestamptz": "datetime",
        "bigint": "integer",
        "int": "integer",
        "longblob": "blob",
        "bytea": "blob",
    },
}


def perform(connection: Connection, operation: Operation) -> None:
    """Perform an operation.

    Raises:
        SchemaError: the table or column that it is about is not there.
        sqlalchemy.exc.DBAPIError: the database refused it.
    """
    _PERFORM[type(operation)](connection, operation)


def quoted(connection: Connection, name: str) -> str:
    """Return a name as this database wants it in a statement."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


def run(connection: Connection, sql: str) -> None:
    """Execute a statement as it is; its percent signs are no parameters."""
    connection.execution_options(no_parameters=True).exec_driver_sql(sql)


def columns_of(connection: Connection, table: str) -> set[str] | None:
    """Return the names of a table's columns; None if there is no such table."""
    inspector = inspect(connection)
    if not inspector.has_table(table):
        return None
    return {column["name"] for column in inspector.get_columns(table)}


def create(connection: Connection, table: Table) -> None:
    """Create a table with its indexes, or those of them that a half-done creation left out."""
    inspector = inspect(connection)
    if not inspector.has_table(table.name):
        table.create(connection)
        return
    if connection.dialect.name not in {"mysql", "mariadb"}:
        # Elsewhere a table and its indexes come in one transaction.
        return
    found = {index["name"] for index in inspector.get_indexes(table.name)}
    there = {column["name"] for column in inspector.get_columns(table.name)}
    for index in table.indexes:
        if index.name not in found and {column.name for column in index.columns} <= there:
            index.create(connection)


def _existing_columns(connection: Connection, table: str, operation: Operation) -> set[str]:
    columns = columns_of(connection, table)
    if columns is None:
        message = f"it cannot {operation}: there is no such table"
        raise SchemaError(message)
    return columns


def _execute(connection: Connection, operation: Execute) -> None:
    if operation.dialect and connection.dialect.name not in _DIALECTS[operation.dialect]:
        return
    sqlite = connection.dialect.name == "sqlite"
    forgiving = operation.ignore_error or (sqlite and operation.dialect is None)
    if not forgiving:
        run(connection, operation.sql)
        return
    # MySQL ends a transaction, and its savepoints, at each change of a table.
    point = None if connection.dialect.name in {"mysql", "mariadb"} else connection.begin_nested()
    try:
        run(connection, operation.sql)
    except (exc.DBAPIError, exc.InvalidRequestError) as error:
        if getattr(error, "connection_invalidated", False):
            raise
        if point is not None:
            point.rollback()
        why = redact(str(getattr(error, "orig", error)))
        level = logging.INFO if operation.ignore_error else logging.DEBUG
        _LOG.log(level, "left out: %s: %s", operation, why)
    else:
        if point is not None:
            point.commit()


def _add_column(connection: Connection, operation: AddColumn) -> None:
    if operation.column in _existing_columns(connection, operation.table, operation):
        return
    kind = operation.column_type.strip().lower()
    bare = re.sub(r"\(.*", "", kind)
    dialect = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
    kind = _TYPES[dialect].get(bare, kind)
    table, column = quoted(connection, operation.table), quoted(connection, operation.column)
    run(connection, f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def _drop_column(connection: Connection, operation: DropColumn) -> None:
    columns = columns_of(connection, operation.table)
    if columns is None or operation.column not in columns:
        return
    if connection.dialect.name == "sqlite" and not _free_on_sqlite(connection, operation):
        # SQLite cannot drop it. The table is brought to its final model after all scripts.
        return
    table, column = quoted(connection, operation.table), quoted(connection, operation.column)
    run(connection, f"ALTER TABLE {table} DROP COLUMN {column}")


def _free_on_sqlite(connection: Connection, operation: DropColumn) -> bool:
    """Drop the indexes that hold a column; return whether nothing else does."""
    inspector = inspect(connection)
    table, column = operation.table, operation.column
    if column in inspector.get_pk_constraint(table)["constrained_columns"]:
        return False
    if any(column in unique["column_names"] for unique in inspector.get_unique_constraints(table)):
        return False
    for index in inspector.get_indexes(table):
        if column in index["column_names"]:
            run(connection, f"DROP INDEX {quoted(connection, str(index['name']))}")
    return True


def _pass_over(operation: Operation, *, done: bool) -> None:
    """Leave out to rename what is not there, as DevLake's server does.

    Plugins rely on it: a database that was begun later may never have had the old name.
    """
    if not done:
        _LOG.warning("left out: %s: it is not there", operation)


def _rename_column(connection: Connection, operation: RenameColumn) -> None:
    columns = _existing_columns(connection, operation.table, operation)
    if operation.old_name not in columns:
        _pass_over(operation, done=operation.new_name in columns)
        return
    if operation.new_name in columns:
        message = f"it cannot {operation}: there is a column {operation.new_name}"
        raise SchemaError(message)
    table = quoted(connection, operation.table)
    old, new = quoted(connection, operation.old_name), quoted(connection, operation.new_name)
    run(connection, f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _drop_table(connection: Connection, operation: DropTable) -> None:
    if inspect(connection).has_table(operation.table):
        run(connection, f"DROP TABLE {quoted(connection, operation.table)}")


def _rename_table(connection: Connection, operation: RenameTable) -> None:
    inspector = inspect(connection)
    old, new = inspector.has_table(operation.old_name), inspector.has_table(operation.new_name)
    if not old:
        _pass_over(operation, done=new)
        return
    if new:
        message = f"it cannot {operation}: both tables are there"
        raise SchemaError(message)
    names = quoted(connection, operation.old_name), quoted(connection, operation.new_name)
    run(connection, f"ALTER TABLE {names[0]} RENAME TO {names[1]}")


def _create_table(connection: Connection, operation: CreateTable) -> None:
    create(connection, table_of(operation.model, MetaData()))


_PERFORM: dict[type, Any] = {
    Execute: _execute,
    AddColumn: _add_column,
    DropColumn: _drop_column,
    RenameColumn: _rename_column,
    DropTable: _drop_table,
    RenameTable: _rename_table,
    CreateTable: _create_table,
}
