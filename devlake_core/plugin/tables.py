"""Tables of classes whose author need not ask for one: connection, scope, scope config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.model import package_name, registry_of, table_of

if TYPE_CHECKING:
    from .base import Plugin


def give_tables(plugin: Plugin) -> None:
    """Give a plugin's connection, scope and scope config classes their tables.

    pydevlake's guide writes them without ``table=True``. It cannot be done when the class is made:
    a snapshot of it in a migration has the same table name.
    """
    for model in (plugin.connection_type, plugin.tool_scope_type, plugin.scope_config_type):
        if "__table__" not in vars(model):
            _give(model)


def _give(model: Any) -> None:
    table = table_of(model, registry_of(package_name(model.__module__)).metadata)
    table.info["model"] = f"{model.__module__}.{model.__qualname__}"
    # Past the metaclass, which takes an assignment for a new field.
    type.__setattr__(model, "__table__", table)
