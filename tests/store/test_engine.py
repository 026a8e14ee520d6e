"""Opening databases, transactions, and errors in words of ours."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from importlib.util import find_spec

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError

from devlake_core.errors import (
    Cancelled,
    ConfigError,
    SchemaError,
    StoreError,
    StoreUnreachable,
)
from devlake_core.store import Conflict, Store
from devlake_core.store import engine as engine_module
from devlake_core.store.url import parse_url


@pytest.fixture
def opened():
    stores = []

    def open_(url):
        stores.append(Store.open(url))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(db_url, opened):
    opened = opened(db_url)
    with opened.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id int PRIMARY KEY, n int)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 10), (2, 20)")
    return opened


def rows(store):
    with store.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT id, n FROM t ORDER BY id")]


def test_transaction_is_committed_at_its_end(store):
    with store.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
    assert rows(store)[-1] == (3, 30)


def test_error_in_a_transaction_takes_everything_back(store):
    def work():
        with store.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert rows(store) == [(1, 10), (2, 20)]


def test_error_of_the_raw_cursor_is_translated_and_takes_everything_back(store):
    def work():
        with store.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
            connection.connection.cursor().execute("SELECT * FROM nowhere")

    with pytest.raises(SchemaError, match="a table is missing"):
        work()
    assert rows(store) == [(1, 10), (2, 20)]


def test_what_a_reader_wrote_is_not_kept(store):
    with store.reading() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
    assert rows(store) == [(1, 10), (2, 20)]


def test_reader_does_not_wait_for_a_writer(store):
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE t SET n = 99 WHERE id = 1")
        assert rows(store) == [(1, 10), (2, 20)]


def test_tables_are_found_by_name(store):
    assert store.has_table("t")
    assert not store.has_table("nowhere")
    assert store.tables() == {"t"}


def test_session_is_set_up(store):
    with store.reading() as connection:

        def ask(query):
            return connection.exec_driver_sql(query).scalar_one()

        if store.dialect == "sqlite":
            assert ask("PRAGMA journal_mode") == "wal"
            assert ask("PRAGMA synchronous") == 1
            assert ask("PRAGMA foreign_keys") == 0
            assert ask("PRAGMA page_size") == 8192
        elif store.dialect == "postgresql":
            assert ask("SHOW timezone") == "UTC"
            assert ask("SHOW application_name") == "devlake"
        else:
            assert ask("SELECT @@time_zone") == "+00:00"
            assert ask("SELECT @@character_set_client") == "utf8mb4"
            assert "STRICT_ALL_TABLES" in ask("SELECT @@sql_mode")


def test_update_counts_the_rows_it_met_though_nothing_changed(store):
    with store.transaction() as connection:
        assert connection.exec_driver_sql("UPDATE t SET n = 10 WHERE id = 1").rowcount == 1


def test_values_do_not_show_in_errors(store):
    def work():
        with store.transaction() as connection:
            connection.execute(text("INSERT INTO t VALUES (:a, 1)"), {"a": "CANARY-value"})
            connection.execute(text("INSERT INTO nowhere VALUES (:a)"), {"a": "CANARY-value"})

    with pytest.raises((StoreError, SchemaError)) as caught:
        work()
    shown = f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
    assert "CANARY" not in shown


def test_values_do_not_show_in_errors_that_are_not_translated(store):
    query = text("INSERT INTO nowhere VALUES (:a)")
    with store.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(query, {"a": "CANARY-value"})
    assert "CANARY" not in str(caught.value)


def test_lock_that_another_transaction_holds_is_a_conflict(store, monkeypatch):
    monkeypatch.setattr(engine_module, "LOCK_SECONDS", 0.2)

    def second():
        with store.transaction() as connection:
            if store.dialect == "postgresql":
                connection.exec_driver_sql("SET lock_timeout = '200ms'")
            elif store.dialect == "mysql":
                connection.exec_driver_sql("SET innodb_lock_wait_timeout = 1")
            connection.exec_driver_sql("UPDATE t SET n = 2 WHERE id = 1")

    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE t SET n = 1 WHERE id = 1")
        with pytest.raises(Conflict) as caught:
            second()
    assert caught.value.exit_code == 75
    second()
    assert rows(store)[0] == (1, 2)


def test_deadlock_is_a_conflict_for_one_side(store):
    if store.dialect == "sqlite":
        pytest.skip("one writer at a time cannot deadlock")
    both = threading.Barrier(2, timeout=100)
    outcomes = []

    def work(first, second):
        try:
            with store.transaction() as connection:
                connection.exec_driver_sql(f"UPDATE t SET n = n + 1 WHERE id = {first}")
                both.wait()
                connection.exec_driver_sql(f"UPDATE t SET n = n + 1 WHERE id = {second}")
        except Exception as error:
            outcomes.append(type(error))
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=work, args=ids) for ids in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == sorted([None, Conflict], key=str)
    assert rows(store) == [(1, 11), (2, 21)]


def test_killed_session_is_unreachable_and_leaves_nothing(store):
    if store.dialect == "sqlite":
        pytest.skip("a file has no session")

    def work():
        with store.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
            mine, kill = (
                ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})")
                if store.dialect == "postgresql"
                else ("SELECT connection_id()", "KILL {}")
            )
            pid = connection.exec_driver_sql(mine).scalar_one()
            with store.reading() as other:
                other.exec_driver_sql(kill.format(pid))
            connection.exec_driver_sql("INSERT INTO t VALUES (4, 40)")

    with pytest.raises(StoreUnreachable):
        work()
    assert rows(store) == [(1, 10), (2, 20)]


def test_connection_that_was_dropped_while_idle_is_replaced(store, opened):
    if store.dialect == "sqlite":
        pytest.skip("a file has no session")
    mine, kill = (
        ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})")
        if store.dialect == "postgresql"
        else ("SELECT connection_id()", "KILL {}")
    )
    with store.reading() as connection:
        pid = connection.exec_driver_sql(mine).scalar_one()
    with opened(store.url).reading() as connection:
        connection.exec_driver_sql(kill.format(pid))
    with store.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (3, 30)")
    assert len(rows(store)) == 3


def test_a_session_that_ends_amid_a_batch_is_told_once_and_in_our_words(
    postgresql_url, opened, caplog
):
    store = opened(postgresql_url)

    def work():
        with store.transaction() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            statement = "SELECT pg_terminate_backend(%s + 0 * length(%s))"
            connection.exec_driver_sql(statement, [(pid, "x" * 1000)] * 20_000)

    with pytest.raises(StoreUnreachable):
        work()
    assert caplog.messages == []


def test_an_interruption_while_a_connection_is_given_back_is_not_logged(sqlite_url, opened, caplog):
    store, met = opened(sqlite_url), []

    def interrupt(*_):
        met.append(1)
        message = "stopped"
        raise Cancelled(message)

    event.listen(store.engine, "reset", interrupt)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    event.remove(store.engine, "reset", interrupt)
    assert (met, caplog.messages) == ([1], [])


def test_read_only_database_is_a_store_error(postgresql_url, opened):
    store = opened(postgresql_url)

    def work():
        with store.transaction() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql("CREATE TABLE x (id int)")

    with pytest.raises(StoreError, match="read-only") as caught:
        work()
    assert not isinstance(caught.value, Conflict | StoreUnreachable)
    assert caught.value.exit_code == 75


def test_full_sqlite_file_is_a_store_error_and_keeps_its_state(sqlite_url, opened):
    store = opened(sqlite_url)
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")

    def work():
        with store.transaction() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 5")
            connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")

    with pytest.raises(StoreError, match="disk is full"):
        work()
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 0


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
def test_server_that_is_not_there_is_named_without_the_password(scheme):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    expected = rf"lake at 127\.0\.0\.1:{port}: .*\(connection refused\)"
    with pytest.raises(StoreUnreachable, match=expected) as caught:
        Store.open(f"{scheme}://me:CANARY-pw@127.0.0.1:{port}/lake")
    assert "CANARY" not in f"{caught.value!r}{caught.value.hint}{caught.value.__cause__!r}"


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
def test_server_that_is_silent_is_given_up(scheme, monkeypatch):
    monkeypatch.setattr(engine_module, "CONNECT_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(StoreUnreachable):
            Store.open(f"{scheme}://me:pw@127.0.0.1:{silent.getsockname()[1]}/lake")
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("fixture", ["postgresql_url", "mysql_url"])
def test_wrong_password_and_missing_database_are_configuration(fixture, request):
    url = parse_url(request.getfixturevalue(fixture))
    for wrong in (url.set(password="CANARY-pw"), url.set(database="nowhere_at_all")):
        with pytest.raises(ConfigError) as caught:
            Store.open(wrong)
        assert "CANARY" not in f"{caught.value!r}{caught.value.__cause__!r}"
        assert caught.value.exit_code == 78


def test_statement_may_take_longer_than_connecting(mysql_url, opened, monkeypatch):
    monkeypatch.setattr(engine_module, "CONNECT_SECONDS", 1)
    with opened(mysql_url).reading() as connection:
        assert connection.exec_driver_sql("SELECT SLEEP(1.5)").scalar_one() == 0


def test_missing_folder_and_foreign_file_are_told(tmp_path):
    with pytest.raises(StoreUnreachable, match="does not exist"):
        Store.open(f"sqlite:///{tmp_path}/nowhere/devlake.db")
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look at " * 20)
    with pytest.raises(ConfigError, match="no SQLite database"):
        Store.open(f"sqlite:///{tmp_path}/notes.txt")


def test_missing_driver_is_told_with_the_cure():
    if find_spec("MySQLdb"):
        pytest.skip("mysqlclient is installed")
    with pytest.raises(ConfigError) as caught:
        Store.open("mysql+mysqldb://me:pw@127.0.0.1/lake")
    assert "pip install 'devlake-core[mysql]'" in caught.value.hint


def test_writer_of_another_process_is_waited_for(sqlite_url, opened):
    store = opened(sqlite_url)
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id int)")
    other = sqlite3.connect(parse_url(sqlite_url).database, check_same_thread=False)
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.9, other.execute, ["COMMIT"])
    timer.start()
    with store.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    timer.join()
    other.close()


def test_database_with_a_narrow_character_set_is_warned_of(mysql_url, caplog):
    url = parse_url(mysql_url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE `{url.database}` CHARACTER SET utf8mb3")
    engine.dispose()
    Store.open(mysql_url).close()
    assert "utf8mb3" in caplog.text


@pytest.mark.parametrize(
    ("query", "verify", "hostname"), [("true", True, True), ("skip-verify", False, False)]
)
def test_tls_of_go_is_what_it_says(query, verify, hostname):
    import ssl

    arguments = engine_module._mysql_arguments(parse_url(f"mysql://me:pw@h/d?tls={query}"))
    context = arguments["ssl"]
    assert (context.verify_mode == ssl.CERT_REQUIRED) is verify
    assert context.check_hostname is hostname


def test_tls_can_be_switched_off_or_left_to_the_server():
    assert engine_module._mysql_arguments(parse_url("mysql://h/d?tls=false"))["ssl_disabled"]
    left = engine_module._mysql_arguments(parse_url("mysql://h/d?tls=preferred"))
    assert "ssl" not in left
    assert "ssl_disabled" not in left


def test_read_timeout_of_the_url_is_kept():
    url = parse_url("mysql://h/d?read_timeout=99")
    assert url.query["read_timeout"] == "99"
    assert "read_timeout" not in engine_module._mysql_arguments(url)


def test_tls_is_never_left_out_silently():
    with pytest.raises(ConfigError, match="PyMySQL only"):
        Store.open("mysql+mysqldb://me:pw@127.0.0.1/lake?tls=true")


def test_certificate_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Store.open(f"mysql://me:pw@127.0.0.1/lake?tls=custom&ca-cert={tmp_path}/nowhere.pem")


def test_error_of_ours_raised_while_a_value_is_bound_comes_through(sqlite_url):
    from sqlalchemy import Column, Integer, MetaData, Table, insert

    from devlake_core import crypto
    from devlake_core.model.types import Encrypted

    table = Table("secrets", MetaData(), Column("id", Integer), Column("token", Encrypted))
    store = Store.open(sqlite_url)
    crypto.set_encryption_secret(None)
    with store.transaction() as connection:
        table.create(connection)
    with pytest.raises(ConfigError, match="ENCRYPTION_SECRET"), store.transaction() as connection:
        connection.execute(insert(table).values(id=1, token="hidden"))
    store.close()
