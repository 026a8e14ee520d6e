"""What a migration may not do, found when its script is read: before anything runs.

Names cannot be bound like values, so only plain ones are let through; and a plugin touches its own
tables only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from devlake_core.errors import PluginLoadError

from .operations import AddColumn, CreateTable, Dialect, Execute, RenameColumn, RenameTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from .operations import Operation

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_TYPE = re.compile(
    r"""(?ix) (?: varchar \( \d{1,3} \) | (?:numeric|decimal) \( \s*\d{1,2}\s*,\s*\d{1,2}\s* \)
    | datetime (?: \( [0-6] \) )? | (?:text|longtext|bigint|int|integer|smallint|bool|boolean
    | timestamp|timestamptz|double|json|jsonb|longblob|blob|bytea) )"""
)
_TYPES = (
    "varchar(255), text, longtext, bigint, int, smallint, boolean, timestamp, datetime(3), double, "
    "numeric(10,2), json, longblob"
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_MYSQL_TEXT = re.compile(r'"(?:[^"\\]|""|\\.)*"', re.DOTALL)
_FORBIDDEN = re.compile(r"(?i)\b(grant|revoke)\b|\bdrop\s+(database|schema)\b")
_TABLE = re.compile(r"(?i)\b_(?:tool|raw)_(?!data_(?:params|table|id|remark)\b)\w+")
_BODY = re.compile(r"(?i)\b(procedure|function|trigger|begin)\b|\$\w*\$")


def check_name(kind: str, name: Any) -> None:
    """Refuse a table or column name that is not plain ASCII of at most 63 letters.

    Raises:
        PluginLoadError: it is not.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        message = f"{name!a} is no {kind} name"
        raise PluginLoadError(message, hint="letters, digits and underscores, at most 63")


def check_type(column_type: Any) -> None:
    """Refuse a column type that is not one of DevLake's: the server puts it into its SQL as it is.

    Raises:
        PluginLoadError: it is not.
    """
    known = _TYPE.fullmatch(column_type.strip()) if isinstance(column_type, str) else None
    length = re.fullmatch(r"(?i)varchar\((\d+)\)", column_type.strip()) if known else None
    if known is None or (length and not 1 <= int(length[1]) <= 255):
        message = f"{column_type!a} is no column type for add_column"
        raise PluginLoadError(message, hint=f"one of: {_TYPES}")


def _bare(operation: Execute) -> str:
    """Return a statement without its comments and texts."""
    sql = _TEXT.sub("''", _COMMENT.sub(" ", operation.sql))
    return _MYSQL_TEXT.sub("''", sql) if operation.dialect is Dialect.MYSQL else sql


def check_sql(operation: Execute) -> str | None:
    """Refuse a statement that no plugin may execute; return a warning, or None for a plain one.

    Raises:
        PluginLoadError: it is about privileges or a whole database.
    """
    bare = _bare(operation)
    if not bare.strip(" \t\r\n;"):
        message = "execute() has no statement"
        raise PluginLoadError(message)
    forbidden = _FORBIDDEN.search(bare)
    if forbidden:
        message = f"a migration may not {forbidden[0].upper()}"
        raise PluginLoadError(message, hint="a plugin changes its own tables only")
    if re.search(r";\s*\S", bare) and not _BODY.search(bare):
        return f"more than one statement in one execute() ({operation}): write one for each"
    return None


def _tables(operation: Operation) -> Iterator[str]:
    if isinstance(operation, Execute):
        yield from _TABLE.findall(_bare(operation))
    elif isinstance(operation, RenameTable):
        yield from (operation.old_name, operation.new_name)
    else:
        yield operation.table


def check_operation(operation: Operation) -> None:
    """Refuse names and types that cannot be.

    Raises:
        PluginLoadError: one is there.
    """
    if not isinstance(operation, Execute):
        for table in _tables(operation):
            check_name("table", table)
    if isinstance(operation, RenameColumn):
        check_name("column", operation.old_name)
        check_name("column", operation.new_name)
    elif not isinstance(operation, CreateTable):
        column = getattr(operation, "column", None)
        if column is not None:
            check_name("column", column)
    if isinstance(operation, AddColumn):
        check_type(operation.column_type)


def check_tables(
    operations: Collection[Operation], names: Collection[str], own: Collection[str]
) -> None:
    """Refuse operations on tables that are not the plugin's.

    Args:
        operations: what a script does.
        names: the names that the plugin's tables may bear: ``_tool_<name>_…``, ``_raw_<name>_…``.
        own: tables of the plugin that bear another one.

    Raises:
        PluginLoadError: a table belongs to somebody else.
    """
    prefixes = tuple(f"_{layer}_{name}_" for layer in ("tool", "raw") for name in names)
    for operation in operations:
        for table in _tables(operation):
            if not table.lower().startswith(prefixes) and table not in own:
                message = f"it would {operation}, and {table} is not the plugin's"
                hint = f"its tables begin with {' or '.join(sorted(prefixes))}"
                raise PluginLoadError(message, hint=hint)
