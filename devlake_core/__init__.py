"""Write Apache DevLake data-source plugins in Python: all that a plugin may import.

The names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import AwareDatetime, SecretStr
    from sqlmodel import Relationship

    from devlake_core.api import (
        ABORT,
        API,
        PagedResponse,
        Paginator,
        Request,
        Resolution,
        Response,
        TokenPaginator,
        auth,
        paginators,
        request_hook,
        response_hook,
    )
    from devlake_core.errors import (
        APIException,
        Cancelled,
        ConfigError,
        DevlakeError,
        PluginError,
        RecordError,
        RequestError,
        UsageError,
    )
    from devlake_core.hookspecs import hookimpl
    from devlake_core.migration.builder import MigrationScriptBuilder
    from devlake_core.migration.operations import Dialect
    from devlake_core.migration.script import migration
    from devlake_core.model import (
        Connection,
        DomainModel,
        DomainScope,
        DomainTable,
        DomainType,
        Field,
        ScopeConfig,
        ToolModel,
        ToolScope,
        domain_id,
    )
    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.messages import (
        PipelineTask,
        RemotePage,
        RemoteQuery,
        RemoteScopeGroup,
        TestConnection,
        TestConnectionResult,
    )
    from devlake_core.plugin.plan import ScopeConfigPair
    from devlake_core.stream import (
        JSON,
        Checkpoint,
        Context,
        Cursor,
        Record,
        RestStream,
        RestSubstream,
        Rows,
        Stream,
        Substream,
    )

__version__ = "0.1.0"

logger = logging.getLogger("devlake")
"""What a plugin writes to; the run decides where it goes."""

_ROOMS = {
    "devlake_core.api": "ABORT API PagedResponse Paginator Request Resolution Response "
    "TokenPaginator auth paginators request_hook response_hook",
    "devlake_core.errors": "APIException Cancelled ConfigError DevlakeError PluginError "
    "RecordError RequestError UsageError",
    "devlake_core.hookspecs": "hookimpl",
    "devlake_core.migration": "Dialect MigrationScriptBuilder",
    "devlake_core.migration.script": "migration",
    "devlake_core.model": "Connection DomainModel DomainScope DomainTable DomainType Field "
    "ScopeConfig ToolModel ToolScope domain_id",
    "devlake_core.plugin.base": "Plugin",
    "devlake_core.plugin.messages": "PipelineTask RemotePage RemoteQuery RemoteScopeGroup "
    "TestConnection TestConnectionResult",
    "devlake_core.plugin.plan": "ScopeConfigPair",
    "devlake_core.stream": "Checkpoint Context Cursor JSON Record RestStream RestSubstream Rows "
    "Stream Substream",
    "pydantic": "AwareDatetime SecretStr",
    "sqlmodel": "Relationship",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [
    "ABORT",
    "API",
    "JSON",
    "APIException",
    "AwareDatetime",
    "Cancelled",
    "Checkpoint",
    "ConfigError",
    "Connection",
    "Context",
    "Cursor",
    "DevlakeError",
    "Dialect",
    "DomainModel",
    "DomainScope",
    "DomainTable",
    "DomainType",
    "Field",
    "MigrationScriptBuilder",
    "PagedResponse",
    "Paginator",
    "PipelineTask",
    "Plugin",
    "PluginError",
    "Record",
    "RecordError",
    "Relationship",
    "RemotePage",
    "RemoteQuery",
    "RemoteScopeGroup",
    "Request",
    "RequestError",
    "Resolution",
    "Response",
    "RestStream",
    "RestSubstream",
    "Rows",
    "ScopeConfig",
    "ScopeConfigPair",
    "SecretStr",
    "Stream",
    "Substream",
    "TestConnection",
    "TestConnectionResult",
    "TokenPaginator",
    "ToolModel",
    "ToolScope",
    "UsageError",
    "auth",
    "domain_id",
    "hookimpl",
    "logger",
    "migration",
    "paginators",
    "request_hook",
    "response_hook",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
