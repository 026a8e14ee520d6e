"""What plugins return."""

from __future__ import annotations

from devlake_core.plugin import (
    PipelineTask,
    RemoteScope,
    RemoteScopeGroup,
    TestConnection,
    TestConnectionResult,
)

__all__ = [
    "PipelineTask",
    "RemoteScope",
    "RemoteScopeGroup",
    "TestConnection",
    "TestConnectionResult",
]
