"""Perform one step: a verb of a stream, with its context and those who listen to it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from devlake_core.errors import ConfigError
from devlake_core.plugin.guard import put_back
from devlake_core.store.catalog import row_of
from devlake_core.stream import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.events import EventHooks, Subtask
    from devlake_core.plugin.records import PluginRecord
    from devlake_core.store import Store
    from devlake_core.stream import Progress

    from .steps import Step


def make_context(
    plugin: Plugin,
    record: PluginRecord,
    store: Store,
    rows: tuple[Any, Any, Any],
    options: dict[str, Any],
) -> Context:
    """Return the context of a scope's steps.

    Args:
        plugin: whose steps they are.
        record: what is known of the plugin.
        store: where the rows are kept.
        rows: the connection, the scope and the scope config.
        options: what the caller asked for.
    """
    ctx: Context = Context(store, *rows, options)
    ctx.api_type = plugin.api_type
    ctx.streams = plugin.all_streams
    ctx.plugin_version = record.version
    return ctx


def scope_config(plugin: Plugin, values: Mapping[str, Any] | None, hint: str = "") -> Any:
    """Return a scope config: a saved one, else the class with its defaults.

    Args:
        plugin: whose config it is.
        values: the saved one's; None if there is none.
        hint: what to do if one is needed.

    Raises:
        ConfigError: there is no saved one, and a field has no default.
    """
    kind: Any = plugin.scope_config_type
    if values is not None:
        return row_of(kind, values)
    needed = [
        name for name, info in kind.model_fields.items() if info.is_required() and name != "name"
    ]
    if needed:
        message = f"scopes of {plugin.name} need a config: {', '.join(needed)} has no default"
        how = f"devlake configs add {plugin.name} --help, then devlake scopes add --config"
        raise ConfigError(message, hint=hint or how)
    return kind()


def run_step(
    plugin: Plugin,
    record: PluginRecord,
    ctx: Context,
    step: Step,
    hooks: EventHooks,
    subtask: Subtask,
    told: Callable[[Progress], None],
) -> Counter[str]:
    """Run one verb of one stream and tell those who listen; return what it counted.

    Args:
        plugin: whose step it is.
        record: what is known of the plugin.
        ctx: what the step is given.
        step: verb and stream.
        hooks: those who listen.
        subtask: what they are told of the step.
        told: takes each progress.
    """
    before = Counter(ctx.counts)
    with put_back(record.source, f"while it ran {step.verb} {step.stream.name}"):
        try:
            hooks.before_subtask(subtask)
            for progress in getattr(plugin, step.verb)(ctx, step.stream):
                told(progress)
        except (Exception, SystemExit) as error:
            hooks.on_subtask_error(subtask, error)
            raise
        counts = Counter(ctx.counts)
        counts.subtract(before)
        hooks.after_subtask(subtask, +counts)
    return +counts
