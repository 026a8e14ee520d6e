"""Migrations on the three databases: each operation, failures, two at once."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import devlake_core.model as model
from devlake_core.errors import PluginLoadError, SchemaError, StoreError
from devlake_core.migration import Dialect, executor, history, lock
from devlake_core.migration import domain as domain_room
from devlake_core.store import Store

HERE = {
    "sqlite": Dialect.SQLITE,
    "postgresql": Dialect.POSTGRESQL,
    "mysql": Dialect.MYSQL,
}


@pytest.fixture(autouse=True)
def no_domain(monkeypatch):
    """Leave the domain layer out: its hundred tables have tests of their own."""
    monkeypatch.setattr(domain_room, "domain_tables", list)


def began(store, shop, *scripts):
    """Migrate the plugin's first version: a table of things with two columns."""
    thing = shop.thing(name=(str,))
    create = shop.script(1, lambda b: b.create_tables(thing))
    plugin = shop.plugin(thing, create, *scripts)
    executor.migrate(store, [plugin])
    return create


def test_a_new_database_gets_all_tables_and_every_script_is_recorded_once(store, shop, lake):
    create = began(store, shop)
    assert {shop.things, f"_tool_{shop.name}_shelves"} <= store.tables()
    assert lake.history() == [(20260101000000, shop.name), (create.version, shop.name)]
    plugin = shop.plugin(shop.thing(name=(str,)), create)
    assert executor.pending(store, [plugin]) == []
    assert executor.migrate(store, [plugin]) == []
    assert len(lake.history()) == 2


def change(store, shop, lake, final, write):
    """Apply a second script, twice: the second time as if it had not been recorded."""
    create = began(store, shop)
    lake.execute(f"INSERT INTO {shop.things} (connection_id, id, name) VALUES (1, 'a', 'A')")
    second = shop.script(2, write)
    plugin = shop.plugin(final, create, second)
    [applied] = executor.migrate(store, [plugin])
    assert applied.version == second.version
    lake.execute(f"DELETE FROM _devlake_migration_history WHERE script_version = {second.version}")
    assert [again.version for again in executor.migrate(store, [plugin])] == [second.version]


@pytest.mark.parametrize(
    "kind",
    [
        "varchar(40)",
        "text",
        "longtext",
        "bigint",
        "int",
        "smallint",
        "boolean",
        "timestamp",
        "datetime",
        "datetime(3)",
        "double",
        "numeric(10,2)",
        "json",
        "jsonb",
        "longblob",
        "VARCHAR(9)",
    ],
)
def test_add_column_of_each_type(store, shop, lake, kind):
    change(
        store, shop, lake, shop.thing(name=(str,)), lambda b: b.add_column(shop.things, "x", kind)
    )
    assert lake.rows(f"SELECT id, x FROM {shop.things}") == [("a", None)]


def test_an_added_column_takes_what_the_model_has_for_it(store, shop, lake):
    moment = datetime.fromisoformat("2026-01-02T03:04:05.678+00:00")
    final = shop.thing(name=(str,), at=(datetime | None, None), tags=(list[str] | None, None))
    change(
        store,
        shop,
        lake,
        final,
        lambda b: (
            b.add_column(shop.things, "at", "datetime(3)"),
            b.add_column(shop.things, "tags", "json"),
        ),
    )
    table = final.__table__
    with store.transaction() as connection:
        connection.execute(sa.update(table).values(at=moment, tags=["a"]))
        assert connection.execute(sa.select(table.c.at, table.c.tags)).one() == (moment, ["a"])


def test_drop_column(store, shop, lake):
    change(store, shop, lake, shop.thing(), lambda b: b.drop_column(shop.things, "name"))
    assert "name" not in lake.columns(shop.things)
    assert lake.rows(f"SELECT id FROM {shop.things}") == [("a",)]


def test_drop_column_with_an_index(store, shop, lake):
    def write(b):
        b.execute(f"CREATE INDEX devlake_x ON {shop.things} (connection_id)")
        b.add_column(shop.things, "x", "varchar(40)")
        b.execute(f"CREATE INDEX devlake_y ON {shop.things} (x)")
        b.drop_column(shop.things, "x")

    create = began(store, shop)
    executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, shop.script(2, write))])
    assert "x" not in lake.columns(shop.things)
    assert "devlake_x" in lake.indexes(shop.things)


def test_rename_column(store, shop, lake):
    final = shop.thing(title=(str,))
    change(store, shop, lake, final, lambda b: b.rename_column(shop.things, "name", "title"))
    assert lake.rows(f"SELECT id, title FROM {shop.things}") == [("a", "A")]


def test_rename_column_from_camel_case(store, shop, lake):
    create = began(store, shop)

    def write(b):
        b.rename_column(shop.things, "name", "fullName")
        b.rename_column(shop.things, "fullName", "full_name")

    plugin = shop.plugin(shop.thing(full_name=(str,)), create, shop.script(2, write))
    executor.migrate(store, [plugin])
    assert "full_name" in lake.columns(shop.things)


def test_drop_table(store, shop, lake):
    change(store, shop, lake, None, lambda b: b.drop_table(shop.things))
    assert shop.things not in store.tables()


def test_rename_table(store, shop, lake):
    new = f"_tool_{shop.name}_items"
    change(store, shop, lake, None, lambda b: b.rename_table(shop.things, new))
    assert shop.things not in store.tables()
    assert lake.rows(f"SELECT id FROM {new}") == [("a",)]


def test_create_table(store, shop, lake):
    other = shop.model("Other", id=(int, model.Field(primary_key=True)))
    change(store, shop, lake, shop.thing(name=(str,)), lambda b: b.create_tables(other))
    assert lake.key(f"_tool_{shop.name}_others") == {"connection_id", "id"}


def test_execute_runs_on_its_dialect_only(store, shop, lake):
    def write(b):
        for name, dialect in HERE.items():
            b.execute(f"UPDATE {shop.things} SET name = '{name} 100%'", dialect)

    change(store, shop, lake, shop.thing(name=(str,)), write)
    assert lake.rows(f"SELECT name FROM {shop.things}") == [(f"{store.dialect} 100%",)]


def test_an_ignored_error_leaves_the_rest_alone(store, shop, lake):
    def write(b):
        b.execute("nonsense", HERE[store.dialect], ignore_error=True)
        b.execute(f"UPDATE {shop.things} SET name = 'after'", HERE[store.dialect])

    change(store, shop, lake, shop.thing(name=(str,)), write)
    assert lake.rows(f"SELECT name FROM {shop.things}") == [("after",)]


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda b, t: b.add_column(f"{t}x", "a", "text"), "no such table"),
        (lambda b, t: b.rename_column(f"{t}x", "a", "b"), "no such table"),
        (lambda b, t: b.rename_column(t, "id", "name"), "a column name"),
    ],
)
def test_what_cannot_be_done_names_script_and_operation(store, shop, lake, write, why):
    create = began(store, shop)
    second = shop.script(2, lambda b: write(b, shop.things))
    with pytest.raises(SchemaError, match=rf"migration {second.version} .*operation 1 of 1.*{why}"):
        executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, second)])
    assert len(lake.history()) == 2


def test_what_is_not_there_is_not_renamed(store, shop, lake, caplog):
    def write(b):
        b.rename_column(shop.things, "absent", "found")
        b.rename_table(f"{shop.things}x", f"{shop.things}y")
        b.rename_column(shop.things, "name", "title")

    change(store, shop, lake, shop.thing(title=(str,)), write)
    assert {record.getMessage() for record in caplog.records} == {
        f"left out: rename column absent of {shop.things} to found: it is not there",
        f"left out: rename table {shop.things}x to {shop.things}y: it is not there",
    }


def test_a_script_that_failed_in_the_middle_goes_on_when_the_cause_is_gone(store, shop, lake):
    create = began(store, shop)
    lake.execute(f"INSERT INTO {shop.things} (connection_id, id, name) VALUES (1, 'a', '')")
    here, later = HERE[store.dialect], f"{shop.things}_later"

    def write(b):
        b.add_column(shop.things, "x", "varchar(40)")
        # Not to be done twice: there would be two signs.
        b.execute(
            f"UPDATE {shop.things} SET name = "
            + ("CONCAT(name, '!')" if store.dialect == "mysql" else "name || '!'"),
            here,
        )
        b.execute(f"CREATE INDEX devlake_z ON {shop.things} (connection_id)", here)
        b.add_column(later, "found", "varchar(40)")
        b.execute(f"UPDATE {shop.things} SET x = 'done'", here)

    final = shop.thing(name=(str,), x=(str | None, None))
    plugin = shop.plugin(final, create, shop.script(2, write))
    with pytest.raises(SchemaError, match="operation 4 of 5") as caught:
        executor.migrate(store, [plugin])
    assert "devlake migrate" in caught.value.hint
    transactional = store.dialect != "mysql"
    assert ("x" in lake.columns(shop.things)) is not transactional
    lake.execute(f"CREATE TABLE {later} (id int)")
    [applied] = executor.migrate(store, [plugin])
    assert applied.version == 20260101000002
    assert "found" in lake.columns(later)
    assert lake.rows(f"SELECT name, x FROM {shop.things}") == [("!", "done")]
    assert not any("progress" in table for table in store.tables())


def test_a_wrong_statement_is_reported_in_the_databases_words(store, shop):
    create = began(store, shop)
    second = shop.script(2, lambda b: b.execute("nonsense here", HERE[store.dialect]))
    with pytest.raises(SchemaError, match=r"nonsense.*: .*syntax"):
        executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, second)])


def test_two_migrators_at_once_run_each_script_once(db_url, shop, lake, store):
    create = began(store, shop)
    lake.execute(f"INSERT INTO {shop.things} (connection_id, id, name) VALUES (1, 'a', '')")
    sign = "CONCAT(name, '!')" if store.dialect == "mysql" else "name || '!'"
    scripts = [
        shop.script(n, lambda b: b.execute(f"UPDATE {shop.things} SET name = {sign}"))
        for n in range(2, 7)
    ]
    plugin = shop.plugin(shop.thing(name=(str,)), create, *scripts)
    barrier, applied, failed = threading.Barrier(3), [], []

    def work():
        own = Store.open(db_url)
        try:
            barrier.wait()
            applied.extend(executor.migrate(own, [plugin]))
        except Exception as error:
            failed.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(one.version for one in applied) == [script.version for script in scripts]
    assert lake.rows(f"SELECT name FROM {shop.things}") == [("!!!!!",)]


def test_two_that_make_a_new_database_at_once_make_it_once(db_url, shop, lake):
    thing = shop.thing(name=(str,))
    plugin = shop.plugin(thing, shop.script(1, lambda b: b.create_tables(thing)))
    barrier, applied, failed = threading.Barrier(2), [], []

    def work():
        own = Store.open(db_url)
        try:
            barrier.wait()
            applied.extend(executor.migrate(own, [plugin]))
        except Exception as error:
            failed.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(applied) == len(lake.history()) == 2


def test_a_migration_that_runs_elsewhere_is_waited_for_and_then_reported(db_url):
    if db_url.startswith("sqlite"):
        pytest.skip("SQLite's lock is the transaction's, which the store waits for")
    one, two = Store.open(db_url), Store.open(db_url)
    try:
        with (
            lock.migration_lock(one),
            pytest.raises(StoreError, match="another migration") as caught,
            lock.migration_lock(two, 0.3),
        ):
            pass
        assert caught.value.exit_code == 75
        with lock.migration_lock(two, 0):
            pass
    finally:
        one.close()
        two.close()


def test_one_plugins_failure_does_not_keep_another_from_its_migration(store, shop, lake):
    create = began(store, shop)
    second = shop.script(2, lambda b: b.rename_column(shop.things, "id", "name"))
    bad = shop.plugin(shop.thing(name=(str,)), create, second)
    other = type(shop)(f"{shop.name}b")
    thing = other.thing()
    good = other.plugin(thing, other.script(7, lambda b: b.create_tables(thing)))
    seen = []
    with pytest.raises(SchemaError, match=shop.name):
        executor.migrate(store, [bad, good], seen.append)
    assert other.things in store.tables()
    assert [one.plugin for one in seen] == [other.name, other.name]


def test_scripts_run_in_the_order_of_their_versions(store, shop, lake):
    create = began(store, shop)
    first = shop.script(2, lambda b: b.rename_column(shop.things, "name", "b"))
    second = shop.script(3, lambda b: b.rename_column(shop.things, "b", "c"))
    plugin = shop.plugin(shop.thing(c=(str,)), create, second, first)
    assert [a.version for a in executor.pending(store, [plugin])] == [first.version, second.version]
    executor.migrate(store, [plugin])
    assert "c" in lake.columns(shop.things)


def test_a_run_makes_its_tables_on_sqlite_and_asks_for_migrate_elsewhere(store, shop):
    thing = shop.thing()
    plugin = shop.plugin(thing, shop.script(1, lambda b: b.create_tables(thing)))
    if store.dialect == "sqlite":
        assert len(executor.ensure(store, plugin)) == 2
    else:
        with pytest.raises(SchemaError, match="and 1 more") as caught:
            executor.ensure(store, plugin)
        assert caught.value.hint == f"run `devlake migrate {shop.name}`"
        executor.migrate(store, [plugin])
    assert executor.ensure(store, plugin) == []


def test_a_table_without_a_script_is_refused_with_the_cure(store, shop):
    plugin = shop.plugin(shop.thing())
    if store.dialect == "sqlite":
        executor.migrate(store, [plugin])
        assert shop.things in store.tables()
        return
    with pytest.raises(PluginLoadError, match=f"no migration that creates {shop.things}") as caught:
        executor.migrate(store, [plugin])
    assert "create_tables" in caught.value.hint
    assert not any(table.startswith(f"_tool_{shop.name}") for table in store.tables())


def test_a_secret_in_a_failing_statement_is_not_shown(store, shop):
    create = began(store, shop)
    sql = "nonsense password='hunter2-canary'"
    second = shop.script(2, lambda b: b.execute(sql, HERE[store.dialect]))
    with pytest.raises(SchemaError) as caught:
        executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, second)])
    assert "canary" not in str(caught.value)


def test_warnings_of_a_script_are_logged_once_with_its_name(store, shop, caplog):
    create = began(store, shop)
    sql = f"UPDATE {shop.things} SET name = '1'; UPDATE {shop.things} SET name = '2'"
    other = next(d for name, d in HERE.items() if name != store.dialect)
    from dataclasses import replace

    second = replace(shop.script(2, lambda b: b.execute(sql, other)), warnings=("two in one",))
    plugin = shop.plugin(shop.thing(name=(str,)), create, second)
    with caplog.at_level(logging.WARNING):
        executor.migrate(store, [plugin])
        executor.migrate(store, [plugin])
    [warning] = [r.getMessage() for r in caplog.records if "two in one" in r.getMessage()]
    assert shop.name in warning
    assert "step 2" in warning


def test_tables_look_as_the_server_would_have_made_them(store, shop, lake):
    if store.dialect == "sqlite":
        pytest.skip("there is no server's SQLite")
    thing = shop.thing(
        started_at=(datetime | None, None),
        count=(int | None, None),
        tags=(list[str] | None, None),
    )
    executor.migrate(store, [shop.plugin(thing, shop.script(1, lambda b: b.create_tables(thing)))])
    found = {name: column["type"] for name, column in lake.columns(shop.things).items()}
    kinds = {name: kind.compile(store.engine.dialect).lower() for name, kind in found.items()}
    time = "timestamp with time zone" if store.dialect == "postgresql" else "datetime(3)"
    for name in ("created_at", "updated_at", "started_at"):
        assert kinds[name] == time
    assert kinds["id"].startswith("varchar(255)")
    assert kinds["_raw_data_params"].startswith("varchar(255)")
    assert kinds["count"].startswith("bigint")
    assert kinds["connection_id"].startswith("bigint")
    assert kinds["_raw_data_id"].startswith("bigint")
    assert kinds["tags"].startswith("jsonb" if store.dialect == "postgresql" else "longtext")
    assert lake.key(shop.things) == {"connection_id", "id"}
    assert f"idx_{shop.things}_raw_data_params" in lake.indexes(shop.things)


def test_the_history_has_the_servers_layout(store, shop, lake):
    began(store, shop)
    columns = lake.columns(history.HISTORY.name)
    assert list(columns) == ["created_at", "script_version", "script_name", "comment"]
    assert lake.key(history.HISTORY.name) == {"script_version", "script_name"}


def test_secrets_of_connections_fit_the_column_made_for_them(store, shop, lake):
    from devlake_core import crypto

    crypto.set_encryption_secret("s")
    connection = shop.model("ShopConnection", model.Connection, token=(SecretStr,))
    table = model.table_of(connection, sa.MetaData())
    script = shop.script(0, lambda b: b.create_tables(connection))
    plugin = shop.plugin(None)
    plugin.migrations = [
        script,
        shop.script(1, lambda b: b.create_tables(plugin.tool_scope_type, shop.config)),
    ]
    plugin.connection_type = connection
    executor.migrate(store, [plugin])
    with store.transaction() as tx:
        tx.execute(sa.insert(table).values(name="n", token=SecretStr("x" * 300)))
        assert tx.execute(sa.select(table.c.token)).scalar().get_secret_value() == "x" * 300
    assert lake.rows(f"SELECT id FROM {table.name}") == [(1,)]
    crypto.set_encryption_secret(None)


def test_two_plugins_with_one_script_name_are_told_apart(store, shop, lake):
    from dataclasses import replace

    began(store, shop)
    other = type(shop)(f"{shop.name}b")
    plugin = other.plugin(None)
    [create] = plugin.migrations
    plugin.migrations = [replace(create, name=f"{shop.name} step 0")]
    with pytest.raises(PluginLoadError, match=f"one of '{shop.name}'"):
        executor.migrate(store, [plugin])
    with pytest.raises(PluginLoadError, match="one of them only"):
        executor.pending(store, [plugin])
