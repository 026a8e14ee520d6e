"""The database: opened on a URL, one short transaction at a time, its errors translated."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, NoSuchTableError
from sqlalchemy.pool import NullPool, StaticPool

from devlake_core.errors import ConfigError

from .faults import translated
from .url import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

DialectName = Literal["sqlite", "postgresql", "mysql"]
CONNECT_SECONDS = 10
_EXTRAS: dict[str, str] = {"postgresql": "postgres", "mysql": "mysql"}


class Store:
    """Be one database, of whichever kind.

    Attributes:
        engine: SQLAlchemy's engine; it keeps no connection open.
        dialect: ``sqlite``, ``postgresql`` or ``mysql`` (MariaDB too).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        name = engine.dialect.name
        self.dialect: DialectName = "mysql" if name == "mariadb" else name  # type: ignore[assignment]
        self._tables: set[str] | None = None

    @classmethod
    def open(cls, url: str | URL) -> Store:
        """Open a database.

        Raises:
            ConfigError: the URL is wrong, or the driver is not installed.
            StoreUnreachable: the database does not answer.
        """
        parsed = parse_url(url) if isinstance(url, str) else url
        store = cls(_engine(parsed))
        with store.reading():
            return store

    @property
    def url(self) -> URL:
        """Return the database's URL."""
        return self.engine.url

    @property
    def place(self) -> str:
        """Return where the database is, without credentials."""
        if self.dialect == "sqlite":
            return str(self.url.database or "memory")
        return f"{self.url.host}:{self.url.port or 'default port'}/{self.url.database}"

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection in a transaction that ends with the block: committed, or undone.

        Raises:
            StoreError: the database did not do what it was asked, see ``faults``.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, NoSuchTableError) as error:
            # A driver's error may quote the values of a row, so it is not chained.
            raise translated(error, self.place) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read with.

        Raises:
            StoreError: the database did not do what it was asked, see ``faults``.
        """
        try:
            with self.engine.connect() as connection:
                connection.execution_options(devlake_reads=True)
                yield connection
        except (DBAPIError, NoSuchTableError) as error:
            # A driver's error may quote the values of a row, so it is not chained.
            raise translated(error, self.place) from None

    def tables(self) -> set[str]:
        """Return the names of all tables, as they are now."""
        with self.reading() as connection:
            self._tables = set(inspect(connection).get_table_names())
        return self._tables

    def has_table(self, name: str) -> bool:
        """Return whether there is a table; one that was seen once is not looked for again."""
        return name in (self._tables or ()) or name in self.tables()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def _engine(url: URL) -> Engine:
    kind = url.get_backend_name()
    options: dict[str, Any] = {"hide_parameters": True, "poolclass": NullPool}
    if kind == "sqlite":
        database = url.database
        if database in {None, "", ":memory:"}:
            options["poolclass"] = StaticPool
        else:
            # A guest may change the working directory later.
            url = url.set(database=str(Path(str(database)).absolute()))
        options["connect_args"] = {"check_same_thread": False, "timeout": 30}
    elif kind == "postgresql":
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "devlake",
            "options": "-c timezone=UTC",
        }
        if "options" in url.query:
            del options["connect_args"]["options"]
    else:
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
            "init_command": "SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES,"
            "NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
        }
    try:
        engine = create_engine(url, **options)
    except (ImportError, NoSuchModuleError) as error:
        extra = _EXTRAS.get(kind, kind)
        message = f"the driver for {kind} is not installed ({error})"
        raise ConfigError(message, hint=f"pip install 'devlake-core[{extra}]'") from None
    if kind == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """Let readers and one writer work side by side, and writers wait for each other."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # Python's own transaction handling begins too late, and never for DDL.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        # A transaction that reads first and writes later could not wait for another writer.
        reads = connection.get_execution_options().get("devlake_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


