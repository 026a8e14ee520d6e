"""Schema changes as values: operations, scripts, and the executor that applies them."""

from .builder import MigrationScriptBuilder
from .executor import Applied, ensure, migrate, pending
from .history import made_by
from .operations import Dialect
from .script import Script, migration, scripts_of

__all__ = [
    "Applied",
    "Dialect",
    "MigrationScriptBuilder",
    "Script",
    "ensure",
    "made_by",
    "migrate",
    "migration",
    "pending",
    "scripts_of",
]
