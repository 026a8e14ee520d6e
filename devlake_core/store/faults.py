"""What a database's error means to a run."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchTableError, OperationalError

from devlake_core.errors import DevlakeError, SchemaError, StoreError, StoreUnreachable

_CONFLICTS = {"40P01", "40001", "55P03", 1205, 1213, "SQLITE_BUSY", "SQLITE_LOCKED"}
_UNREACHABLE = {"57P01", "57P02", "57P03", "53300", 1040, 1044, 1045, 2002, 2003, 2006, 2013}
_FULL = {"53100", 1021, 1114, "SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR"}
_READ_ONLY = {"25006", 1290, 1836, "SQLITE_READONLY"}
_NO_TABLE = {"42P01", "42703", 1146, 1054}
_MIGRATE = "run `devlake migrate`"


class Conflict(StoreError):
    """Say that another transaction was in the way: the same work may succeed when tried again."""


class Refused(StoreError):
    """Say that the database refused a statement, most likely for a value in it."""


def code_of(error: DBAPIError) -> Any:
    """Return the driver's code: an SQLSTATE, MySQL's number or SQLite's name."""
    original: Any = error.orig
    state = getattr(original, "sqlstate", None)
    if state:
        return state
    name = getattr(original, "sqlite_errorname", None)
    if name:
        return name
    args = getattr(original, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def translated(error: DBAPIError | NoSuchTableError, place: str) -> DevlakeError:
    """Return an error of ours for a database's."""
    if isinstance(error, NoSuchTableError):
        return SchemaError(f"the database has no table {error}", hint=_MIGRATE)
    code = code_of(error)
    text = str(error.orig).split("\n", 1)[0]
    named = str(code).rsplit("_SNAPSHOT", 1)[0]
    if code in _CONFLICTS or named in _CONFLICTS:
        return Conflict(f"the database {place} was busy: {text}")
    if code in _FULL:
        return StoreError(
            f"the database {place} is full: {text}", hint="free some space; nothing was half-written"
        )
    if code in _READ_ONLY:
        return StoreError(f"the database {place} is read-only", hint="let the run write to it")
    if code in _NO_TABLE or "no such table" in text or "no such column" in text:
        return SchemaError(f"the database {place} lacks a table or column: {text}", hint=_MIGRATE)
    lost = error.connection_invalidated or isinstance(error, InterfaceError)
    if code in _UNREACHABLE or lost or (isinstance(error, OperationalError) and code is None):
        return StoreUnreachable(
            f"the database {place} does not answer: {text}",
            hint="see whether it runs and whether the URL's host, user and password are right",
        )
    return Refused(f"the database {place} refused: {text}", exit_code=70)


def reason_of(error: Exception) -> str:
    """Return why a row was refused, without the row's values."""
    original = getattr(error, "orig", None) or error
    text = str(original.args[-1] if original.args else original).split("\n", 1)[0]
    return re.sub(r"'[^']*'|\"[^\"]*\"", "…", text)[:200] or type(original).__name__
