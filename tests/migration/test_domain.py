"""The domain layer: made where it is missing; a server's database is left alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

import devlake_core.model as model
from devlake_core.migration import domain as domain_room
from devlake_core.migration import executor, history
from devlake_core.store import Store

SCHEMA = json.loads(
    (Path(__file__).parent.parent / "data" / "devlake" / "domain-schema.json").read_text()
)
METADATA = sa.MetaData()
LAYER = [
    sa.Table(f"layer_{n}", METADATA, sa.Column("id", sa.String(255), primary_key=True))
    for n in range(3)
]


@pytest.fixture
def small(monkeypatch):
    """Let three tables be the domain layer."""
    monkeypatch.setattr(domain_room, "domain_tables", lambda: LAYER)


def test_a_new_database_gets_the_layer_and_the_mark_of_ours(store, small):
    assert [one.plugin for one in executor.pending(store, [])] == ["devlake_core"]
    assert [one.plugin for one in executor.migrate(store, [])] == ["devlake_core"]
    assert {"layer_0", "layer_1", "layer_2"} <= store.tables()
    assert history.made_by(store) == "devlake_core"
    assert executor.pending(store, []) == []
    assert executor.migrate(store, []) == []


def test_half_a_layer_is_completed(store, small):
    with store.transaction() as connection:
        LAYER[1].create(connection)
        connection.exec_driver_sql("INSERT INTO layer_1 VALUES ('kept')")
    executor.migrate(store, [])
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT id FROM layer_1").scalar() == "kept"
    assert {"layer_0", "layer_2"} <= store.tables()


def test_a_layer_killed_before_its_last_index_is_completed(mysql_url, monkeypatch):
    table = sa.Table(
        "layer_3",
        sa.MetaData(),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("x", sa.String(255)),
    )
    bare = sa.Table("layer_3", sa.MetaData(), *(column._copy() for column in table.columns))
    sa.Index("idx_layer_3_x", table.c.x)
    monkeypatch.setattr(domain_room, "domain_tables", lambda: [table])
    store = Store.open(mysql_url)
    try:
        with store.transaction() as connection:
            bare.create(connection)
        assert executor.pending(store, [])
        executor.migrate(store, [])
        with store.reading() as connection:
            assert [i["name"] for i in sa.inspect(connection).get_indexes("layer_3")] == [
                "idx_layer_3_x"
            ]
        assert executor.pending(store, []) == []
    finally:
        store.close()


def test_the_real_layer_is_made_whole_and_once(store):
    tables = {table.name for table in domain_room.domain_tables()}
    if not tables:
        pytest.skip("there is no domain layer yet")
    executor.migrate(store, [])
    assert tables <= store.tables()
    assert executor.migrate(store, []) == []


# --- a database that DevLake's server made ---------------------------------------------------


def server_tables():
    wanted = {
        **SCHEMA["example_tool"],
        "_devlake_migration_history": SCHEMA["shared"]["_devlake_migration_history"],
    }
    return wanted


def ddl(name, table, dialect):
    """Return the statements that make a table as the server's was read from information_schema."""
    quote = "`" if dialect == "mysql" else '"'
    lines = []
    for column, kind in table[dialect].items():
        kind = re.sub(r"bigint( not null)? default nextval.*", "bigserial", kind)
        kind = re.sub(r"integer not null default nextval.*", "serial", kind)
        kind = kind.replace("bigint not null default nextval", "bigserial --")
        lines.append(f"{quote}{column}{quote} {kind}")
    key = table.get(f"primary_key_{dialect}", table["primary_key"])
    lines.append(f"PRIMARY KEY ({', '.join(f'{quote}{c}{quote}' for c in key)})")
    yield f"CREATE TABLE {quote}{name}{quote} ({', '.join(lines)})"
    indexes = table.get(f"indexes_{dialect}", table.get("indexes")) or {}
    for index, column in indexes.items():
        yield f"CREATE INDEX {quote}{index}{quote} ON {quote}{name}{quote} ({quote}{column}{quote})"


@pytest.fixture(params=["postgresql", "mysql"])
def server(request):
    """Return a database as the server left it, with the recorded plugin's tables and history."""
    store = Store.open(request.getfixturevalue(f"{request.param}_url"))
    dialect = "postgres" if request.param == "postgresql" else "mysql"
    with store.transaction() as connection:
        for name, table in server_tables().items():
            for statement in ddl(name, table, dialect):
                connection.exec_driver_sql(statement)
        for script in [
            (20220406212344, "init schemas", "Framework"),
            (20230530000001, "init schemas", "fake"),
            (20230630000001, "populated _raw_data_table column for fakeproject", "fake"),
        ]:
            connection.execute(
                sa.text("INSERT INTO _devlake_migration_history VALUES (NULL, :v, :n, :c)"),
                dict(zip("vnc", script, strict=True)),
            )
    yield store
    store.close()


class Fake:
    """Be the plugin that the server ran, as far as migrations look at it."""

    name = "fake"
    __module__ = "fakeplugin.main"

    def __init__(self, scripts):
        def table(title, base, **fields):
            namespace = {
                "__module__": "fakeplugin.main",
                "__annotations__": {k: v[0] for k, v in fields.items()},
                **{k: v[1] for k, v in fields.items() if len(v) > 1},
            }
            return type(base)(title, (base,), namespace)

        self.connection_type = table("FakeConnection", model.Connection, token=(str,))
        self.tool_scope_type = table("FakeProject", model.ToolScope, url=(str,))
        self.scope_config_type = table("FakeScopeConfig", model.ScopeConfig, env=(str,))
        self.tool_models = [
            table(
                "FakePipeline",
                model.ToolModel,
                id=(str, model.Field(primary_key=True)),
                state=(str,),
            )
        ]
        self.migrations = scripts


def snapshot(store):
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        return {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
                inspector.get_pk_constraint(table)["constrained_columns"],
                sorted(i["name"] for i in inspector.get_indexes(table)),
            )
            for table in store.tables()
        }


def recorded_scripts(plugin):
    from devlake_core.migration import MigrationScriptBuilder, Script

    builder = MigrationScriptBuilder()
    builder.create_tables(
        plugin.connection_type,
        *plugin.tool_models,
        plugin.tool_scope_type,
        plugin.scope_config_type,
    )
    return [
        Script(20230530000001, "init schemas", tuple(builder.operations)),
        Script(20230630000001, "populated _raw_data_table column for fakeproject", ()),
    ]


def test_on_a_servers_database_nothing_is_made_twice_and_nothing_is_changed(server, monkeypatch):
    monkeypatch.setattr(domain_room, "domain_tables", list)
    before = snapshot(server)
    plugin = Fake(())
    plugin.migrations = recorded_scripts(plugin)
    assert executor.pending(server, [plugin]) == []
    assert executor.migrate(server, [plugin]) == []
    executor.ensure(server, plugin)
    assert snapshot(server) == before
    assert history.made_by(server) == "server"


def test_a_newer_script_is_all_that_runs_on_a_servers_database(server, monkeypatch):
    from devlake_core.migration import MigrationScriptBuilder, Script

    monkeypatch.setattr(domain_room, "domain_tables", list)
    before = snapshot(server)
    plugin = Fake(())
    builder = MigrationScriptBuilder()
    builder.create_tables(*plugin.tool_models)
    builder.add_column("_tool_fakeplugin_fakepipelines", "branch", "varchar(255)")
    newer = Script(20260101000000, "branch", tuple(builder.operations))
    plugin.migrations = [*recorded_scripts(plugin), newer]
    assert [one.version for one in executor.migrate(server, [plugin])] == [newer.version]
    after = snapshot(server)
    columns = after["_tool_fakeplugin_fakepipelines"][0]
    assert columns.pop()[0] == "branch"
    assert after == before


def test_the_layer_of_a_server_is_not_marked_as_ours(server, small):
    executor.migrate(server, [])
    assert {"layer_0", "layer_1", "layer_2"} <= server.tables()
    assert history.made_by(server) == "server"
    assert executor.pending(server, []) == []
