"""What a stream's verbs are given."""

from __future__ import annotations

from devlake_core.stream import Context

__all__ = [
    "Context",
]
