"""What DevLake's server is told of a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.model import ScopeConfig, ToolModel, model_info, package_name
from devlake_core.stream import stream_name

from .messages import SubtaskMeta

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from devlake_core.stream import Stream

    from .base import Plugin

_scope_configs: dict[str, type[ScopeConfig]] = {}


def plain_scope_config(module: str) -> type[ScopeConfig]:
    """Return the scope config class of a package whose author wrote none, with no field more."""
    package = package_name(module)
    if package not in _scope_configs:
        made: Any = type(ScopeConfig)
        _scope_configs[package] = made(
            "ScopeConfig", (ScopeConfig,), {"__module__": module}, table=True
        )
    return _scope_configs[package]


def parents_first(streams: Iterable[Stream[Any]]) -> list[Stream[Any]]:
    """Return streams so that each comes after those whose rows it reads, else as they came."""
    by_name = {stream.name: stream for stream in streams}
    ordered: dict[str, Stream[Any]] = {}

    def put(stream: Stream[Any], above: tuple[str, ...]) -> None:
        for source in (stream.parent_stream, stream.raw_from):
            name = None if source is None else stream_name(source)
            # One that is missing, or goes in a circle, is found by the check of the plugin.
            if name in by_name and name not in above:
                put(by_name[name], (*above, stream.name))
        ordered.setdefault(stream.name, stream)

    for stream in by_name.values():
        put(stream, (stream.name,))
    return list(ordered.values())


def subtasks_of(plugin: str, stream: Stream[Any]) -> list[SubtaskMeta]:
    """Return the verbs that a stream has: none collects for another, none converts nothing."""
    model: Any = stream.tool_model
    has = {
        "collect": stream.collects,
        "extract": model is not None,
        "convert": model is not None and stream.converts,
    }
    kinds = tuple(kind.value for kind in stream.effective_domain_types)
    return [SubtaskMeta(verb, stream.name, plugin, kinds) for verb, yes in has.items() if yes]


def _descendants(cls: type[Any]) -> Iterator[type[Any]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


def tool_models(plugin: Plugin) -> list[type[Any]]:
    """Return the tool models of a plugin: those of its streams, then the others of its package.

    Snapshots in migrations are no models of the plugin.
    """
    found: dict[str, type[Any]] = {}
    for stream in plugin.all_streams:
        if stream.tool_model is not None:
            found.setdefault(str(stream.tool_model.__tablename__), stream.tool_model)
    package = package_name(type(plugin).__module__)
    for model in _descendants(ToolModel):
        is_table = "__table__" in vars(model)
        snapshot = "<locals>" in model.__qualname__ or "migrations" in model.__module__.split(".")
        if is_table and not snapshot and package_name(model.__module__) == package:
            found.setdefault(str(model.__tablename__), model)
    found.pop(str(plugin.tool_scope_type.__tablename__), None)
    return list(found.values())


def plugin_info(plugin: Plugin, plugin_path: str = "") -> dict[str, Any]:
    """Return what the server wants to know of a plugin, as JSON-able values.

    Args:
        plugin: the plugin.
        plugin_path: the file that the server shall execute.
    """
    return {
        "name": plugin.name,
        "description": plugin.description,
        "connection_model_info": model_info(plugin.connection_type),
        "scope_model_info": model_info(plugin.tool_scope_type),
        "scope_config_model_info": model_info(plugin.scope_config_type),
        "tool_model_infos": [model_info(model) for model in tool_models(plugin)],
        "migration_scripts": [script.to_wire() for script in plugin.migration_scripts()],
        "plugin_path": plugin_path,
        "subtask_metas": [meta.as_dict() for meta in plugin.subtasks],
        "extension": "datasource",
    }
