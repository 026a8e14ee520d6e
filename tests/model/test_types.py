"""Values of ours come back from each database as they went in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, func, insert, select
from sqlalchemy.orm import Session, registry

from devlake_core.model.types import JSONText, UTCDateTime
from devlake_core.store import Store, Writer, read_batches
from tests.store.conftest import STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = ["123", "null", '"quoted"', "text", "", "é", 123, 1.5, True, [], ["1"], {"a": "1"}, None]


@pytest.fixture
def store(db_url: str) -> Iterator[Store]:
    opened = Store.open(db_url)
    yield opened
    opened.close()


def table_with() -> Table:
    return Table(
        "t",
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("value", JSONText),
        Column("updated_at", UTCDateTime),
    )


def rows() -> list[dict[str, object]]:
    return [{"id": number, "value": value} for number, value in enumerate(VALUES)]


@pytest.mark.parametrize("way", ["core", "bulk"])
def test_json_is_read_as_it_was_written(store: Store, way: str) -> None:
    table = table_with()
    with store.transaction() as connection:
        table.create(connection)
    with store.transaction() as connection:
        if way == "core":
            connection.execute(insert(table), rows())
        else:
            given = [(row["id"], row["value"], None) for row in rows()]
            Writer(store, table, stamp=STAMP).upsert(connection, given)
    with store.reading() as connection:
        read = list(connection.execute(select(table.c.value).order_by(table.c.id)).scalars())
        empty = select(func.count()).where(table.c.value.is_(None))
        assert connection.execute(empty).scalar() == 1
    assert read == VALUES
    assert [type(value) for value in read] == [type(value) for value in VALUES]
    [batch] = read_batches(store, table, [table.c.id, table.c.value], size=100)
    assert [value for _, value in batch] == VALUES


@pytest.mark.parametrize("kind", ["text", "json", "jsonb"])
def test_json_is_read_from_columns_of_every_found_type(postgresql_url: str, kind: str) -> None:
    store, table = Store.open(postgresql_url), table_with()
    with store.transaction() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE t (id int8 PRIMARY KEY, value {kind}, updated_at timestamptz)"
        )
    with store.transaction() as connection:
        given = [(row["id"], row["value"], None) for row in rows()]
        Writer(store, table, stamp=STAMP).upsert(connection, given)
        read = connection.execute(select(table.c.value).order_by(table.c.id)).scalars()
        assert list(read) == VALUES
    store.close()


def test_mapped_classes_read_json_too(store: Store) -> None:
    mapped = registry()

    @mapped.mapped
    class Thing:
        __tablename__ = "things"
        id = Column(Integer, primary_key=True)
        value = Column(JSONText)

    mapped.metadata.create_all(store.engine)
    with Session(store.engine) as session:
        session.add_all([Thing(id=1, value="123"), Thing(id=2, value={"a": [1]})])
        session.commit()
        found = session.scalars(select(Thing).order_by(Thing.id)).all()
        assert [thing.value for thing in found] == ["123", {"a": [1]}]
