"""Make a plugin's rows of what DevLake's server sends: its names, its nulls, its zero values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import SecretStr

from devlake_core.model import row_maker
from devlake_core.model.table import bare_type
from devlake_core.plugin.connect import connection_of
from devlake_core.redaction import register_secret
from devlake_core.store.catalog import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

    from devlake_core.model import Connection
    from devlake_core.plugin.base import Plugin


def fitted(model: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values that a class has a field for, spelled as the class takes them.

    The server sends a whole row, columns that the class has no more included, and null or an
    empty text for what a column lacks; a form sends fields of its own. What is secret is shown by
    no output from here on, be the row valid or not.
    """
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = name if name in values else info.alias
        if key not in values:
            continue
        value, kinds = values[key], get_args(info.annotation)
        optional = type(None) in kinds
        if isinstance(value, str) and _is_secret(info):
            register_secret(value)
        if value == "" and optional and str not in kinds:
            value = None
        if value is not None or optional:
            found[name] = value
    return found


def connection_row(plugin: Plugin, values: Mapping[str, Any]) -> Connection:
    """Return a connection.

    Raises:
        ConfigError: it is not valid.
    """
    return connection_of(plugin, connection_values(plugin, values))


def connection_values(plugin: Plugin, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a connection, with a name where the server sends none."""
    # A saved connection is tested with its proxy and token alone.
    return {"name": "Test connection", **fitted(plugin.connection_type, values)}


def scope_row(plugin: Plugin, values: Mapping[str, Any], connection_id: int | None) -> Any:
    """Return a scope.

    Raises:
        ConfigError: it is not valid.
    """
    found = fitted(plugin.tool_scope_type, values)
    row = row_of(plugin.tool_scope_type, {"name": str(found.get("id", "")), **found})
    if row.connection_id is None:
        row.connection_id = connection_id or 0
    return row


def blank_scope(plugin: Plugin, connection_id: int | None) -> Any:
    """Return the scope of a task that names none, as a script's: it has an empty id."""
    kind: Any = plugin.tool_scope_type
    values = {
        name: None if info.is_required() else info.get_default(call_default_factory=True)
        for name, info in kind.model_fields.items()
    }
    values.update(id="", name="", connection_id=connection_id or 0)
    return row_maker(kind, tuple(values))(values.values())


def _is_secret(info: FieldInfo) -> bool:
    kind = bare_type(info.annotation)
    return isinstance(kind, type) and issubclass(kind, SecretStr)
