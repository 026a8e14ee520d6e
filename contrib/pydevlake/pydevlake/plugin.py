"""The plugin as pydevlake's authors write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core import logger
from devlake_core import plugin as core
from devlake_core.plugin import ScopeConfigPair

from .db_url import db_url_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devlake_core.stream import Context, Progress, Stream

__all__ = ["Plugin", "ScopeConfigPair"]


class Plugin(core.Plugin):
    """Be a data source, named after its class."""

    if not TYPE_CHECKING:

        @property
        def name(self) -> str:
            """Return the class's name in lower case, without ``plugin``."""
            return type(self).__name__.lower().removesuffix("plugin")

    def collect(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Ask the tool for a stream's records and keep them as raw rows."""
        return self._run(super().collect, ctx, stream)

    def extract(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Make tool rows of a stream's raw rows."""
        return self._run(super().extract, ctx, stream)

    def convert(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Make domain rows of a stream's tool rows."""
        return self._run(super().convert, ctx, stream)

    def _run(
        self, verb: Callable[..., Iterator[Progress]], ctx: Context, stream: Stream[Any] | str
    ) -> Iterator[Progress]:
        found = self._stream(stream)
        if not found.should_run_on(ctx.scope):
            logger.info("stream %s is not for scope %s", found.name, ctx.scope_id)
            return
        with db_url_for(self, ctx.store):
            yield from verb(ctx, found)
