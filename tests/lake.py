"""A scope and a store for tests of the data path: run streams, look at the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, text

from devlake_core.model import Connection, ScopeConfig, registry_of
from devlake_core.store import Store, raw_table
from devlake_core.store.ledger import ledger_tables
from devlake_core.stream import Context, Stream
from devlake_core.subtask import collect, convert, extract

if TYPE_CHECKING:
    from collections import Counter

VERBS = {"collect": collect, "extract": extract, "convert": convert}


class Lake:
    """Run streams of one plugin on one store, and look at the tables.

    Args:
        url: an empty database.
        plugin: the plugin's name, that of the module which defines its models.
        streams: its stream classes, parents first.
        scope_type: its scope class.
        tables: further tables that are needed, such as those of the domain layer.
    """

    def __init__(
        self, url: str, plugin: str, streams: list[type[Stream]], scope_type: Any, tables: Any = ()
    ) -> None:
        self.store = Store.open(url)
        self.plugin = plugin
        self.streams = [stream(plugin) for stream in streams]
        self.scope_type = scope_type
        self.config: Any = ScopeConfig()
        self.version = "1"
        self.last: Context | None = None
        with self.store.transaction() as connection:
            registry_of(plugin).metadata.create_all(connection)
            for model in tables:
                model.__table__.create(connection, checkfirst=True)

    def context(self, scope: str = "b", **options: Any) -> Context:
        """Return a context for a scope."""
        ctx: Context = Context(
            self.store,
            Connection(id=1, name="c"),
            self.scope_type(id=scope, name=scope, connection_id=1),
            self.config,
            options,
        )
        ctx.streams = self.streams
        ctx.plugin_version = self.version
        return ctx

    def stream(self, name: str) -> Stream:
        """Return a stream by its name."""
        return next(stream for stream in self.streams if stream.name == name)

    def verb(self, verb: str, name: str, scope: str = "b", **options: Any) -> Context:
        """Run one verb of one stream."""
        ctx = self.context(scope, **options)
        for _ in VERBS[verb](ctx, self.stream(name)):
            pass
        self.last = ctx
        return ctx

    def run(
        self, scope: str = "b", verbs: str = "collect extract convert", **options: Any
    ) -> Counter[str]:
        """Run verbs of all streams, stream by stream; return what was counted."""
        ctx = self.context(scope, **options)
        for stream in self.streams:
            for verb in verbs.split():
                if verb == "collect" and not stream.collects:
                    continue
                for _ in VERBS[verb](ctx, stream):
                    pass
        self.last = ctx
        return ctx.counts

    def rows(self, model: Any, *names: str, scope: str | None = None) -> list[Any]:
        """Return rows of a table class, sorted; single values where one column is asked for."""
        table = model if not hasattr(model, "__table__") else model.__table__
        query = select(*(table.c[name] for name in names))
        if scope is not None:
            query = query.where(table.c.raw_data_params == self.context(scope).params)
        with self.store.reading() as connection:
            found = [tuple(row) for row in connection.execute(query)]
        return sorted(row[0] if len(names) == 1 else row for row in found)

    def raw_ids(self, name: str) -> list[int]:
        """Return the ids of a stream's raw rows."""
        return self.rows(raw_table(f"_raw_{self.plugin}_{name}"), "id")

    def quarantined(self) -> list[tuple[str, str]]:
        """Return verb and reason of what is in quarantine."""
        return self.rows(ledger_tables(self.plugin)[1], "verb", "reason")

    def notes(self) -> list[Any]:
        """Return what is noted to be swept."""
        return self.rows(ledger_tables(self.plugin)[2], "target", "raw_id")

    def execute(self, statement: str, **values: Any) -> None:
        """Run a statement of the test's own."""
        with self.store.transaction() as connection:
            connection.execute(text(statement), values)

    def empty(self, model: Any) -> None:
        """Delete all rows of a table."""
        with self.store.transaction() as connection:
            connection.execute(delete(model.__table__))
