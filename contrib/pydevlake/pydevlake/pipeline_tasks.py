"""Tasks of the server's own plugins."""

from __future__ import annotations

from devlake_core.plugin import PipelineTask
from devlake_core.plugin.pipeline_tasks import RefDiffOptions, gitextractor, refdiff

__all__ = [
    "PipelineTask",
    "RefDiffOptions",
    "gitextractor",
    "refdiff",
]
