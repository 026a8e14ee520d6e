"""Plugins made on the spot, each of a package of its own."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

import devlake_core.model as model
from devlake_core.migration import Script
from devlake_core.migration.builder import MigrationScriptBuilder
from devlake_core.store import Store

NUMBERS = itertools.count(1)


@pytest.fixture
def store(db_url):
    opened = Store.open(db_url)
    yield opened
    opened.close()


class Lake:
    """Look into a database."""

    def __init__(self, store):
        self.store = store

    def columns(self, table):
        with self.store.reading() as connection:
            return {c["name"]: c for c in sa.inspect(connection).get_columns(table)}

    def key(self, table):
        with self.store.reading() as connection:
            return set(sa.inspect(connection).get_pk_constraint(table)["constrained_columns"])

    def indexes(self, table):
        with self.store.reading() as connection:
            return {i["name"] for i in sa.inspect(connection).get_indexes(table)}

    def rows(self, sql):
        with self.store.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def execute(self, *statements):
        with self.store.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def history(self):
        return [
            (version, comment)
            for version, comment in self.rows(
                "SELECT script_version, comment FROM _devlake_migration_history "
                "ORDER BY script_version"
            )
            if comment != "devlake_core"
        ]


@pytest.fixture
def lake(store):
    return Lake(store)


@pytest.fixture
def shop():
    """Return a maker of one plugin's versions: models and scripts vary, the package does not."""
    return Shop(f"shop{next(NUMBERS)}")


class Shop:
    """Make a plugin of models and scripts, as a package `devlake_plugin_<name>` would have it."""

    def __init__(self, name):
        self.name = name
        self.module = f"devlake_plugin_{name}.plugin"
        self.things = f"_tool_{name}_things"
        self.config = self.model("ShopConfig", model.ScopeConfig)

    def model(self, title, base=model.ToolModel, /, **fields):
        annotations = {key: value[0] for key, value in fields.items()}
        values = {key: value[1] for key, value in fields.items() if len(value) > 1}
        namespace = {"__module__": self.module, "__annotations__": annotations, **values}
        return type(base)(title, (base,), namespace)

    def thing(self, **fields):
        fields = {"id": (str, model.Field(primary_key=True)), **fields}
        return self.model("Thing", **fields)

    def script(self, version, write):
        builder = MigrationScriptBuilder()
        write(builder)
        number = version if version > 10**13 else 20260101000000 + version
        return Script(number, f"{self.name} step {version}", tuple(builder.operations), self.module)

    def base(self):
        """Return the fixed models and the script that makes their tables."""
        connection = self.model("ShopConnection", model.Connection)
        scope = self.model("Shelf", model.ToolScope)
        create = self.script(0, lambda b: b.create_tables(connection, scope, self.config))
        return connection, scope, create

    def plugin(self, thing, *scripts):
        connection, scope, create = self.base()
        kind = type("ShopPlugin", (SimpleNamespace,), {"__module__": self.module})
        things = [] if thing is None else [thing]
        for made in things:
            if "__table__" not in vars(made):
                type.__setattr__(made, "__table__", model.table_of(made, sa.MetaData()))
        return kind(
            name=self.name,
            connection_type=connection,
            tool_scope_type=scope,
            scope_config_type=self.config,
            tool_models=things,
            migrations=[create, *scripts],
        )
