"""Take a guest in: are its hooks ours, and what does it register?"""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any

import pluggy

from devlake_core import hookspecs
from devlake_core.errors import PluginLoadError

from .clean import clean
from .events import Guest, new_manager
from .guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .base import Plugin
    from .records import PluginRecord

MOST_VALUES = 10_000
"""How many values one registration hook may give."""

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("devlake_"))


def take_in(record: PluginRecord, guest: Any) -> Guest:
    """Check a guest's hooks against the contract.

    Nothing is registered anywhere if one of them is wrong.

    Raises:
        PluginLoadError: a hook is unknown, unmarked or has a wrong signature; the record is
            marked as broken.
    """
    manager = new_manager()
    with guarded(record, "while its hooks were read"):
        try:
            manager.register(guest, record.name)
        except pluggy.PluginValidationError as error:
            _refuse(record, f"wrong hook: {clean(error, 400)}")
        for name in HOOKS:
            static = inspect.getattr_static(guest, name, None)
            if static is not None and manager.parse_hookimpl_opts(guest, name) is None:
                _refuse(record, f"wrong hook: {name} is not marked with @hookimpl")
        for caller in manager.get_hookcallers(guest) or ():
            if caller.has_spec():
                _no_old_wrapper(record, caller)
            elif not all(impl.optionalhook for impl in caller.get_hookimpls()):
                near = difflib.get_close_matches(caller.name, HOOKS, 1)
                meant = f"; {near[0]} is meant, perhaps" if near else ""
                _refuse(record, f"wrong hook: there is no {clean(caller.name, 80)}{meant}")
    return Guest(record, guest, manager)


def _no_old_wrapper(record: PluginRecord, caller: pluggy.HookCaller) -> None:
    if any(impl.hookwrapper for impl in caller.get_hookimpls()):
        _refuse(record, f"wrong hook: {caller.name} says hookwrapper=True; wrapper=True is meant")


def _refuse(record: PluginRecord, reason: str) -> None:
    record.mark_broken(
        "hook", reason, f"ask the author of {record.source}; docs/hooks/ lists hooks and arguments"
    )
    raise PluginLoadError(reason)


def values(
    record: PluginRecord, hooks: pluggy.PluginManager, hook: str, **arguments: Any
) -> list[Any]:
    """Return all that a guest gives in a registration hook.

    Raises:
        PluginLoadError: it raised, early or late, or gave too much; the record is marked as broken.
    """
    given: list[Any] = []
    with guarded(record, f"in {hook}", "hook"):
        answers: Iterable[Any] = getattr(hooks.hook, hook)(**arguments)
        for answer in answers:
            for value in answer:
                given.append(value)
                if len(given) > MOST_VALUES:
                    _refuse(record, f"{hook} gives more than {MOST_VALUES:,} values")
    return given


def named(record: PluginRecord, hook: str, given: Iterable[Any]) -> dict[str, Any]:
    """Return values by name: pairs bear theirs, a class its own or its lower-case class name.

    Raises:
        PluginLoadError: a value is neither a class nor a pair; the record is marked as broken.
    """
    result: dict[str, Any] = {}
    for value in given:
        if isinstance(value, type):
            said = value.__dict__.get("name")
            result[said if isinstance(said, str) else value.__name__.lower()] = value
        elif isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
            result[value[0]] = value[1]
        else:
            record.mark_broken(
                "hook",
                f"{hook} gives {clean(repr(value), 80)}, neither a class nor a (name, factory)",
                f"ask the author of {record.source}",
            )
            raise record.as_error()
    return result


def for_data_sources_alone(guest: Guest) -> None:
    """Refuse shared hooks that register what only a data source can use.

    Raises:
        PluginLoadError: they do; the record is marked as broken.
    """
    for caller in guest.hooks.get_hookcallers(guest.object) or ():
        if caller.name in {"devlake_connection_types", "devlake_scopes"}:
            _refuse(guest.record, f"wrong hook: {caller.name} is for data sources alone")


def fill_in_paginators(record: PluginRecord, plugin: Plugin, known: dict[str, Any]) -> None:
    """Put paginators in the place of the names by which a plugin's API and streams mean them.

    Args:
        record: the plugin's record.
        plugin: the plugin.
        known: classes or factories by name.

    Raises:
        PluginLoadError: there is none of that name; the record is marked as broken.
    """
    places: list[tuple[str, Any]] = [("its API", plugin.api_type)]
    places += [(f"stream {stream.name!r}", stream) for stream in plugin.all_streams]
    for where, owner in places:
        name = getattr(owner, "paginator", None)
        if not isinstance(name, str):
            continue
        if name not in known:
            near = ", ".join(difflib.get_close_matches(name, known, 3) or sorted(known)) or "none"
            record.mark_broken(
                "invalid",
                f"{where} wants the paginator {clean(name, 64)!r}, which nobody registers",
                f"install the package whose devlake_paginators gives it; there are: {near}",
            )
            raise record.as_error()
        with guarded(record, f"while the paginator {name!r} was made", "invalid"):
            # An attribute of the class or object itself: nobody else's paginator changes.
            owner.paginator = known[name]()
