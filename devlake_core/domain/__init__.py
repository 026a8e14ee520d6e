"""DevLake's domain layer: the tables that all data sources write and dashboards read.

Each module holds the tables of one domain and is imported on its own; ``metadata`` and
``tables()`` import them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from devlake_core.model import DomainTable

    from . import code, codequality, crossdomain, devops, other, qa, ticket

    metadata: MetaData

__all__ = [
    "code",
    "codequality",
    "crossdomain",
    "devops",
    "metadata",
    "other",
    "qa",
    "tables",
    "ticket",
]

MODULES = ("code", "codequality", "crossdomain", "devops", "qa", "ticket", "other")

# The dot keeps these tables apart from those of any plugin, whose name cannot have one.
__devlake_plugin__ = "devlake_core.domain"


def tables() -> tuple[type[DomainTable], ...]:
    """Return the class of each domain table."""
    from devlake_core.model import DomainTable

    return tuple(
        value
        for name in MODULES
        for key, value in vars(import_module(f"{__name__}.{name}")).items()
        if isinstance(value, type)
        and issubclass(value, DomainTable)
        and "__table__" in vars(value)
        and key == value.__name__
    )


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "metadata":
        from devlake_core.model import registry_of

        tables()
        return registry_of(__devlake_plugin__).metadata
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
