"""Who is in the process, and are they healthy: discovery, the host, the Plugin base class.

The names are loaded when they are first used: ``devlake plugins`` needs the discovery alone, which
imports neither SQLAlchemy nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Plugin
    from .events import Subtask
    from .manager import Host
    from .messages import (
        PipelineTask,
        RemotePage,
        RemoteQuery,
        RemoteScope,
        RemoteScopeGroup,
        TestConnection,
        TestConnectionResult,
    )
    from .plan import ScopeConfigPair
    from .records import PluginRecord

_MODULES = {
    "base": "Plugin",
    "events": "Subtask",
    "manager": "Host",
    "messages": "PipelineTask RemotePage RemoteQuery RemoteScope RemoteScopeGroup TestConnection "
    "TestConnectionResult",
    "plan": "ScopeConfigPair",
    "records": "PluginRecord",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [
    "Host",
    "PipelineTask",
    "Plugin",
    "PluginRecord",
    "RemotePage",
    "RemoteQuery",
    "RemoteScope",
    "RemoteScopeGroup",
    "ScopeConfigPair",
    "Subtask",
    "TestConnection",
    "TestConnectionResult",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{home}"), name)
