"""Open a database: the engine, its settings for each dialect, and transactions."""

from __future__ import annotations

import logging
import time
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import URL, Connection, QueuePool, create_engine, event, inspect
from sqlalchemy.exc import NoSuchModuleError

from devlake_core import forking
from devlake_core.errors import ConfigError, StoreUnreachable
from devlake_core.redaction import register_secret

from .faults import Conflict, translate, translated
from .tls import tls_context
from .url import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10
LOCK_SECONDS = 30
_BUSY_SECONDS = 0.5
_READ_ONLY = "devlake_reading"
_SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
# A store is opened by the process that uses it and never lives through a fork, so connections may
# stay open: a new one costs a server milliseconds, and SQLite a checkpoint when it is closed.
# The sign of life that is asked for first: while a slow tool is read, servers and firewalls drop
# connections that are idle.
_POOL: dict[str, Any] = {
    "poolclass": QueuePool,
    "pool_size": 2,
    "max_overflow": 3,
    "pool_pre_ping": True,
}
_PORTS = {"mysql": 3306, "postgresql": 5432}
_EXTRAS = {"mysql": "mysql", "postgresql": "postgres"}


class Store:
    """One database, with its dialect's settings.

    Attributes:
        engine: SQLAlchemy's engine.
        url: its URL; what is printed of it hides the password.
        dialect: ``sqlite``, ``postgresql`` or ``mysql`` (MariaDB is ``mysql`` too).
        where: which database, in words for a person.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url: URL = engine.url
        name = engine.dialect.name
        self.dialect = cast(
            "Literal['sqlite', 'postgresql', 'mysql']", "mysql" if name == "mariadb" else name
        )
        self.where = describe(engine.url)
        # Whoever forgets to close a store does not leave the database with its connections.
        weakref.finalize(self, engine.dispose)

    @classmethod
    def open(cls, url: str | URL) -> Store:
        """Return the store of a database, after asking it once whether it answers.

        A missing SQLite file is made (empty).

        Raises:
            ConfigError: the URL is wrong, the driver is not installed or the login was refused.
            StoreUnreachable: the database does not answer.
        """
        forking.check("a database")
        if isinstance(url, str):
            url = parse_url(url)
        if url.password:
            register_secret(url.password)
        store = cls(_engine(url))
        try:
            store._greet()
        except BaseException:
            store.close()
            raise
        return store

    def _greet(self) -> None:
        """Ask the database for an answer and for what has to be right before rows are written."""
        if self.dialect == "sqlite":
            folder = Path(str(self.url.database)).parent
            if not folder.is_dir():
                message = f"{self.where}: the folder {folder} does not exist"
                raise StoreUnreachable(message, hint="make the folder or give another path")
            _use_wal(self)
            return
        with self.reading() as connection:
            if self.dialect == "mysql":
                charset = connection.exec_driver_sql("SELECT @@character_set_database").scalar()
                if charset != "utf8mb4":
                    logger.warning(
                        "%s has the character set %s: it lacks signs (emoji in utf8mb3, which "
                        "become U+FFFD); utf8mb4 has all",
                        self.where,
                        charset,
                    )
            elif connection.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
                logger.warning("%s is not in UTF-8: rows with other signs are refused", self.where)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed at the end of the block.

        On SQLite it takes the writer's lock at once (BEGIN IMMEDIATE), for a transaction that
        begins with a read cannot always become a writer.

        Raises:
            StoreUnreachable: the database does not answer (any more). If it was lost while
                committing, it is not known whether the commit took place.
            Conflict: another transaction was in the way; the same work may be repeated.
            StoreError: the disk is full, the database is read-only …
            SchemaError: a table or column is missing.
        """
        with translated(self.where), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for reading; on SQLite it never waits for a writer.

        Raises:
            StoreUnreachable: the database does not answer.
            SchemaError: a table or column is missing.
        """
        with translated(self.where), self.engine.connect() as connection:
            connection = connection.execution_options(**{_READ_ONLY: True})
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()

    def has_table(self, name: str) -> bool:
        """Tell whether the database has a table."""
        with self.reading() as connection:
            return inspect(connection).has_table(name)

    def tables(self) -> set[str]:
        """Return the names of the database's tables."""
        with self.reading() as connection:
            return set(inspect(connection).get_table_names())

    def close(self) -> None:
        """Close what is open."""
        self.engine.dispose()


def describe(url: URL) -> str:
    """Return which database a URL means, in words for a person and without the password."""
    name = url.get_backend_name()
    if name == "sqlite":
        return f"SQLite file {url.database}"
    label = {"mysql": "MySQL", "mariadb": "MariaDB"}.get(name, "PostgreSQL")
    host = url.host or str(url.query.get("host") or url.query.get("unix_socket") or "localhost")
    port = url.port or _PORTS["postgresql" if name == "postgresql" else "mysql"]
    return f"{label} database {url.database or '(default)'} at {host}:{port}"


def _engine(url: URL) -> Engine:
    """Make the engine; this imports the driver."""
    dialect = url.get_backend_name()
    # It logs what it could not undo on a connection that it then throws away: what went wrong with
    # the work was raised, and an interruption may come while a connection is given back.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    plain = url
    arguments: dict[str, Any]
    if dialect == "sqlite":
        arguments = {"timeout": _BUSY_SECONDS, "isolation_level": None, "check_same_thread": False}
    elif dialect == "postgresql":
        arguments = _postgresql_arguments(url)
        # It warns of what fails again after a failure that is raised anyway, in libpq's words.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        plain = url.difference_update_query(["options"])
    else:
        arguments = _mysql_arguments(url)
        plain = url.difference_update_query(["tls", "ca-cert", "ssl_ca", "ssl_capath", "ssl_key"])
        plain = plain.difference_update_query(["ssl_cert", "ssl_check_hostname"])
    try:
        engine = create_engine(plain, hide_parameters=True, connect_args=arguments, **_POOL)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        message = f"the driver for {describe(url)} is not installed"
        extra = _EXTRAS.get(dialect, "postgres")
        raise ConfigError(message, hint=f"pip install 'devlake-core[{extra}]'") from error
    if dialect == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.driver == "pymysql" and "read_timeout" not in url.query:
        event.listen(engine, "connect", _lift_read_timeout)
    return engine


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "options": f"{url.query.get('options', '')} -ctimezone=UTC".strip()
    }
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    if "application_name" not in url.query:
        arguments["application_name"] = "devlake"
    return arguments


def _mysql_arguments(url: URL) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "init_command": f"SET SESSION sql_mode = '{_SQL_MODE}', time_zone = '+00:00'"
    }
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    context = tls_context(url, describe(url))
    if url.get_driver_name() != "pymysql":
        if context:
            message = f"{describe(url)}: TLS options are understood with PyMySQL only"
            raise ConfigError(message, hint="write mysql+pymysql:// in the database URL")
    else:
        # Its connect_timeout ends with the TCP connection; see _lift_read_timeout().
        if "read_timeout" not in url.query:
            arguments["read_timeout"] = CONNECT_SECONDS
        if context is False:
            arguments["ssl_disabled"] = True
        elif context is not None:
            arguments["ssl"] = context
    return arguments


def _lift_read_timeout(connection: Any, _record: Any) -> None:
    """Let a statement take its time, once a server that is silent was given up."""
    connection._read_timeout = None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Heard by a new file alone: rows of a kilobyte or two leave less of a page unused.
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = OFF")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_READ_ONLY):
        connection.exec_driver_sql("BEGIN")
    else:
        _patiently(connection, "BEGIN IMMEDIATE")


def _use_wal(store: Store) -> None:
    """Let readers and one writer work side by side; the file remembers it."""
    with translated(store.where):
        raw = store.engine.raw_connection()
        try:
            cursor = raw.cursor()
            # Asked first: only the change itself needs the file alone.
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            cursor.close()
        finally:
            raw.close()


def _patiently(connection: Connection, statement: str) -> None:
    """Wait for the writer's lock in short naps, in which a signal is heard."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.exec_driver_sql(statement)
        except Exception as error:
            busy = isinstance(translate(error, ""), Conflict)
            if not busy or time.monotonic() > deadline:
                raise
        else:
            return
