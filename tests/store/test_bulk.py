"""Bulk writes: what is kept, what moves, what is mended and what is refused."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import SecretStr
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, event, inspect
from sqlalchemy.exc import DBAPIError

from devlake_core.errors import ConfigError, SchemaError
from devlake_core.model.types import LongText, RawBytes, UTCDateTime
from devlake_core.store import Store, Writer
from devlake_core.store.url import parse_url

from .conftest import LATER, STAMP, Bench, Colour

# One batch that goes row by row on PostgreSQL, and one that goes through the staging table.
SIZES = [3, 700]


def ids(n):
    return [f"t{i:05}" for i in range(n)]


@pytest.mark.parametrize("size", SIZES)
def test_every_sort_of_value_comes_back(bench, size):
    at = datetime(2025, 12, 31, 23, 59, 59, 123000, tzinfo=timezone(timedelta(hours=5)))
    labels = {"a": [1, None, "ü🔑", 'quote " and \\'], "b": 0.5}
    full = {
        "title": "ümläut 🔑 'quoted' \\ % %s :x ?",
        "state": "open",
        "points": -3,
        "score": 0.1,
        "price": Decimal("12.50"),
        "done": False,
        "closed_at": at,
        "labels": labels,
        "colour": Colour.BLUE,
        "token": SecretStr("ghp_example"),
        "blob": b"\x00\xff'\\%",
    }
    written = bench.upsert(*({"id": key, **full} for key in ids(size)), {"id": "zzz"})
    assert (written.written, written.truncated, written.rejected) == (size + 1, {}, [])
    found = bench.column(*full)
    expected = [
        SecretStr("ghp_example") if n == "token" else at.astimezone(UTC) if n == "closed_at" else v
        for n, v in full.items()
    ]
    assert list(found[0]) == expected
    assert found[-1] == (None,) * len(full)
    assert set(bench.column("created_at")) == set(bench.column("updated_at")) == {STAMP}


def test_secret_is_encrypted_as_devlake_does(bench):
    bench.upsert({"id": "a", "token": SecretStr("ghp_example")})
    with bench.store.reading() as connection:
        stored = connection.exec_driver_sql("SELECT token FROM _tool_x_things").scalar_one()
    assert stored == "3KN9UChmunFrqectxVUWwJ30NKJS1oIKUZkjv5SkZFo="


def test_missing_secret_is_no_fault_of_a_row(bench, monkeypatch):
    def refuse():
        raise ConfigError("no secret")

    monkeypatch.setattr("devlake_core.crypto.encryption_secret", refuse)
    with pytest.raises(ConfigError):
        bench.upsert({"id": "a", "token": SecretStr("x")})


@pytest.mark.parametrize("size", SIZES)
def test_created_at_stays_and_updated_at_moves_with_a_real_column_only(bench, size):
    rows = [{"id": key, "title": "a", "labels": [1]} for key in ids(size)]
    bench.upsert(*rows)
    bench.upsert(*({**row, "raw_data_id": 7} for row in rows), stamp=LATER)
    assert set(bench.column("created_at", "updated_at", "raw_data_id")) == {(STAMP, STAMP, 7)}
    for column, value in {"title": None, "labels": {"b": 2}, "done": True, "blob": b"x"}.items():
        moved = LATER + timedelta(days=len(column))
        bench.upsert(*({**row, column: value} for row in rows), stamp=moved)
        assert set(bench.column("created_at", "updated_at")) == {(STAMP, moved)}
        bench.upsert(*rows, stamp=LATER)


def test_changed_case_is_a_change_where_the_database_sees_none(mysql_url):
    store = Store.open(mysql_url)
    table = Table(
        "t",
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("name", String(20)),
        Column("updated_at", UTCDateTime),
    )
    bench = Bench(store, table)
    with store.transaction() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        )
    for stamp, name in ((STAMP, "abc"), (LATER, "ABC")):
        with store.transaction() as connection:
            bench.writer(stamp).upsert(connection, [(1, name, None)])
    assert bench.column("name", "updated_at") == [("ABC", LATER)]
    store.close()


@pytest.mark.parametrize("size", SIZES)
def test_rows_are_known_by_the_key_that_a_migration_left_the_table(bench, size):
    name, columns = "_tool_x_narrow", bench.table.columns
    narrow = [Column(c.name, c.type, primary_key=c.name == "id") for c in columns]
    Table(name, MetaData(), *narrow).create(bench.store.engine)
    bench.table = bench.table.to_metadata(MetaData(), name=name)
    for points in (1, 2):
        # Rows that only the expected key tells apart are one row, of which the last wins.
        last = [{"id": key, "points": points} for key in ids(size)]
        others = [{**row, "connection_id": 2, "points": 0} for row in last]
        assert bench.upsert(*others, *last).rejected == []
        assert bench.column("points") == [points] * size


@pytest.mark.parametrize("size", SIZES)
def test_last_row_of_a_key_wins(bench, size):
    rows = [{"id": key, "title": word} for word in ("first", "last") for key in ids(size)]
    assert bench.upsert(*rows).written == size
    assert set(bench.column("title")) == {"last"}


@pytest.mark.parametrize("size", SIZES)
def test_newer_raw_row_wins_whatever_comes_last(bench, size):
    writer = bench.writer(newer_wins=True)

    def put(raw_id, title, table="_raw_x_things"):
        rows = [
            {"id": k, "title": title, "raw_data_id": raw_id, "raw_data_table": table}
            for k in ids(size)
        ]
        bench.upsert(*rows, writer=writer)
        return set(bench.column("title", "raw_data_id", "raw_data_table"))

    assert put(5, "five") == {("five", 5, "_raw_x_things")}
    assert put(4, "four") == {("five", 5, "_raw_x_things")}
    assert put(5, "again") == {("again", 5, "_raw_x_things")}
    assert put(2, "other", "_raw_x_other") == {("other", 2, "_raw_x_other")}
    assert put(1, "older", "_raw_x_other") == {("other", 2, "_raw_x_other")}


def test_newer_raw_row_wins_within_a_batch_too(bench):
    rows = [{"id": "a", "title": str(n), "raw_data_id": n} for n in (3, 9, 4)]
    bench.upsert(*rows, newer_wins=True)
    assert bench.column("title", "raw_data_id") == [("9", 9)]


def test_losing_row_does_not_move_updated_at(bench):
    bench.upsert({"id": "a", "title": "new", "raw_data_id": 5})
    bench.upsert({"id": "a", "title": "old", "raw_data_id": 4}, newer_wins=True, stamp=LATER)
    assert bench.column("title", "updated_at") == [("new", STAMP)]


def test_table_of_keys_alone_can_be_written_twice(store):
    table = Table(
        "links",
        MetaData(),
        Column("a", String(20), primary_key=True),
        Column("b", String(20), primary_key=True),
    )
    bench = Bench(store, table)
    for _ in range(2):
        with store.transaction() as connection:
            assert bench.writer().upsert(connection, [("x", "y"), ("x", "z")]).written == 2
    assert bench.column("a", "b") == [("x", "y"), ("x", "z")]


# --- appending ---------------------------------------------------------------------------------


def raw_table():
    return Table(
        "_raw_x_things",
        MetaData(),
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("params", String(255)),
        Column("data", RawBytes),
        Column("created_at", UTCDateTime),
    )


@pytest.mark.parametrize("size", SIZES)
def test_appended_rows_are_numbered_by_the_database_in_their_order(store, size):
    bench = Bench(store, raw_table())
    writer = bench.writer(columns=("params", "data", "created_at"))
    for part in (0, 1):
        with store.transaction() as connection:
            written = writer.append(
                connection, [("p", f"{part}-{n}".encode(), None) for n in range(size)]
            )
        assert written.written == size
    assert bench.column("data") == [f"{p}-{n}".encode() for p in (0, 1) for n in range(size)]
    numbers = bench.column("id")
    assert numbers == sorted(set(numbers))
    assert set(bench.column("created_at")) == {STAMP}


# --- how it is done ----------------------------------------------------------------------------


def test_thousand_rows_take_a_handful_of_statements(bench):
    writer = bench.writer()
    statements = []
    event.listen(bench.store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    bench.upsert(*({"id": key} for key in ids(1000)), writer=writer)
    # Begin, savepoint and its end, the rows; PostgreSQL's COPY is not seen here.
    assert len(statements) <= 4


def test_batch_is_undone_with_the_callers_transaction(bench):
    def work():
        with bench.store.transaction() as connection:
            bench.writer().upsert(connection, [bench.row(id=key) for key in ids(700)])
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert bench.column("id") == []


def test_several_batches_in_one_transaction_do_not_mix(bench):
    writer = bench.writer()
    with bench.store.transaction() as connection:
        for word in ("one", "two", "three"):
            rows = [bench.row(id=word + key, title=word) for key in ids(600)]
            assert writer.upsert(connection, rows).written == 600
        connection.exec_driver_sql("DELETE FROM _tool_x_things WHERE title = 'one'")
        writer.upsert(connection, [bench.row(id="four" + key, title="four") for key in ids(600)])
    titles = bench.column("title")
    assert {word: titles.count(word) for word in set(titles)} == {
        "two": 600,
        "three": 600,
        "four": 600,
    }


def test_staging_table_survives_a_rollback_in_between(bench):
    writer = bench.writer()
    rows = [bench.row(id=key) for key in ids(600)]

    def work(fail):
        with bench.store.transaction() as connection:
            writer.upsert(connection, rows)
            if fail:
                raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            work(fail=True)
        work(fail=False)
    assert len(bench.column("id")) == 600


def test_user_without_the_right_to_temporary_tables_writes_all_the_same(postgresql_url):
    url = parse_url(postgresql_url)
    owner = Store.open(url)
    bench = Bench(owner, raw_table())
    role = f"plain_{url.database}"
    with owner.transaction() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'plain'")
        connection.exec_driver_sql(f"REVOKE TEMPORARY ON DATABASE {url.database} FROM PUBLIC")
        connection.exec_driver_sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    plain = Store.open(url.set(username=role, password="plain"))
    try:
        writer = Writer(plain, bench.table, stamp=STAMP)
        with plain.transaction() as connection:
            rows = [(n, "p", b"x", None) for n in range(700)]
            assert writer.upsert(connection, rows).written == 700
        assert len(bench.column("id")) == 700
    finally:
        plain.close()
        with owner.transaction() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
        owner.close()


def test_two_writers_of_the_same_rows_do_not_deadlock(bench):
    if bench.store.dialect == "sqlite":
        pytest.skip("one writer at a time")
    errors = []

    def work(keys):
        try:
            writer = bench.writer()
            for turn in range(10):
                rows = [bench.row(id=key, title=str(turn)) for key in keys]
                with bench.store.transaction() as connection:
                    writer.upsert(connection, rows)
        except Exception as error:
            errors.append(error)

    keys = ids(600)
    bench.upsert(*({"id": key} for key in keys))
    threads = [threading.Thread(target=work, args=(part,)) for part in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_names_that_sql_knows_are_quoted(store):
    table = Table(
        "order",
        MetaData(),
        Column("group", BigInteger, primary_key=True, autoincrement=False),
        Column("select", LongText),
        Column("MixedCase", LongText),
    )
    bench = Bench(store, table)
    with store.transaction() as connection:
        bench.writer().upsert(connection, [(n, "a", "b") for n in range(600)])
        bench.writer().upsert(connection, [(1, "c", "d")])
    assert bench.column("select", "MixedCase")[1] == ("c", "d")


# --- tables that are not as expected -----------------------------------------------------------


def test_missing_table_and_column_are_named_before_anything_is_written(bench):
    with bench.store.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE _tool_x_things DROP COLUMN title")
    with pytest.raises(SchemaError, match=r"_tool_x_things lacks the column title") as caught:
        bench.writer()
    assert "the plugin lacks a migration" in caught.value.hint
    with bench.store.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE _tool_x_things")
    with pytest.raises(SchemaError, match=r"_tool_x_things is missing"):
        bench.writer()


def test_extra_column_does_no_harm(bench):
    with bench.store.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE _tool_x_things ADD COLUMN extra int")
    assert bench.upsert({"id": "a"}).written == 1


def test_json_goes_into_columns_of_every_found_type(postgresql_url):
    from devlake_core.model.types import JSONText

    store = Store.open(postgresql_url)
    table = Table(
        "t",
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        *(Column(n, JSONText) for n in ("as_text", "as_json", "as_jsonb")),
        Column("updated_at", UTCDateTime),
    )
    with store.transaction() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE t (id int8 PRIMARY KEY, as_text text, as_json json, as_jsonb jsonb, "
            "updated_at timestamptz)"
        )
    for size in SIZES:
        for stamp, value in ((STAMP, {"a": 1}), (LATER, {"a": 1}), (LATER, {"a": 2})):
            with store.transaction() as connection:
                rows = [(n, value, value, value, None) for n in range(size)]
                Writer(store, table, stamp=stamp).upsert(connection, rows)
                query = "SELECT as_text, as_json, as_jsonb, updated_at FROM t WHERE id = 1"
                found = connection.exec_driver_sql(query).one()
            assert found[0].replace(" ", "") == str(value).replace("'", '"').replace(" ", "")
            assert found[1] == found[2] == value
            assert found[3] == (STAMP if value == {"a": 1} else LATER)
        with store.transaction() as connection:
            connection.exec_driver_sql("TRUNCATE t")
    store.close()


# --- odd values: the row is mended or refused, never the batch ---------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_nul_and_lone_surrogates_are_mended(bench, size):
    odd = {"id": "odd", "title": "a\0b\ud800c", "labels": {"k": ["x\0y\udfff", "\\u0000"]}}
    written = bench.upsert(*({"id": key} for key in ids(size)), odd)
    assert (written.written, written.rejected) == (size + 1, [])
    title, labels = bench.column("title", "labels")[0]
    nul = "" if bench.store.dialect == "postgresql" else "\0"
    assert title == f"a{nul}b\ufffdc"
    assert labels == {"k": [f"x{nul}y\ufffd", "\\u0000"]}


@pytest.mark.parametrize("size", SIZES)
def test_keys_that_become_equal_when_mended_are_one_row(bench, size):
    bench.upsert(*({"id": key} for key in ids(size)), {"id": "a\ud800"}, {"id": "a\udfff"})
    assert bench.column("id").count("a\ufffd") == 1


@pytest.mark.parametrize("size", SIZES)
def test_long_text_is_cut_at_a_character_and_counted(bench, size):
    if bench.store.dialect == "sqlite":
        pytest.skip("SQLite keeps text of any length")
    rows = [{"id": key} for key in ids(size)]
    rows[1]["state"] = "ü" * 30
    rows[2]["state"] = "🔑" * 11
    written = bench.upsert(*rows)
    assert (written.written, written.truncated, written.rejected) == (size, {"status": 2}, [])
    assert bench.column("state")[1:3] == ["ü" * 10, "🔑" * 10]


def test_text_of_64_kilobytes_is_cut_to_bytes_on_mysql(mysql_url):
    store = Store.open(mysql_url)
    bench = Bench(store, raw_table())
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id bigint PRIMARY KEY, body text)")
    table = Table(
        "t",
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("body", LongText),
    )
    bench.table = table
    with store.transaction() as connection:
        written = bench.writer().upsert(connection, [(1, "x" + "🔑" * 20_000), (2, "short")])
    assert written.truncated == {"body": 1}
    body = bench.column("body")[0]
    assert body == "x" + "🔑" * ((65_535 - 1) // 4)
    store.close()


@pytest.mark.parametrize("size", SIZES)
def test_long_key_is_refused_and_not_cut(bench, size):
    if bench.store.dialect == "sqlite":
        pytest.skip("SQLite keeps text of any length")
    rows = [{"id": key} for key in ids(size)]
    rows.insert(2, {"id": "CANARY" * 10})
    written = bench.upsert(*rows)
    assert (written.written, written.truncated) == (size, {})
    assert written.rejected == [(2, "a value is too long (column id)")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("points", 2**40 + 5),
        ("points", -(2**31) - 1),
        ("points", 2**70),
        ("score", math.nan),
        ("score", math.inf),
        ("price", Decimal("NaN")),
        ("price", Decimal(10) ** 12),
        ("labels", {"a": math.nan}),
        ("id", None),
        ("closed_at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
        ("closed_at", datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14)))),
        ("points", "CANARY"),
    ],
)
def test_value_that_cannot_be_kept_costs_its_row_only(bench, size, column, value):
    unchecked = (("points", 2**40 + 5), ("points", -(2**31) - 1), ("price", Decimal(10) ** 12))
    if bench.store.dialect == "sqlite" and (column, value) in unchecked:
        pytest.skip("SQLite has no narrower columns")
    rows = [{"id": key} for key in ids(size)]
    rows.insert(1, {"id": "bad", column: value})
    written = bench.upsert(*rows)
    assert written.written == size
    assert [index for index, _ in written.rejected] == [1]
    assert "CANARY" not in written.rejected[0][1]
    assert bench.column("id") == ids(size)


def test_first_and_last_year_are_kept(bench):
    times = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    bench.upsert(*({"id": str(n), "closed_at": time} for n, time in enumerate(times)))
    assert bench.column("closed_at") == times


def test_naive_time_is_utc_and_microseconds_are_cut(bench):
    bench.upsert(
        {"id": "a", "closed_at": datetime(2026, 1, 2, 3, 4, 5)},
        {"id": "b", "closed_at": datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)},
    )
    first, second = bench.column("closed_at")
    assert first == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert second.replace(microsecond=0) == first
    with bench.store.reading() as connection:
        stored = connection.exec_driver_sql(
            "SELECT closed_at FROM _tool_x_things ORDER BY id"
        ).scalars()
        if bench.store.dialect == "sqlite":
            assert list(stored) == ["2026-01-02 03:04:05.000", "2026-01-02 03:04:05.999"]


def test_many_bad_rows_among_good_ones_are_all_found(bench):
    rows = [{"id": key, "points": 2**70 if n % 100 == 50 else n} for n, key in enumerate(ids(1500))]
    written = bench.upsert(*rows)
    assert [index for index, _ in written.rejected] == list(range(50, 1500, 100))
    assert written.written == len(bench.column("id")) == 1485


def test_bad_row_after_good_ones_leaves_none_of_them_twice_in_an_append(store):
    bench = Bench(store, raw_table())
    rows = [(n, "p", b"x", None) for n in range(1, 800)]
    rows.insert(600, (2**70, "p", b"x", None))
    with store.transaction() as connection:
        written = bench.writer().append(connection, rows)
    assert written.rejected[0][0] == 600
    assert bench.column("id") == list(range(1, 800))


def test_row_that_breaks_a_rule_of_the_table_names_the_column(bench):
    with bench.store.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE _tool_x_things")
    for column in bench.table.columns:
        column.nullable = column.key not in {"title", "connection_id", "id"}
    with bench.store.transaction() as connection:
        bench.table.create(connection)
    written = bench.upsert({"id": "a", "title": "x"}, {"id": "b"})
    assert written.rejected[0][0] == 1
    assert "(column title)" in written.rejected[0][1]


def test_emoji_in_a_narrow_character_set_become_a_replacement_sign(mysql_url):
    store = Store.open(mysql_url)
    table = Table(
        "t",
        MetaData(),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("name", String(20)),
    )
    bench = Bench(store, table)
    with store.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb3")
    with store.transaction() as connection:
        written = bench.writer().upsert(connection, [(1, "ok ü"), (2, "key 🔑")])
    assert (written.written, written.rejected) == (2, [])
    assert bench.column("name") == ["ok ü", "key \ufffd"]
    store.close()


def test_value_larger_than_a_packet_costs_its_row_and_not_the_connection(mysql_url):
    store = Store.open(mysql_url)
    bench = Bench(store, raw_table())
    with store.reading() as connection:
        packet = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
    rows = [(1, "p", b"x", None), (2, "p", b"'" * packet, None), (3, "p", b"y", None)]
    with store.transaction() as connection:
        written = bench.writer().upsert(connection, rows)
    assert written.rejected == [
        (1, "a value is larger than max_allowed_packet lets in (column data)")
    ]
    assert bench.column("id") == [1, 3]
    store.close()


def test_lost_connection_is_not_blamed_on_a_row(bench):
    store = bench.store
    if store.dialect == "sqlite":
        pytest.skip("a file has no session")
    writer = bench.writer()
    ask, kill = (
        ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})")
        if store.dialect == "postgresql"
        else ("SELECT connection_id()", "KILL {}")
    )
    rows = [bench.row(id=key) for key in ids(600)]
    with store.engine.connect() as connection:
        pid = connection.exec_driver_sql(ask).scalar_one()
        with store.reading() as other:
            other.exec_driver_sql(kill.format(pid))
        with pytest.raises(DBAPIError) as caught:
            writer.upsert(connection, rows)
    assert caught.value.connection_invalidated
    assert bench.upsert({"id": "a"}, writer=writer).written == 1


def test_nothing_stays_in_the_database_but_the_table(bench):
    bench.upsert(*({"id": key} for key in ids(600)))
    with bench.store.reading() as connection:
        assert inspect(connection).get_table_names() == ["_tool_x_things"]
