"""The verbs of a stream as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from devlake_core import subtask as core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devlake_core.stream import Context, Progress, Stream


class Subtask:
    """Be a verb of a stream."""

    verb: ClassVar[str]
    _run: ClassVar[Callable[..., Iterator[Progress]]]

    def __init__(self, stream: Stream[Any]) -> None:
        self.stream = stream

    @property
    def name(self) -> str:
        """Return the name that plans use: ``Collect Users``."""
        return f"{self.verb.capitalize()} {self.stream.name.capitalize()}"

    @property
    def description(self) -> str:
        """Return a line for people."""
        return f"{self.verb.capitalize()} {self.stream.plugin_name} {self.stream.name}"

    def run(self, ctx: Context) -> Iterator[Progress]:
        """Run it; nothing happens before its progress is asked for."""
        return type(self)._run(ctx, self.stream)


class Collector(Subtask):
    """Ask the tool for records."""

    verb = "collect"
    _run = staticmethod(core.collect)


class SubstreamCollector(Collector):
    """Ask the tool for the records of each parent."""


class Extractor(Subtask):
    """Make tool rows of raw rows."""

    verb = "extract"
    _run = staticmethod(core.extract)


class Convertor(Subtask):
    """Make domain rows of tool rows."""

    verb = "convert"
    _run = staticmethod(core.convert)
