"""The contract between devlake_core and its guests, on one page (pluggy project ``devlake``).

Registration hooks are plural nouns and give values; a ``Plugin`` implements them from its
attributes, a ``devlake.hooks`` package may add to somebody else's plugin. Event hooks tell what
happens; they run for the plugin that owns the call and for ``devlake.hooks`` packages. Each hook
has a page with examples in ``docs/hooks/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import pluggy

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from devlake_core.api import Resolution
    from devlake_core.api.runtime import Call
    from devlake_core.plugin.events import Subtask

PROJECT = "devlake"

hookspec = pluggy.HookspecMarker(PROJECT)
_hookimpl = pluggy.HookimplMarker(PROJECT)

_F = TypeVar("_F")


class _Mark(Protocol):
    def __call__(self, function: _F, /) -> _F: ...


@overload
def hookimpl(function: _F, /) -> _F: ...
@overload
def hookimpl(
    *,
    plugins: Iterable[str] = ...,
    specname: str | None = ...,
    tryfirst: bool = ...,
    trylast: bool = ...,
    optionalhook: bool = ...,
    wrapper: bool = ...,
) -> _Mark: ...
def hookimpl(function: Any = None, /, *, plugins: Iterable[str] = (), **options: Any) -> Any:
    """Mark a function as the implementation of the hook that it is named after.

    Args:
        function: the function, where the mark is used without arguments.
        plugins: the data sources it is for, by name; all where it is left out. It keeps a
            company's headers from leaking to every tool.
        **options: pluggy's ``specname``, ``tryfirst``, ``trylast``, ``optionalhook``, ``wrapper``.
    """

    def mark(target: Any) -> Any:
        names = (plugins,) if isinstance(plugins, str) else tuple(plugins)
        getattr(target, "__func__", target).devlake_plugins = names
        return _hookimpl(target, **options)

    return mark if function is None else mark(function)


# --- registration -----------------------------------------------------------------------------


@hookspec
def devlake_connection_types() -> Iterable[Any]:
    """Give connection classes, or pairs of a plugin's name and a class, when a guest is loaded."""
    raise NotImplementedError


@hookspec
def devlake_scopes() -> Iterable[Any]:
    """Give tool scope classes, or pairs of a plugin's name and a class, when a guest is loaded."""
    raise NotImplementedError


@hookspec
def devlake_streams(plugin: str) -> Iterable[Any]:
    """Give stream classes for a data source, when it is loaded.

    Args:
        plugin: the data source's name.
    """
    raise NotImplementedError


@hookspec
def devlake_paginators() -> Iterable[Any]:
    """Give paginator classes, or pairs of a name and a factory, when a guest is loaded."""
    raise NotImplementedError


@hookspec
def devlake_migrations(plugin: str) -> Iterable[Any]:
    """Give migration scripts for a data source's tables, when it is loaded.

    Args:
        plugin: the data source's name.
    """
    raise NotImplementedError


# --- events -----------------------------------------------------------------------------------


@hookspec
def devlake_before_request(call: Call) -> None:
    """Run before each attempt of a request, before the authenticator; assign ``call.request``.

    Args:
        call: the request and what it is for; the same object for all hooks of one attempt.
    """


@hookspec
def devlake_after_response(call: Call) -> None:
    """Run after each response, before the author's own hooks; assign ``call.response``.

    Args:
        call: the response, its request and what they are for.
    """


@hookspec(firstresult=True)
def devlake_resolve_response(call: Call) -> Resolution | None:
    """Decide what a response means; the first that does not return None wins.

    Args:
        call: the response, its request and what they are for.
    """


@hookspec
def devlake_before_subtask(subtask: Subtask) -> None:
    """Run before a verb (collect, extract, convert) of a stream begins.

    Args:
        subtask: which verb of which stream, for which connection and scope.
    """


@hookspec
def devlake_after_subtask(subtask: Subtask, counts: Counter[str]) -> None:
    """Run after a verb of a stream ended well.

    Args:
        subtask: which verb of which stream, for which connection and scope.
        counts: what was done: requests, records, written, unchanged, quarantined …
    """


@hookspec
def devlake_on_subtask_error(subtask: Subtask, error: BaseException) -> None:
    """Run after a verb of a stream failed; the error goes on its way afterwards.

    Args:
        subtask: which verb of which stream, for which connection and scope.
        error: what was raised.
    """
