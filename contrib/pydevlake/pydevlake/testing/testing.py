"""What plugins' tests use, where pydevlake had it."""

from __future__ import annotations

from . import (
    ContextBuilder,
    assert_plugin_run,
    assert_stream_convert,
    assert_stream_run,
    assert_valid_plugin,
)

__all__ = [
    "ContextBuilder",
    "assert_plugin_run",
    "assert_stream_convert",
    "assert_stream_run",
    "assert_valid_plugin",
]
