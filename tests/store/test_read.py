"""Streaming reads: in order, complete, converted, and undisturbed by writes in between."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, event

from devlake_core.store import read_batches

from .conftest import STAMP, Bench, Colour


@pytest.fixture
def pairs(store):
    """Return a table with a key of two columns, of 3 x 5 rows."""
    table = Table(
        "pairs",
        MetaData(),
        Column("a", BigInteger, primary_key=True, autoincrement=False),
        Column("b", String(20), primary_key=True),
        Column("n", Integer),
    )
    bench = Bench(store, table)
    rows = [(a, b, n) for n, (a, b) in enumerate((a, b) for a in (1, 2, 3) for b in "vwxyz")]
    with store.transaction() as connection:
        bench.writer().upsert(connection, rows)
    bench.rows = rows
    return bench


@pytest.mark.parametrize("size", [1, 2, 4, 5, 15, 100])
def test_every_row_comes_once_and_in_order(pairs, size):
    batches = list(read_batches(pairs.store, pairs.table, size=size))
    assert [row for batch in batches for row in batch] == pairs.rows
    assert all(0 < len(batch) <= size for batch in batches)


def test_only_the_wanted_rows_and_columns_come(pairs):
    table = pairs.table
    found = read_batches(
        pairs.store, table, [table.c.n], where=(table.c.b > "w") & (table.c.a != 2), size=2
    )
    assert list(found) == [[(2,), (3,)], [(4,), (12,)], [(13,), (14,)]]


def test_another_key_gives_another_order(pairs):
    table = pairs.table
    found = read_batches(pairs.store, table, [table.c.b], key=[table.c.b, table.c.a], size=4)
    assert "".join(row[0] for batch in found for row in batch) == "vvvwwwxxxyyyzzz"


def test_empty_table_gives_nothing(pairs):
    with pairs.store.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM pairs")
    assert list(read_batches(pairs.store, pairs.table)) == []


def test_writes_between_batches_neither_stop_nor_repeat_it(pairs):
    table, seen = pairs.table, []
    writer = pairs.writer()
    for batch in read_batches(pairs.store, table, size=4):
        seen += [row[:2] for row in batch]
        a, b, _ = batch[-1]
        with pairs.store.transaction() as connection:
            # The row of the position goes, all others change, new ones come behind and ahead.
            connection.execute(table.delete().where(table.c.a == a, table.c.b == b))
            connection.execute(table.update().values(n=table.c.n + 1))
            writer.upsert(connection, [(0, f"behind{len(seen)}", 0), (9, f"ahead{len(seen)}", 0)])
            if len(seen) > 16:
                connection.execute(table.delete().where(table.c.a == 9))
    assert seen[:15] == [row[:2] for row in pairs.rows]
    assert len(seen) == len(set(seen))
    assert any(b.startswith("ahead") for _, b in seen)
    assert not any(b.startswith("behind") for _, b in seen)


def test_given_connection_sees_its_own_rows(pairs):
    with pairs.store.transaction() as connection:
        pairs.writer().upsert(connection, [(4, "new", 1)])
        batches = read_batches(pairs.store, pairs.table, size=7, connection=connection)
        assert [row for batch in batches for row in batch][-1] == (4, "new", 1)


def test_key_is_compared_in_the_form_that_uses_the_index(pairs):
    statements = []
    event.listen(pairs.store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    list(read_batches(pairs.store, pairs.table, size=10))
    second = statements[-1]
    assert (" OR " in second) == (pairs.store.dialect == "mysql")


def test_values_are_those_of_the_model(bench):
    at = datetime(2025, 5, 6, 7, 8, 9, 120000, tzinfo=UTC)
    full = {
        "title": "ü🔑",
        "done": True,
        "closed_at": at,
        "labels": {"a": [1, None]},
        "colour": Colour.RED,
        "token": SecretStr("pw"),
        "blob": b"\x00\xff",
        "score": 0.1,
    }
    bench.upsert({"id": "a", **full}, {"id": "b"})
    names = [*full, "created_at"]
    columns = [bench.table.c[name] for name in names]
    ((first, second),) = read_batches(bench.store, bench.table, columns)
    assert first == (*full.values(), STAMP)
    assert second == (*(None for _ in full), STAMP)
    assert first[1] is True
    assert first[2].tzinfo is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-05-06 07:08:09", datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2025-05-06 07:08:09.123456", datetime(2025, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
        ("2025-05-06T07:08:09Z", datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2025-05-06 07:08:09+02:00", datetime(2025, 5, 6, 5, 8, 9, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_that_others_wrote_on_sqlite_are_understood(sqlite_bench, text, expected):
    sqlite_bench.upsert({"id": "a"})
    with sqlite_bench.store.transaction() as connection:
        connection.exec_driver_sql("UPDATE _tool_x_things SET closed_at = ?", (text,))
    (rows,) = read_batches(sqlite_bench.store, sqlite_bench.table, [sqlite_bench.table.c.closed_at])
    assert rows == [(expected,)]
