"""What a plugin's tests use: a context, and asserts about streams and whole plugins."""

from __future__ import annotations

from .context import ContextBuilder
from .plugins import assert_plugin_run, assert_valid_plugin
from .streams import assert_stream_convert, assert_stream_run

__all__ = [
    "ContextBuilder",
    "assert_plugin_run",
    "assert_stream_convert",
    "assert_stream_run",
    "assert_valid_plugin",
]
