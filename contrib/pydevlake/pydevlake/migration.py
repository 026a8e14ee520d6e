"""Schema changes."""

from __future__ import annotations

from devlake_core.migration import Dialect, MigrationScriptBuilder
from devlake_core.migration.script import migration

__all__ = [
    "Dialect",
    "MigrationScriptBuilder",
    "migration",
]
