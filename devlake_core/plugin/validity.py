"""Is a plugin sound? What is checked before anything of it runs."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from devlake_core.errors import PluginLoadError
from devlake_core.model import Connection, ScopeConfig, ToolScope
from devlake_core.model.table import bare_type
from devlake_core.stream import Stream, stream_name

from .tables import give_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .base import Plugin

_GO_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_STREAM = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_SECRET = re.compile(r"(^|_)(token|password|secret)$|_key$")


def check_plugin(plugin: Plugin, entry_point: str) -> None:
    """Refuse a plugin that cannot work.

    Args:
        plugin: the plugin.
        entry_point: the name under which it is installed.

    Raises:
        PluginLoadError: it is not valid; the message says why and the hint what to do.
    """
    if plugin.name != entry_point:
        message = f"its name is {plugin.name!r}, its entry point's is {entry_point!r}"
        module = type(plugin).__module__.partition(".")[0]
        hint = (
            f"rename one of the two, or write `__devlake_plugin__ = {entry_point!r}` in the "
            f"package {module}"
        )
        raise PluginLoadError(message, hint=hint)
    kinds: dict[str, tuple[Any, type]] = {
        "connection_type": (plugin.connection_type, Connection),
        "tool_scope_type": (plugin.tool_scope_type, ToolScope),
        "scope_config_type": (plugin.scope_config_type, ScopeConfig),
    }
    for what, (given, base) in kinds.items():
        if not (isinstance(given, type) and issubclass(given, base)):
            message = f"{what} of {type(plugin).__name__} is {given!r}, no {base.__name__} class"
            raise PluginLoadError(message, hint=f"set {what} to a subclass of {base.__name__}")
        _check_fields(given)
    give_tables(plugin)
    check_streams(plugin)
    # Reading them finds one that touches another plugin's table; nothing is run.
    plugin.migration_scripts()
    for model in plugin.tool_models:
        _check_fields(model)
        if not model.key_fields():
            message = f"tool model {model.__name__} has no key of its own"
            raise PluginLoadError(
                message, hint="give one field `Field(primary_key=True)`, such as the tool's id"
            )


def check_streams(plugin: Plugin, more: Iterable[Any] = ()) -> None:
    """Refuse streams that do not fit together.

    Args:
        plugin: the plugin.
        more: streams that are about to be added to it.

    Raises:
        PluginLoadError: two have one name, one has a bad name, or one's source is missing.
    """
    streams = [*plugin.all_streams, *more]
    for stream in streams:
        kind = stream if isinstance(stream, type) else type(stream)
        if not issubclass(kind, Stream):
            message = f"{kind.__name__} is among the streams, but is no Stream"
            raise PluginLoadError(message)
        name = stream_name(stream)
        if _STREAM.fullmatch(name) is None or name == "scopes":
            message = f"a stream cannot be called {name!a}"
            hint = "lower-case letters, digits, underscores; `scopes` is taken by the framework"
            raise PluginLoadError(message, hint=hint)
    names = Counter(map(stream_name, streams))
    twice = [name for name, number in names.items() if number > 1]
    if twice:
        message = f"two streams are called {twice[0]!r}"
        raise PluginLoadError(message, hint="give one of them a `name` of its own")
    for stream in streams:
        for what in ("parent_stream", "raw_from"):
            source = getattr(stream, what)
            if source is None:
                continue
            if stream_name(source) not in names:
                message = (
                    f"{what} of stream {stream_name(stream)!r} is {stream_name(source)!r}, "
                    f"which is not among the streams"
                )
                raise PluginLoadError(message, hint="add it to `streams`")
            if stream_name(source) == stream_name(stream):
                message = f"stream {stream_name(stream)!r} is its own {what}"
                raise PluginLoadError(message)


def _check_fields(model: type[Any]) -> None:
    """Refuse property names that DevLake's server, which is written in Go, cannot take."""
    seen: dict[str, str] = {}
    for name, info in model.model_fields.items():
        prop = info.alias or name
        if prop.startswith("_raw_data_"):
            continue
        if _GO_FIELD.fullmatch(prop) is None:
            message = f"field {prop!a} of {model.__name__} is no name that DevLake's server takes"
            hint = "begin with a letter; letters, digits and underscores follow"
            raise PluginLoadError(message, hint=hint)
        key = prop.replace("_", "").lower()
        if key in seen:
            message = (
                f"fields {seen[key]!r} and {prop!r} of {model.__name__} are one to DevLake's server"
            )
            raise PluginLoadError(message, hint="rename one: case and underscores do not count")
        seen[key] = prop


def warnings_of(plugin: Plugin) -> list[str]:
    """Return what a plugin's author should look at; nothing of it keeps the plugin from running."""
    found = []
    for model in (plugin.connection_type, plugin.scope_config_type):
        for name, info in model.model_fields.items():
            kind = bare_type(info.annotation)
            if _SECRET.search(name) and not (
                isinstance(kind, type) and issubclass(kind, SecretStr)
            ):
                found.append(
                    f"field {name!r} of {model.__name__} looks like a secret but is no SecretStr: "
                    "it would be stored and shown in clear"
                )
    return found
