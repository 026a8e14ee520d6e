"""A store on each database, and a table with every sort of column."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
)

from devlake_core import crypto
from devlake_core.model.types import (
    Encrypted,
    EnumText,
    JSONText,
    LongText,
    RawBytes,
    UTCDateTime,
)
from devlake_core.store import Store, Writer

STAMP = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
LATER = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def things() -> Table:
    """Return a table like a tool table's; one column's key is not its name."""
    return Table(
        "_tool_x_things",
        MetaData(),
        Column("connection_id", BigInteger, primary_key=True, autoincrement=False),
        Column("id", String(20), primary_key=True),
        Column("title", LongText),
        Column("status", String(10), key="state"),
        Column("points", Integer),
        Column("score", Double),
        Column("price", Numeric(10, 2)),
        Column("done", Boolean),
        Column("closed_at", UTCDateTime),
        Column("labels", JSONText),
        Column("colour", EnumText(Colour)),
        Column("token", Encrypted),
        Column("blob", RawBytes),
        Column("created_at", UTCDateTime),
        Column("updated_at", UTCDateTime),
        Column("_raw_data_params", String(255), key="raw_data_params"),
        Column("_raw_data_table", String(255), key="raw_data_table"),
        Column("_raw_data_id", BigInteger, key="raw_data_id"),
        Column("_raw_data_remark", LongText, key="raw_data_remark"),
    )


class Bench:
    """A store with one table, and short words for what tests do with it."""

    def __init__(self, store: Store, table: Table) -> None:
        self.store = store
        self.table = table
        with store.transaction() as connection:
            table.create(connection)

    def writer(self, stamp: datetime = STAMP, **options: Any) -> Writer:
        return Writer(self.store, self.table, stamp=stamp, **options)

    def row(self, **values: Any) -> tuple[Any, ...]:
        given = {"connection_id": 1, "raw_data_table": "_raw_x_things", "raw_data_id": 1, **values}
        assert given.keys() <= set(self.table.c.keys())
        return tuple(given.get(column.key) for column in self.table.columns)

    def upsert(self, *rows: Any, writer: Writer | None = None, **options: Any) -> Any:
        writer = writer or self.writer(**options)
        with self.store.transaction() as connection:
            return writer.upsert(
                connection, [self.row(**r) if isinstance(r, dict) else r for r in rows]
            )

    def column(self, *names: str) -> list[Any]:
        """Return columns as the database has them, in the order of the key."""
        from sqlalchemy import select

        columns = [self.table.c[name] for name in names]
        with self.store.reading() as connection:
            query = select(*columns).order_by(*self.table.primary_key.columns)
            found = [tuple(row) for row in connection.execute(query)]
        return [row[0] for row in found] if len(names) == 1 else found


@pytest.fixture
def store(db_url):
    opened = Store.open(db_url)
    yield opened
    opened.close()


@pytest.fixture
def bench(store):
    crypto.set_encryption_secret("s3cret")
    yield Bench(store, things())
    crypto.set_encryption_secret(None)


@pytest.fixture
def sqlite_bench(sqlite_url):
    opened = Store.open(sqlite_url)
    yield Bench(opened, things())
    opened.close()
