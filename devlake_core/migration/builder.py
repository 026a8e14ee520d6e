"""The builder that a migration's function gets."""

from __future__ import annotations

from typing import Any

from devlake_core.errors import PluginLoadError
from devlake_core.model import Row

from .operations import (
    AddColumn,
    CreateTable,
    Dialect,
    DropColumn,
    DropTable,
    Execute,
    Operation,
    RenameColumn,
    RenameTable,
)
from .rules import check_operation, check_sql


class MigrationScriptBuilder:
    """Note what a migration does; nothing is done yet.

    All but :meth:`execute` do nothing where it is done already.
    """

    def __init__(self) -> None:
        """Begin with no operation."""
        self.operations: list[Operation] = []
        self.warnings: list[str] = []

    def execute(self, sql: str, dialect: Dialect | None = None, ignore_error: bool = False) -> None:
        """Execute a statement.

        Args:
            sql: one statement.
            dialect: the kind of database it is for; any where it is left out. On SQLite one
                without a dialect may fail: what it was to do is then made from the final model.
            ignore_error: whether the migration goes on when the statement fails.
        """
        operation = Execute(sql, None if dialect is None else Dialect(dialect), ignore_error)
        warning = check_sql(operation)
        if warning:
            self.warnings.append(warning)
        self.operations.append(operation)

    def add_column(self, table: str, column: str, type: str) -> None:
        """Add a column; ``type`` is one of the SQL types in ``docs/migrations.md``."""
        self._add(AddColumn(table, column, type))

    def drop_column(self, table: str, column: str) -> None:
        """Drop a column."""
        self._add(DropColumn(table, column))

    def rename_column(self, table: str, old_name: str, new_name: str) -> None:
        """Rename a column."""
        self._add(RenameColumn(table, old_name, new_name))

    def drop_table(self, table: str) -> None:
        """Drop a table."""
        self._add(DropTable(table))

    def rename_table(self, old_name: str, new_name: str) -> None:
        """Rename a table."""
        self._add(RenameTable(old_name, new_name))

    def create_tables(self, *models: type[Any]) -> None:
        """Create the tables of snapshot classes: copies of models that never change.

        Raises:
            PluginLoadError: one is no model class.
        """
        for model in models:
            given: Any = model
            if not (isinstance(given, type) and issubclass(given, Row)):
                message = f"create_tables() got {model!r}, which is no model class"
                raise PluginLoadError(message)
            self._add(CreateTable(model))

    def _add(self, operation: Operation) -> None:
        check_operation(operation)
        self.operations.append(operation)
