"""The one host of a process: loads guests on demand and keeps them apart."""

from __future__ import annotations

import difflib
import logging
import os
from typing import TYPE_CHECKING, Any

from devlake_core.errors import HookError, PluginLoadError, UsageError
from devlake_core.raised import place

from . import discovery
from .clean import clean
from .events import EventHooks, Guest, guard, subset
from .guard import guarded, import_guest
from .records import PluginRecord
from .registration import fill_in_paginators, for_data_sources_alone, named, take_in, values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .base import Plugin

log = logging.getLogger(__name__)

STRICT = "DEVLAKE_STRICT"
"""The environment variable that makes a broken hooks package end the run."""


class Host:
    """Load data sources when they are asked for, and shared hooks with the first of them.

    What a guest does wrong is noted in its record and hurts nobody else.

    Args:
        records: the guests that there are; those that are installed where it is left out.
        strict: whether a broken hooks package is an error; ``DEVLAKE_STRICT`` decides if None.
    """

    def __init__(
        self, records: Iterable[PluginRecord] | None = None, *, strict: bool | None = None
    ) -> None:
        self._records = discovery.found() if records is None else list(records)
        self._strict = os.environ.get(STRICT, "") not in {"", "0"} if strict is None else strict
        self._shared: list[Guest] | None = None
        self._built_in: list[Guest] = []
        self._plugins: dict[str, Guest] = {}
        self._hooks: dict[str, EventHooks] = {}
        self._paginators: dict[Guest, dict[str, Any]] = {}

    def records(self) -> list[PluginRecord]:
        """Return what is known of each guest, in its present state."""
        return list(self._records)

    def record(self, name: str) -> PluginRecord:
        """Return the record of a data source.

        Raises:
            UsageError: there is none of that name.
        """
        named_so = [item for item in self._records if item.kind == "plugin" and item.name == name]
        if not named_so:
            names = sorted({item.name for item in self._records if item.kind == "plugin"})
            near = difflib.get_close_matches(name, names, 3)
            known = ", ".join(names) or "none is installed"
            message = f"there is no plugin {clean(name, 64)!r}"
            hint = f"did you mean {' or '.join(near)}?" if near else f"plugins: {known}"
            raise UsageError(message, hint=hint)
        # Of two with one name the usable one is meant, if there is one.
        return next((item for item in named_so if item.usable), named_so[0])

    def load(self, name: str) -> Plugin:
        """Return a data source, imported on the first call.

        Raises:
            UsageError: there is none of that name.
            PluginLoadError: it is broken or disabled; the message says why and the hint what to do.
        """
        if name not in self._plugins:
            record = self.record(name)
            if not record.usable:
                raise record.as_error()
            self.load_hooks()
            self._take_plugin(record, self._make(record))
        plugin: Plugin = self._plugins[name].object
        return plugin

    def add(self, plugin: Plugin) -> PluginRecord:
        """Take in a data source that is no distribution; it wins over an installed one.

        Raises:
            PluginLoadError: it is not valid.
        """
        kind = type(plugin)
        record = PluginRecord(
            "plugin", plugin.name, kind.__module__, "", f"{kind.__module__}:{kind.__qualname__}"
        )
        self._records = [
            item for item in self._records if (item.kind, item.name) != ("plugin", plugin.name)
        ]
        self._records.append(record)
        self._plugins.pop(plugin.name, None)
        self._hooks.pop(plugin.name, None)
        self.load_hooks()
        self._take_plugin(record, plugin)
        return record

    def add_hooks(self, name: str, guest: Any) -> PluginRecord:
        """Take in shared hooks that are no distribution; they run before those that are installed.

        Raises:
            PluginLoadError: a hook is wrong.
        """
        record = PluginRecord("hooks", name, type(guest).__module__, "", name)
        self._built_in.append(self._take_hooks(record, guest))
        self._records.append(record)
        self._hooks.clear()
        return record

    def load_hooks(self) -> None:
        """Import all shared hooks packages, once; a broken one is left out with a warning.

        Raises:
            PluginLoadError: one is broken, and ``DEVLAKE_STRICT`` is set.
        """
        if self._shared is not None:
            return
        self._shared = []
        records = [record for record in self._records if record.kind == "hooks"]
        for record in sorted(records, key=lambda item: item.name):
            if record in (guest.record for guest in self._built_in):
                continue
            try:
                if not record.usable:
                    raise record.as_error()
                guest = import_guest(record)
                if isinstance(guest, type):
                    with guarded(record, "while it was made"):
                        guest = guest()
                self._shared.append(self._take_hooks(record, guest))
            except PluginLoadError as error:
                self._leave_out(record, error)

    def runtime_hooks(self, name: str) -> EventHooks:
        """Return those who listen to the events of a data source.

        Raises:
            UsageError: there is no data source of that name.
            PluginLoadError: it is broken or disabled.
        """
        if name not in self._hooks:
            self.load(name)
            self._hooks[name] = EventHooks(
                name,
                subset(self._guests(), name, guard(self._shared_failed)),
                subset([self._plugins[name]], name, guard(_own_failed)),
            )
        return self._hooks[name]

    def _guests(self) -> list[Guest]:
        return [*self._built_in, *(self._shared or ())]

    def _make(self, record: PluginRecord) -> Plugin:
        # Ours first, so that its import is not counted in the guest's time.
        from .base import Plugin

        found = import_guest(record)
        with guarded(record, "while it was made"):
            if isinstance(found, type) and issubclass(found, Plugin):
                found = found()
            if not isinstance(found, Plugin):
                message = f"{record.entry_point} is {type(found).__name__}, no subclass of Plugin"
                raise PluginLoadError(
                    message, hint=f"name the plugin's class in the entry point of {record.source}"
                )
            return found

    def _take_plugin(self, record: PluginRecord, plugin: Plugin) -> None:
        from .validity import check_plugin

        guest = take_in(record, plugin)
        with guarded(record, "while it was checked", "invalid"):
            check_plugin(plugin, record.name)
        own = subset([guest], record.name)
        paginators = named(record, "devlake_paginators", values(record, own, "devlake_paginators"))
        values(record, own, "devlake_connection_types")
        values(record, own, "devlake_scopes")
        for shared in self._guests():
            self._extend(plugin, shared)
        known: dict[str, Any] = {}
        for shared in self._guests():
            known |= self._paginators[shared]
        fill_in_paginators(record, plugin, known | paginators)
        self._plugins[record.name] = guest
        record.state = "ok"

    def _extend(self, plugin: Plugin, guest: Guest) -> None:
        """Add what a shared hooks package has for a data source, all of it or nothing."""
        from .validity import check_streams

        record, hooks = guest.record, subset([guest], plugin.name)
        try:
            streams = values(record, hooks, "devlake_streams", plugin=plugin.name)
            migrations = values(record, hooks, "devlake_migrations", plugin=plugin.name)
            with guarded(record, f"while it was added to {plugin.name!r}", "invalid"):
                check_streams(plugin, streams)
                plugin.extend(streams, migrations)
        except PluginLoadError as error:
            self._drop(guest)
            self._leave_out(record, error)

    def _take_hooks(self, record: PluginRecord, found: Any) -> Guest:
        guest = take_in(record, found)
        for_data_sources_alone(guest)
        hook = "devlake_paginators"
        self._paginators[guest] = named(record, hook, values(record, guest.hooks, hook))
        record.state = "ok"
        return guest

    def _drop(self, guest: Guest) -> None:
        self._shared = [item for item in self._shared or () if item is not guest]
        self._built_in = [item for item in self._built_in if item is not guest]
        self._hooks.clear()

    def _leave_out(self, record: PluginRecord, error: PluginLoadError) -> None:
        if self._strict and record.state == "broken":
            raise error
        # Who switched it off by name knows; who made a list of others may have forgotten it.
        known = record.state == "disabled" and discovery.DENIED in record.reason
        log.log(logging.INFO if known else logging.WARNING, "left out: %s. %s", error, error.hint)

    def _shared_failed(self, record: PluginRecord, hook: str, error: BaseException) -> None:
        failure = _failure(record, hook, error)
        if self._strict:
            # As for one that is broken before the run: the installation is to be mended.
            failure.exit_code = PluginLoadError.default_exit_code
            raise failure from error
        log.warning("%s", failure.message)
        log.debug("%s", failure.message, exc_info=error)
        record.mark_broken("hook", failure.message, f"ask the author of {record.source}")


def _own_failed(record: PluginRecord, hook: str, error: BaseException) -> None:
    raise _failure(record, hook, error) from error


def _failure(record: PluginRecord, hook: str, error: BaseException) -> HookError:
    text = clean(f"{type(error).__name__}: {error}", 300) + place(error)
    return HookError(
        f"{hook} of {record.kind} {record.name!r} ({record.source}) failed: {text}",
        hook=hook,
        plugin=record.name,
        distribution=record.source,
    )
