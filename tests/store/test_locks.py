"""What another one holds locked is waited for, and then told; it is no fault of the rows."""

from __future__ import annotations

import pytest

from devlake_core.store import Conflict

LOCKS = {
    ("mysql", "rows"): (
        "UPDATE _tool_x_things SET points = 1",
        "SET innodb_lock_wait_timeout = {}",
    ),
    ("mysql", "table"): ("LOCK TABLES _tool_x_things READ", "SET lock_wait_timeout = {}"),
    ("postgresql", "rows"): (
        "UPDATE _tool_x_things SET points = 1",
        "SET lock_timeout = '{}s'",
    ),
    ("postgresql", "table"): (
        "LOCK TABLE _tool_x_things IN EXCLUSIVE MODE",
        "SET lock_timeout = '{}s'",
    ),
}


@pytest.mark.parametrize("what", ["rows", "table"])
@pytest.mark.parametrize("count", [3, 600])
def test_lock_that_is_not_to_be_had_in_time_is_not_blamed_on_a_row(bench, what, count):
    store = bench.store
    if store.dialect == "sqlite":
        pytest.skip("the writer's lock is taken before there are rows")
    lock, limit = LOCKS[store.dialect, what]
    values = [{"id": key, "title": "new"} for key in (f"t{n:03}" for n in range(count))]
    bench.upsert(*({**row, "title": "old"} for row in values))
    writer = bench.writer()
    rejected = []

    def write(seconds):
        with store.transaction() as connection:
            connection.exec_driver_sql(limit.format(seconds))
            written = writer.upsert(connection, [bench.row(**row) for row in values])
            rejected.extend(written.rejected)

    with store.engine.connect() as other:
        other.exec_driver_sql(lock)
        with pytest.raises(Conflict):
            write(1)
        other.invalidate()  # a lock of a table outlives its transaction
    write(100)
    assert rejected == []
    assert set(bench.column("title")) == {"new"}
