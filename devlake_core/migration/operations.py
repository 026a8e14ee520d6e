"""The operations of a migration, as values: what a script does, not how.

Each knows how DevLake's server wants it spelled. How it is done on a database that we migrate
ourselves is :mod:`devlake_core.migration.perform`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from devlake_core.model import model_info


class Dialect(StrEnum):
    """Name a kind of database; the values are the server's.

    ``SQLITE`` is ours alone: what is meant for it is never sent to the server.
    """

    MYSQL = "mysql"
    POSTGRESQL = "postgres"
    SQLITE = "sqlite"


@dataclass(frozen=True)
class Execute:
    """Execute a statement, on one dialect only or on any."""

    sql: str
    dialect: Dialect | None = None
    ignore_error: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        only = {} if self.dialect is None else {"dialect": self.dialect.value}
        return {"type": "execute", "sql": self.sql, **only, "ignore_error": self.ignore_error}

    def __str__(self) -> str:
        """Return it in words."""
        shown = " ".join(self.sql.split())
        return f"execute {shown[:80]}{'…' if len(shown) > 80 else ''}"


@dataclass(frozen=True)
class AddColumn:
    """Add a column to a table."""

    table: str
    column: str
    column_type: str

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "add_column", **vars(self)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"add column {self.column} ({self.column_type}) to {self.table}"


@dataclass(frozen=True)
class DropColumn:
    """Drop a column of a table."""

    table: str
    column: str

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "drop_column", **vars(self)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"drop column {self.column} of {self.table}"


@dataclass(frozen=True)
class RenameColumn:
    """Rename a column of a table."""

    table: str
    old_name: str
    new_name: str

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "rename_column", **vars(self)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"rename column {self.old_name} of {self.table} to {self.new_name}"


@dataclass(frozen=True)
class DropTable:
    """Drop a table."""

    table: str

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "drop_table", **vars(self)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"drop table {self.table}"


@dataclass(frozen=True)
class RenameTable:
    """Rename a table."""

    old_name: str
    new_name: str

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "rename_table", **vars(self)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"rename table {self.old_name} to {self.new_name}"


@dataclass(frozen=True)
class CreateTable:
    """Create the table of a snapshot class."""

    model: Any

    @property
    def table(self) -> str:
        """Return the table's name."""
        return str(self.model.__tablename__)

    def to_wire(self) -> dict[str, Any]:
        """Return what the server gets."""
        return {"type": "create_table", "model_info": model_info(self.model)}

    def __str__(self) -> str:
        """Return it in words."""
        return f"create table {self.table}"


Operation = Execute | AddColumn | DropColumn | RenameColumn | DropTable | RenameTable | CreateTable
