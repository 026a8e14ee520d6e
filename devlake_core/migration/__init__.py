"""Schema changes as values: operations, scripts, and the executor that applies them."""

import sys
from types import ModuleType
from typing import Any

from .builder import MigrationScriptBuilder
from .executor import Applied, ensure, migrate, pending
from .final import lacking
from .history import made_by
from .operations import Dialect
from .script import Script, migration, scripts_of

__all__ = [
    "Applied",
    "Dialect",
    "MigrationScriptBuilder",
    "Script",
    "ensure",
    "lacking",
    "made_by",
    "migrate",
    "migration",
    "pending",
    "scripts_of",
]


class _Decorator(ModuleType):
    """Be this module and the decorator of its name: ``dl.migration`` means both."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Mark a function as a migration script."""
        return migration(*args, **kwargs)


sys.modules[__name__].__class__ = _Decorator
