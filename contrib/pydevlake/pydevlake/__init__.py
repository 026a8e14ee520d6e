"""pydevlake's names for devlake_core, for plugins that were written for pydevlake."""

from __future__ import annotations

import warnings

from pydantic import PydanticDeprecatedSince20

from .context import Context
from .helpers import debugger
from .logger import logger
from .message import RemoteScopeGroup, TestConnection, TestConnectionResult
from .model import (
    Connection,
    DomainScope,
    DomainType,
    Field,
    ScopeConfig,
    ToolModel,
    ToolScope,
    domain_id,
)
from .plugin import Plugin, ScopeConfigPair
from .stream import Stream, Substream

__all__ = [
    "Connection",
    "Context",
    "DomainScope",
    "DomainType",
    "Field",
    "Plugin",
    "RemoteScopeGroup",
    "ScopeConfig",
    "ScopeConfigPair",
    "Stream",
    "Substream",
    "TestConnection",
    "TestConnectionResult",
    "ToolModel",
    "ToolScope",
    "domain_id",
    "logger",
]

# A plugin that still uses pydantic 1's names would fill the server's log.
warnings.filterwarnings("ignore", category=PydanticDeprecatedSince20)

debugger.init()
