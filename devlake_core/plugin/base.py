"""The Plugin class: what a data source brings, and what can be asked of it."""

from __future__ import annotations

import difflib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from devlake_core import subtask
from devlake_core.errors import UsageError
from devlake_core.hookspecs import hookimpl
from devlake_core.model import DomainType, package_name

from . import info, plan, remote
from .messages import PipelineTask, TestConnectionResult, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devlake_core.api import API
    from devlake_core.model import Connection, DomainScope, ScopeConfig, ToolScope
    from devlake_core.stream import Context, Progress, Stream

    from .messages import (
        Pipeline,
        RemotePage,
        RemoteQuery,
        RemoteScope,
        RemoteScopeGroup,
        SubtaskMeta,
    )


class Plugin:
    """Be a data source: say what it is made of, and answer questions about the tool.

    Class attributes (or properties):
        name: it follows from the package where it is left out.
        description: one line for people.
        connection_type: the Connection class.
        tool_scope_type: the ToolScope class.
        scope_config_type: the ScopeConfig class; a plain one where it is left out.
        api_type: the API class, which ``ctx.api`` and the default ``test_connection`` use.
        streams: Stream classes, in any order.
        migrations: migration scripts outside of the package's ``migrations`` module.
    """

    if TYPE_CHECKING:
        # Read-only, so that a class attribute and a property of the author's both fit.
        @property
        def name(self) -> str: ...  # noqa: D102
        @property
        def description(self) -> str: ...  # noqa: D102
        @property
        def connection_type(self) -> type[Connection]: ...  # noqa: D102
        @property
        def tool_scope_type(self) -> type[ToolScope]: ...  # noqa: D102
        @property
        def scope_config_type(self) -> type[ScopeConfig]: ...  # noqa: D102
        @property
        def api_type(self) -> type[API] | None: ...  # noqa: D102
        @property
        def streams(self) -> Sequence[type[Stream[Any]] | Stream[Any]]: ...  # noqa: D102
        @property
        def migrations(self) -> Sequence[Any]: ...  # noqa: D102
    else:
        connection_type = None
        tool_scope_type = None
        api_type = None
        streams = ()
        migrations = ()

        @property
        def name(self) -> str:
            """Return the package's name."""
            return package_name(type(self).__module__)

        @property
        def description(self) -> str:
            """Return a line for people."""
            return f"{self.name} plugin"

        @property
        def scope_config_type(self) -> type[ScopeConfig]:
            """Return a scope config class of the package's own, with no field more."""
            return info.plain_scope_config(type(self).__module__)

    # Replaced on the instance by `extend`; an author's __init__ need not call ours.
    _added_streams: Sequence[Any] = ()
    _added_migrations: Sequence[Any] = ()

    # --- what authors write -------------------------------------------------------------------

    def test_connection(self, connection: Any, /) -> TestConnectionResult:
        """Ask the tool something that needs the credentials; ``api_type.check`` names what."""
        check = getattr(self.api_type, "check", None)
        if self.api_type is None or check is None:
            message = f"plugin {self.name!r} has neither test_connection() nor an API with `check`"
            raise UsageError(message, hint="ask the plugin's author")
        return TestConnectionResult.from_api_response(self.api_type(connection).get(check))

    def domain_scopes(self, tool_scope: Any, /) -> Iterable[DomainScope] | None:
        """Return the domain rows that stand for a scope; their ids are filled in."""
        return ()

    def remote_scope_groups(self, connection: Any, /) -> Iterable[RemoteScopeGroup] | None:
        """Return the groups that the tool's scopes are in."""
        return ()

    def remote_scopes(
        self, connection: Any, group_id: str, /
    ) -> Iterable[ToolScope | RemoteScopeGroup] | None:
        """Return the scopes (and groups) of a group; of the whole tool if there are no groups."""
        return ()

    def browse(self, connection: Any, query: RemoteQuery, /) -> RemotePage:
        """Answer a query for groups and scopes; by the two methods above where not overridden."""
        return remote.default_browse(self, connection, query)

    def scope_from_argument(self, text: str | None, /) -> ToolScope | None:
        """Return the scope that a word of the command line means; None if it means none.

        Args:
            text: the word; None asks for a scope to take when nobody named one.
        """
        return None

    def extra_tasks(self, scope: Any, config: Any, connection: Any, /) -> list[PipelineTask]:
        """Return tasks to run in the stage of a scope, after the plugin's own."""
        return []

    def extra_stages(self, pairs: Any, connection: Any, /) -> list[list[PipelineTask]]:
        """Return stages to run after those of all scopes."""
        return []

    def make_pipeline_plan(self, pairs: Any, connection: Any, /) -> list[list[PipelineTask]]:
        """Return the stages for scopes with their configs."""
        stages = [self.make_pipeline_stage(scope, config, connection) for scope, config in pairs]
        return [*stages, *listed(self.extra_stages(pairs, connection))]

    def make_pipeline_stage(
        self, scope: Any, config: Any, connection: Any, /
    ) -> list[PipelineTask]:
        """Return the tasks for one scope."""
        options = {
            "scopeId": scope.id,
            "scopeName": scope.name,
            "connectionId": connection.id,
            "fullName": scope.name,
        }
        own = PipelineTask(self.name, False, self.select_subtasks(scope, config), options)
        return [own, *listed(self.extra_tasks(scope, config, connection))]

    def select_subtasks(self, scope: Any, config: Any, /) -> list[str]:
        """Return the names of the subtasks that a scope needs under its config."""
        wanted = set(DomainType) if config is None else set(config.domain_types)
        return [
            meta.name
            for stream in self.all_streams
            if wanted & set(stream.effective_domain_types) and stream.should_run_on(scope)
            for meta in info.subtasks_of(self.name, stream)
        ]

    # --- what others call ---------------------------------------------------------------------

    @cached_property
    def all_streams(self) -> list[Stream[Any]]:
        """Return the streams as instances, parents first, with those that others added."""
        made = [
            stream(self.name) if isinstance(stream, type) else stream
            for stream in [*self.streams, *self._added_streams]
        ]
        if len({stream.name for stream in made}) < len(made):
            # Left as they are for the check, which names the one that is there twice.
            return made
        return info.parents_first(made)

    def get_stream(self, name: str) -> Stream[Any]:
        """Return a stream by its name.

        Raises:
            UsageError: there is none of that name.
        """
        names = [stream.name for stream in self.all_streams]
        if name not in names:
            near = difflib.get_close_matches(name, names, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"streams: {', '.join(names)}"
            message = f"plugin {self.name!r} has no stream {name!r}"
            raise UsageError(message, hint=hint)
        return self.all_streams[names.index(name)]

    def collect(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Ask the tool for a stream's records and keep them as raw rows."""
        return subtask.collect(self._prepared(ctx), self._stream(stream))

    def extract(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Make tool rows of a stream's raw rows."""
        return subtask.extract(self._prepared(ctx), self._stream(stream))

    def convert(self, ctx: Context, stream: Stream[Any] | str) -> Iterator[Progress]:
        """Make domain rows of a stream's tool rows."""
        return subtask.convert(self._prepared(ctx), self._stream(stream))

    def make_remote_scopes(
        self, connection: Connection, group_id: str | None = None
    ) -> Iterator[RemoteScopeGroup | RemoteScope]:
        """Yield all groups and scopes of one level."""
        return remote.make_remote_scopes(self, connection, group_id)

    def make_pipeline(
        self, pairs: Sequence[plan.ScopeConfigPair], connection: Connection
    ) -> Pipeline:
        """Return the plan for scopes with their configs, and their domain scopes."""
        return plan.make_pipeline(self, pairs, connection)

    def plugin_info(self, plugin_path: str = "") -> dict[str, Any]:
        """Return what DevLake's server wants to know."""
        return info.plugin_info(self, plugin_path)

    @property
    def subtasks(self) -> list[SubtaskMeta]:
        """Return the verbs of all streams, in the order in which they run."""
        return [meta for stream in self.all_streams for meta in info.subtasks_of(self.name, stream)]

    @property
    def tool_models(self) -> list[type[Any]]:
        """Return the tool models of the streams, then the others of the package."""
        return info.tool_models(self)

    def migration_scripts(self) -> list[Any]:
        """Return the migration scripts that the server is told of."""
        from devlake_core.migration import scripts_of

        return list(scripts_of(self))

    @property
    def has_own_scope_config(self) -> bool:
        """Say whether the author wrote a scope config class."""
        return getattr(type(self), "scope_config_type", None) is not Plugin.scope_config_type

    def extend(self, streams: Iterable[Any], migrations: Iterable[Any]) -> None:
        """Add what a shared hooks package has for this plugin."""
        self._added_streams = [*self._added_streams, *streams]
        self._added_migrations = [*self._added_migrations, *migrations]
        self.__dict__.pop("all_streams", None)

    @classmethod
    def start(cls) -> None:
        """Answer DevLake's server: the command line of a plugin's ``main.py``; it ends there."""
        # Upwards, once: this method is the bridge's door in the author's file.
        from devlake_core.bridge.command import start

        start(cls())

    # --- hooks: a Plugin is a pluggy plugin, and these are its attributes -----------------------

    @hookimpl
    def devlake_connection_types(self) -> list[Any]:
        """Register the connection type."""
        return [(self.name, self.connection_type)]

    @hookimpl
    def devlake_scopes(self) -> list[Any]:
        """Register the scope type."""
        return [(self.name, self.tool_scope_type)]

    @hookimpl
    def devlake_streams(self, plugin: str) -> list[Any]:
        """Register the streams."""
        return list(self.streams) if plugin == self.name else []

    @hookimpl
    def devlake_migrations(self, plugin: str) -> list[Any]:
        """Register the migrations that are named outside of the package's module."""
        return list(self.migrations) if plugin == self.name else []

    def _stream(self, stream: Stream[Any] | str) -> Stream[Any]:
        return self.get_stream(stream) if isinstance(stream, str) else stream

    def _prepared(self, ctx: Context) -> Context:
        if ctx.api_type is None:
            ctx.api_type = self.api_type
        if not ctx.streams:
            # A stream that reads another's raw rows has to find that one.
            ctx.streams = self.all_streams
        return ctx
