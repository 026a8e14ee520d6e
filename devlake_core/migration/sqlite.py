"""Bring a plugin's SQLite tables to their final models.

SQLite cannot change a key or a column's type. What migrations could not do there is done once, in
the end, by copying the table.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, MetaData, Table, func, insert, inspect, null, select

from .perform import quoted, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_LOG = logging.getLogger(__name__)


def bring_to_final(connection: Connection, tables: Iterable[Table]) -> list[str]:
    """Create, complete or copy the tables that differ from their models; return what was done.

    A column that the model no longer has is no difference: an older version of the plugin, which
    needs it, may come back.
    """
    done = []
    for table in tables:
        if not inspect(connection).has_table(table.name):
            table.create(connection)
            done.append(f"create table {table.name}")
            continue
        why = _difference(connection, table)
        if why:
            lost = _copy(connection, table)
            rest = f"; {lost} rows have no key there and were left out" if lost else ""
            _LOG.warning("%s: copied to its final model, because %s%s", table.name, why, rest)
            done.append(f"copy table {table.name} to its final model")
            continue
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                _add(connection, table, column)
                done.append(f"add column {column.name} to {table.name}")
        _complete_indexes(connection, table)
    return done


def _difference(connection: Connection, table: Table) -> str:
    """Return why a table has to be copied, "" if it need not."""
    inspector = inspect(connection)
    found = {column["name"]: column for column in inspector.get_columns(table.name)}
    key = set(inspector.get_pk_constraint(table.name)["constrained_columns"])
    wanted = {column.name for column in table.primary_key.columns}
    if key != wanted:
        return f"its key is {_listed(key)}, not {_listed(wanted)}"
    for column in table.columns:
        there = found.pop(column.name, None)
        if there is None:
            if not column.nullable:
                return f"column {column.name} is missing"
        elif _affinity(there["type"]) != _affinity(_impl(column, connection)):
            return f"column {column.name} has another type"
        elif column.nullable and not there["nullable"]:
            return f"column {column.name} may not be empty"
    for name, there in found.items():
        if not there["nullable"] and there["default"] is None:
            return f"column {name}, which the model lacks, may not be empty"
    return ""


def _listed(names: set[str]) -> str:
    return f"({', '.join(sorted(names))})"


def _impl(column: Column[Any], connection: Connection) -> Any:
    return column.type.dialect_impl(connection.dialect)


def _affinity(kind: Any) -> str:
    """Return what SQLite keeps in a column of this type; it goes by letters of the type's name."""
    name = str(getattr(kind, "impl_instance", kind)).upper()
    if "INT" in name:
        return "integer"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if "BLOB" in name or "BINARY" in name:
        return "blob"
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return "real"
    return "numeric"


def _add(connection: Connection, table: Table, column: Column[Any]) -> None:
    kind = connection.dialect.type_compiler_instance.process(column.type)
    name, of = quoted(connection, column.name), quoted(connection, table.name)
    run(connection, f"ALTER TABLE {of} ADD COLUMN {name} {kind}")


def _complete_indexes(connection: Connection, table: Table) -> None:
    found = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in found:
            index.create(connection, checkfirst=True)


def _copy(connection: Connection, table: Table) -> int:
    """Copy a table to its final model and return how many rows could not be taken along."""
    inspector = inspect(connection)
    there = {column["name"] for column in inspector.get_columns(table.name)}
    old = Table(table.name, MetaData(), *map(Column, sorted(there)))
    for index in inspector.get_indexes(table.name):
        # An index keeps its name for itself even while its table is being replaced.
        run(connection, f"DROP INDEX {quoted(connection, str(index['name']))}")
    new = table.to_metadata(MetaData(), name=f"{table.name}__new")
    new.indexes.clear()
    run(connection, f"DROP TABLE IF EXISTS {quoted(connection, new.name)}")
    new.create(connection)
    shared = [column for column in new.columns if column.name in there]
    before = connection.execute(select(func.count()).select_from(old)).scalar_one()
    key = [column.name for column in new.primary_key.columns]
    if all(name in there for name in key):
        rows = select(*(old.c[column.name] for column in shared))
        rows = rows.where(*(old.c[name].is_not(null()) for name in key))
        statement = insert(new).prefix_with("OR REPLACE")
        connection.execute(statement.from_select([column.key for column in shared], rows))
    after = connection.execute(select(func.count()).select_from(new)).scalar_one()
    run(connection, f"DROP TABLE {quoted(connection, table.name)}")
    names = quoted(connection, new.name), quoted(connection, table.name)
    run(connection, f"ALTER TABLE {names[0]} RENAME TO {names[1]}")
    for wanted in table.indexes:
        wanted.create(connection)
    return int(before - after)
