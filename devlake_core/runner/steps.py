"""Which verbs of which streams a job runs, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from devlake_core.stream import Substream

if TYPE_CHECKING:
    from devlake_core.plugin.base import Plugin
    from devlake_core.stream import Stream

    from .job import Job


class Step(NamedTuple):
    """Be one verb of one stream."""

    verb: str
    stream: Stream[Any]


def steps(plugin: Plugin, job: Job, scope: Any, config: Any) -> list[Step]:
    """Return the steps of a job: stream by stream, parents first, in each the verbs in order.

    Without named streams they are those that the scope's config asks for. Where children are
    collected, their parents are extracted too, for they are read from the parents' tool table.

    Raises:
        UsageError: a named stream does not exist.
    """
    named = {plugin.get_stream(name).name for name in job.streams}
    selected = None if named else set(plugin.select_subtasks(scope, config))
    wanted = {
        (meta.verb, meta.stream)
        for meta in plugin.subtasks
        if meta.verb in job.verbs
        and (meta.stream in named if selected is None else meta.name in selected)
    }
    if "collect" in job.verbs:
        wanted |= _parents(plugin, {stream for verb, stream in wanted if verb == "collect"})
    return [
        Step(verb, stream)
        for stream in plugin.all_streams
        if stream.should_run_on(scope)
        for verb in ("collect", "extract", "convert")
        if (verb, stream.name) in wanted
    ]


def _parents(plugin: Plugin, collected: set[str]) -> set[tuple[str, str]]:
    """Return the extract steps of the parents of streams, and of the parents' parents."""
    found: set[tuple[str, str]] = set()
    for name in collected:
        stream: Any = plugin.get_stream(name)
        while isinstance(stream, Substream) and stream.parent_stream is not None:
            stream = plugin.get_stream(stream.parent_stream.name)
            found.add(("extract", stream.name))
    return found
