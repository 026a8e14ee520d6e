"""SQLite: made from the final models, migrated natively, copied where nothing else helps."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

import devlake_core.model as model
from devlake_core.errors import SchemaError
from devlake_core.migration import Dialect, executor
from devlake_core.migration import domain as domain_room
from devlake_core.store import Store


@pytest.fixture(autouse=True)
def no_domain(monkeypatch):
    monkeypatch.setattr(domain_room, "domain_tables", list)


@pytest.fixture
def store(sqlite_url):
    opened = Store.open(sqlite_url)
    yield opened
    opened.close()


def key(**kwargs):
    return model.Field(primary_key=True, **kwargs)


def first_version(store, shop, lake, rows=("('a', 'A', 1)", "('b', 'B', 1)")):
    thing = shop.thing(name=(str,))
    create = shop.script(1, lambda b: b.create_tables(thing))
    executor.migrate(store, [shop.plugin(thing, create)])
    for row in rows:
        lake.execute(f"INSERT INTO {shop.things} (id, name, connection_id) VALUES {row}")
    return create


def test_a_new_file_gets_the_final_tables_and_all_scripts_as_applied(store, shop, lake):
    old = shop.thing(name=(str,))
    final = shop.thing(title=(str,), count=(int | None, None))
    scripts = [
        shop.script(1, lambda b: b.create_tables(old)),
        shop.script(2, lambda b: b.rename_column(shop.things, "name", "title")),
        # Would fail if it were run.
        shop.script(3, lambda b: b.execute("nonsense", Dialect.SQLITE)),
    ]
    executor.ensure(store, shop.plugin(final, *scripts))
    assert {"title", "count"} <= set(lake.columns(shop.things))
    assert [version for version, _ in lake.history()] == [20260101000000 + n for n in range(4)]


def test_the_guides_new_key_is_made_by_copying_once_with_one_warning(store, shop, lake, caplog):
    create = first_version(store, shop, lake)
    final = shop.thing(name=(str,), build_id=(int, key()))

    def write(b):
        b.execute(f"ALTER TABLE {shop.things} DROP PRIMARY KEY", Dialect.MYSQL)
        b.execute(
            f"ALTER TABLE {shop.things} DROP CONSTRAINT {shop.things}_pkey", Dialect.POSTGRESQL
        )
        b.add_column(shop.things, "build_id", "bigint")
        b.execute(f"UPDATE {shop.things} SET build_id = 7 WHERE id = 'a'")
        b.execute(f"ALTER TABLE {shop.things} ADD PRIMARY KEY (id, build_id)")

    plugin = shop.plugin(final, create, shop.script(2, write))
    with caplog.at_level(logging.WARNING):
        executor.migrate(store, [plugin])
    [warning] = [record.getMessage() for record in caplog.records]
    assert shop.things in warning
    assert "1 rows have no key" in warning
    assert lake.key(shop.things) == {"id", "build_id", "connection_id"}
    assert lake.rows(f"SELECT id, name, build_id FROM {shop.things}") == [("a", "A", 7)]
    assert f"idx_{shop.things}_raw_data_params" in lake.indexes(shop.things)
    caplog.clear()
    executor.migrate(store, [plugin])
    assert not caplog.records


def test_a_failed_statement_without_a_dialect_leaves_the_others_done(store, shop, lake):
    create = first_version(store, shop, lake)

    def write(b):
        b.execute(f"UPDATE {shop.things} SET name = 'x'")
        b.execute("nonsense")
        b.add_column(shop.things, "y", "text")

    executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, shop.script(2, write))])
    assert lake.rows(f"SELECT DISTINCT name, y FROM {shop.things}") == [("x", None)]


def test_a_statement_for_sqlite_that_fails_is_an_error(store, shop, lake):
    create = first_version(store, shop, lake)

    def write(b):
        b.add_column(shop.things, "y", "text")
        b.execute("SELECT 1; SELECT 2", Dialect.SQLITE)

    with pytest.raises(SchemaError, match="one statement"):
        executor.migrate(
            store, [shop.plugin(shop.thing(name=(str,)), create, shop.script(2, write))]
        )
    assert "y" not in lake.columns(shop.things)


def test_a_new_nullable_field_is_added_without_copying(store, shop, lake, caplog):
    create = first_version(store, shop, lake)
    final = shop.thing(name=(str,), extra=(str | None, None))
    with caplog.at_level(logging.WARNING):
        executor.ensure(store, shop.plugin(final, create))
    assert not caplog.records
    assert lake.rows(f"SELECT id, extra FROM {shop.things}") == [("a", None), ("b", None)]


def test_a_table_of_a_new_stream_is_made(store, shop, lake):
    create = first_version(store, shop, lake)
    plugin = shop.plugin(shop.thing(name=(str,)), create)
    other = shop.model("Other", id=(int, key()))
    type.__setattr__(other, "__table__", model.table_of(other, sa.MetaData()))
    plugin.tool_models.append(other)
    executor.ensure(store, plugin)
    assert f"_tool_{shop.name}_others" in store.tables()


def test_a_field_of_another_kind_is_brought_over(store, shop, lake):
    create = first_version(store, shop, lake, ["('a', '12', 1)"])
    executor.ensure(store, shop.plugin(shop.thing(name=(int,)), create))
    assert lake.rows(f"SELECT name FROM {shop.things}") == [(12,)]


def test_a_column_that_the_model_lost_keeps_its_values(store, shop, lake):
    create = first_version(store, shop, lake)
    executor.ensure(store, shop.plugin(shop.thing(), create))
    assert lake.rows(f"SELECT name FROM {shop.things} WHERE id = 'a'") == [("A",)]


def test_a_dropped_key_column_goes_with_the_copy(store, shop, lake):
    thing = shop.thing(part=(int, key()), name=(str,))
    create = shop.script(1, lambda b: b.create_tables(thing))
    executor.migrate(store, [shop.plugin(thing, create)])
    for part in (1, 2):
        lake.execute(
            f"INSERT INTO {shop.things} (connection_id, id, part, name)"
            f" VALUES (1, 'a', {part}, 'n')"
        )
    second = shop.script(2, lambda b: b.drop_column(shop.things, "part"))
    executor.migrate(store, [shop.plugin(shop.thing(name=(str,)), create, second)])
    assert "part" not in lake.columns(shop.things)
    assert lake.rows(f"SELECT id, name FROM {shop.things}") == [("a", "n")]


def test_a_kill_between_script_and_copy_is_repaired_by_the_next_run(store, shop, lake, monkeypatch):
    create = first_version(store, shop, lake)
    final = shop.thing(name=(str, key()))
    plugin = shop.plugin(final, create, shop.script(2, lambda b: b.execute("nonsense")))

    class KilledHere(BaseException):
        pass

    def kill(*_):
        raise KilledHere

    with monkeypatch.context() as patch:
        patch.setattr(executor, "bring_to_final", kill)
        with pytest.raises(KilledHere):
            executor.migrate(store, [plugin])
    executor.migrate(store, [plugin])
    assert lake.key(shop.things) == {"connection_id", "id", "name"}
    assert len(lake.rows(f"SELECT * FROM {shop.things}")) == 2
