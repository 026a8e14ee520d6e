"""Turn what database drivers raise into errors of ours, in one place for all drivers.

Messages of drivers quote values and sometimes passwords, so none of them is passed on: an error of
ours says what kind of thing went wrong and in which database.
"""

from __future__ import annotations

import re
import struct
from contextlib import contextmanager
from decimal import DecimalException
from typing import TYPE_CHECKING

from sqlalchemy import exc

from devlake_core.errors import (
    Cancelled,
    ConfigError,
    DevlakeError,
    SchemaError,
    StoreError,
    StoreUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Conflict(StoreError):
    """Say that another transaction was in the way; the same work may succeed when repeated."""


class LoginRefused(ConfigError):
    """Say that the database wants another user or password than it was given, or any at all."""


_MIGRATE = "run `devlake migrate`"
_ROOM = "free space or make the database writable, then run again: it goes on where it stopped"
_LOGIN = "check user, password and database in the database URL"

# What a code means: the kind of error and words for it. A two-letter key is a class of SQLSTATEs.
_UNREACHABLE, _CONFLICT, _STORE, _SCHEMA, _CONFIG, _ROW, _REFUSED = range(7)
_POSTGRESQL: dict[str, tuple[int, str]] = {
    "08": (_UNREACHABLE, "the connection was lost"),
    "57": (_UNREACHABLE, "the server ended the session"),
    "53300": (_UNREACHABLE, "the server has too many connections"),
    "57014": (_CONFLICT, "the server cancelled the statement"),
    "25P03": (_UNREACHABLE, "the server ended an idle session"),
    "40": (_CONFLICT, "another transaction was in the way"),
    "55P03": (_CONFLICT, "a lock was not to be had in time"),
    "53": (_STORE, "the disk is full or another resource is used up"),
    "25006": (_STORE, "the database is read-only"),
    "58": (_STORE, "the server's disk failed"),
    "42P01": (_SCHEMA, "a table is missing"),
    "42703": (_SCHEMA, "a column is missing"),
    "42P10": (_SCHEMA, "a table's primary key is not the expected one"),
    "42804": (_SCHEMA, "a column has another type than expected"),
    "42846": (_SCHEMA, "a column has another type than expected"),
    "3F000": (_SCHEMA, "the schema is missing"),
    "42501": (_CONFIG, "the user lacks a privilege"),
    "28": (_REFUSED, "the user was refused"),
    "3D000": (_CONFIG, "the database does not exist"),
    # Two keys became one when they were mended.
    "21000": (_ROW, "a key is there twice"),
    "22001": (_ROW, "a value is too long"),
    "22003": (_ROW, "a number is out of range"),
    "22": (_ROW, "a value does not fit its column"),
    "23502": (_ROW, "a value is missing"),
    "23505": (_ROW, "a value that must be unique is there already"),
    "23": (_ROW, "a value breaks a rule of the table"),
    "54": (_ROW, "a value is too large"),
}
_MYSQL: dict[int, tuple[int, str]] = {
    **dict.fromkeys(
        (0, 1043, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927),
        (_UNREACHABLE, "the connection was lost"),
    ),
    **dict.fromkeys(
        (2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055, 4031),
        (_UNREACHABLE, "the connection was lost or refused"),
    ),
    **dict.fromkeys((1040, 1203, 1226), (_UNREACHABLE, "the server has too many connections")),
    **dict.fromkeys(
        (1020, 1205, 1206, 1213, 3572), (_CONFLICT, "another transaction was in the way")
    ),
    **dict.fromkeys((1969, 3024), (_CONFLICT, "the server cancelled the statement")),
    **dict.fromkeys((3, 28, 1021, 1026, 1030, 1041, 1114), (_STORE, "the disk is full or failed")),
    **dict.fromkeys((1036, 1223, 1290, 1792, 1836), (_STORE, "the database is read-only")),
    **dict.fromkeys((1146, 1932), (_SCHEMA, "a table is missing")),
    1054: (_SCHEMA, "a column is missing"),
    1045: (_REFUSED, "user or password was refused"),
    **dict.fromkeys((1044, 1130, 1698, 1820, 2026, 2061), (_CONFIG, "the user was refused")),
    **dict.fromkeys((1142, 1143, 1227, 1370), (_CONFIG, "the user lacks a privilege")),
    1049: (_CONFIG, "the database does not exist"),
    1406: (_ROW, "a value is too long"),
    **dict.fromkeys((1264, 1690), (_ROW, "a number is out of range")),
    **dict.fromkeys(
        (1265, 1292, 1300, 1366, 1367, 1411, 3140, 3141, 3819, 4025, 1451, 1452, 1216, 1217),
        (_ROW, "a value does not fit its column"),
    ),
    **dict.fromkeys((1048, 1364), (_ROW, "a value is missing")),
    **dict.fromkeys((1062, 1586), (_ROW, "a value that must be unique is there already")),
    **dict.fromkeys((1071, 1118, 1153), (_ROW, "a value is too large")),
}
_SQLITE: dict[int, tuple[int, str]] = {
    **dict.fromkeys((5, 6, 9), (_CONFLICT, "another process is writing to the file")),
    **dict.fromkeys((13, 10), (_STORE, "the disk is full or failed")),
    8: (_STORE, "the file is read-only"),
    14: (_UNREACHABLE, "the file cannot be opened"),
    **dict.fromkeys((3, 23), (_CONFIG, "the file may not be used")),
    **dict.fromkeys((11, 26), (_CONFIG, "the file is damaged or no SQLite database")),
    18: (_ROW, "a value is too large"),
    19: (_ROW, "a value is missing or breaks a rule of the table"),
    20: (_ROW, "a value does not fit its column"),
}
_SQLITE_SCHEMA = (
    ("no such table", "a table is missing"),
    ("no such column", "a column is missing"),
    ("has no column named", "a column is missing"),
    ("on conflict clause does not match", "a table's primary key is not the expected one"),
)
# libpq gives no SQLSTATE for what fails before there is a session.
_LIBPQ_LOGIN = re.compile(
    r"no pg_hba\.conf entry|does not exist|not permitted to log in|permission denied for database"
)
_LIBPQ_REFUSED = re.compile(r"authentication failed|no password supplied")
# Parts of a driver's text that are safe to pass on and tell a person what to look at.
_NETWORK = re.compile(
    r"connection refused|timed out|timeout expired|name or service not known"
    r"|could not translate host name|temporary failure in name resolution|no route to host"
    r"|network is unreachable|no such file or directory|certificate verify failed"
    r"|does not support (?:ssl|tls)",
    re.IGNORECASE,
)
_UNBINDABLE = (TypeError, ValueError, OverflowError, struct.error, DecimalException)


def row_fault(error: BaseException) -> str | None:
    """Return words for an error that one row's values caused, None for every other error."""
    error = _original(error)
    kind, words = _classify(error)
    if kind != _ROW:
        return None
    column = _column_of(error)
    return f"{words} (column {column})" if column else words


def translate(error: BaseException, where: str) -> DevlakeError | None:
    """Return our error for one that came out of SQLAlchemy or a driver, None for any other.

    Args:
        error: what was raised.
        where: which database, in words for a person and without a password.
    """
    original = _original(error)
    if isinstance(original, DevlakeError):
        return original  # raised by a column type of ours, such as for a missing secret
    if not isinstance(error, exc.SQLAlchemyError) and not _is_driver_error(original):
        return None
    kind, words = _classify(original)
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated and kind == _STORE:
        kind = _UNREACHABLE
    message = f"{where}: {words}"
    if kind == _UNREACHABLE:
        if reason := _NETWORK.search(str(original)):
            message += f" ({reason[0].lower()})"
        return StoreUnreachable(message, hint="check that the database is up, then run again")
    if kind == _CONFLICT:
        return Conflict(message, hint="run again")
    if kind == _SCHEMA:
        return SchemaError(message, hint=_MIGRATE)
    if kind == _REFUSED:
        return LoginRefused(message, hint=_LOGIN)
    if kind == _CONFIG:
        return ConfigError(message, hint=_LOGIN)
    return StoreError(message, hint=_ROOM if "read-only" in words or "disk" in words else "")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Let errors of drivers leave the block as errors of ours.

    The driver's error is not kept as their cause: its text may quote rows.

    Args:
        where: which database, in words for a person and without a password.
    """
    try:
        yield
    except DevlakeError:
        raise
    except Exception as error:
        # A driver that was interrupted fails again when its transaction is undone.
        ours = _interruption(error) or translate(error, where)
        if ours is None:
            raise
        raise ours from None


def _interruption(error: BaseException) -> Cancelled | None:
    """Return the Cancelled during whose handling an error was raised."""
    context = error.__context__
    while context is not None and not isinstance(context, Cancelled):
        context = context.__context__
    return context


def _original(error: BaseException) -> BaseException:
    if isinstance(error, exc.DBAPIError | exc.StatementError) and error.orig is not None:
        return error.orig
    return error


def _is_driver_error(error: BaseException) -> bool:
    """Tell a driver's error by PEP 249's names: no driver is imported to ask."""
    return any(
        base.__name__ == "Error" and base.__module__.split(".")[0] in _DRIVER_MODULES
        for base in type(error).__mro__
    )


_DRIVER_MODULES = {"sqlite3", "psycopg", "pymysql", "MySQLdb"}


def _classify(error: BaseException) -> tuple[int, str]:
    """Return the kind of a driver's error and words for it."""
    module = type(error).__module__.split(".")[0]
    if module == "psycopg":
        return _classify_psycopg(error)
    if module in {"pymysql", "MySQLdb"}:
        code = error.args[0] if error.args else 0
        if not isinstance(code, int):
            # Raised by the driver itself: a value that it cannot spell, or a broken stream.
            names = {base.__name__ for base in type(error).__mro__}
            if names & {"ProgrammingError", "DataError"}:
                return _ROW, "a value cannot be stored"
            return _UNREACHABLE, "the connection was lost"
        return _MYSQL.get(code, (_STORE, f"the database reported error {code}"))
    if module == "sqlite3":
        return _classify_sqlite(error)
    if isinstance(error, _UNBINDABLE):
        return _ROW, "a value cannot be stored"
    if isinstance(error, OSError | EOFError):
        return _UNREACHABLE, "the connection was lost"
    return _STORE, f"unexpected {type(error).__name__}"


def _classify_psycopg(error: BaseException) -> tuple[int, str]:
    state = getattr(error, "sqlstate", None)
    if state:
        known = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
        if known:
            return known
        text = getattr(getattr(error, "diag", None), "message_primary", None) or ""
        return _STORE, f"the database reported error {state} {text:.200}".rstrip()
    names = {base.__name__ for base in type(error).__mro__}
    if "OperationalError" in names or "InterfaceError" in names:
        if _LIBPQ_REFUSED.search(str(error)):
            return _REFUSED, "user or password was refused"
        if _LIBPQ_LOGIN.search(str(error)):
            return _CONFIG, "user, password or database was refused"
        return _UNREACHABLE, "the connection was lost or refused"
    if "DataError" in names or "ProgrammingError" in names:
        return _ROW, "a value cannot be stored"
    return _STORE, f"unexpected {type(error).__name__}"


def _classify_sqlite(error: BaseException) -> tuple[int, str]:
    code = getattr(error, "sqlite_errorcode", None)
    text = str(error).lower()
    if code is None:
        # Raised by Python's module itself: a value that has no SQLite type.
        return _ROW, "a value cannot be stored"
    for sign, words in _SQLITE_SCHEMA:
        if sign in text:
            return _SCHEMA, words
    return _SQLITE.get(code & 0xFF, (_STORE, f"the database reported: {text:.200}"))


def _column_of(error: BaseException) -> str | None:
    """Return the column that an error names; a column's name is no value of a row."""
    named = getattr(getattr(error, "diag", None), "column_name", None)
    if named:
        return str(named)
    text = str(error.args[-1]) if error.args else ""
    match = re.search(
        r"[Cc]olumn '(?:[^']*\.)?([A-Za-z0-9_]+)'|constraint failed: \w+\.(\w+)", text
    )
    return (match[1] or match[2]) if match else None
