"""The same work by hand, without any framework: what a specialist would write for this one tool.

It fetches with urllib3, reads JSON with orjson (pydantic's parser where that is not installed),
and talks to the drivers itself: sorted batches, upserts by ``executemany`` on SQLite and by binary
COPY through a staging table on PostgreSQL. It validates nothing, keeps no state and cannot go on
after an error. Its rows are those of the plugin beside it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

try:
    from orjson import dumps, loads
except ImportError:
    from pydantic_core import from_json as loads
    from pydantic_core import to_json as dumps

Row = tuple[Any, ...]

RAW, TOOL, DOMAIN = "_raw_bench_issues", "_tool_bench_issues", "issues"
PARAMS = '{"ConnectionId":1,"ScopeId":"all"}'
BATCH = 2000
STATUSES = {"open": "TODO", "closed": "DONE"}
TYPES = {"bug": "BUG", "feature": "REQUIREMENT"}

ORIGIN = {"_raw_data_params": "text", "_raw_data_table": "text", "_raw_data_id": "int8"}
TIMES = {"created_at": "timestamptz", "updated_at": "timestamptz"}
RAW_COLUMNS = {
    "params": "text",
    "data": "bytea",
    "url": "text",
    "input": "bytea",
    "created_at": "timestamptz",
}
TOOL_COLUMNS = {
    **{"connection_id": "int8", "id": "int8", "key": "text", "title": "text"},
    **dict.fromkeys(["description", "status", "type"], "text"),
    **dict.fromkeys(["creator_id", "creator_name", "assignee_id"], "text"),
    **dict.fromkeys(["created_date", "updated_date", "resolution_date"], "timestamptz"),
}
DOMAIN_COLUMNS = {
    **dict.fromkeys(["id", "issue_key", "title", "description", "status"], "text"),
    **dict.fromkeys(["original_status", "type", "original_type"], "text"),
    **dict.fromkeys(["creator_id", "creator_name", "assignee_id"], "text"),
    **dict.fromkeys(["created_date", "updated_date", "resolution_date"], "timestamptz"),
    "lead_time_minutes": "int8",
}


class SQLite:
    """Write through the standard library's driver."""

    def __init__(self, url: str) -> None:
        self._db = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")

    @staticmethod
    def time(value: datetime) -> str:
        """Return a time as the column takes it."""
        return value.isoformat(" ", "milliseconds")[:23]

    @staticmethod
    def read_time(value: str) -> datetime:
        """Return a time that was read."""
        return datetime.fromisoformat(value)

    def writer(self, table: str, columns: dict[str, str], key: str) -> Callable[[list[Row]], None]:
        """Return what writes rows in a transaction: appended, or by key where one is given."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) {_on_conflict(columns, key)}"

        def write(rows: list[Row]) -> None:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")

        return write

    def read(self, table: str, names: list[str], where: str) -> Iterator[list[Row]]:
        """Yield rows after a position in batches; the first column is the position."""
        query = f"SELECT {', '.join(names)} FROM {table} WHERE {where} AND {names[0]} > ?"
        query += f" ORDER BY {names[0]} LIMIT {BATCH}"
        after = 0
        while rows := self._db.execute(query, (after,)).fetchall():
            yield rows
            after = rows[-1][0]


class PostgreSQL:
    """Write through psycopg."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._db = psycopg.connect(
            url.replace("+psycopg", ""), autocommit=True, options="-c timezone=UTC"
        )

    @staticmethod
    def time(value: datetime) -> datetime:
        """Return a time as the column takes it."""
        return value

    read_time = time

    def writer(self, table: str, columns: dict[str, str], key: str) -> Callable[[list[Row]], None]:
        """Return what writes rows in a transaction: appended, or by key where one is given."""
        names, types = ", ".join(columns), list(columns.values())
        target = f"stage_{table}" if key else table
        shape = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {target} ({shape}) ON COMMIT DELETE ROWS"
        copying = f"COPY {target} ({names}) FROM STDIN (FORMAT BINARY)"
        move = f"INSERT INTO {table} ({names}) SELECT {names} FROM {target} "
        move += _on_conflict(columns, key)

        def write(rows: list[Row]) -> None:
            with self._db.transaction(), self._db.cursor() as cursor:
                if key:
                    cursor.execute(create)
                with cursor.copy(copying) as copy:
                    copy.set_types(types)
                    for row in rows:
                        copy.write_row(row)
                if key:
                    cursor.execute(move)

        return write

    def read(self, table: str, names: list[str], where: str) -> Iterator[list[Row]]:
        """Yield rows after a position in batches; the first column is the position."""
        # Else it would not know yet how many rows there are, and sort them for each batch.
        self._db.execute(f"ANALYZE {table}")
        query = f"SELECT {', '.join(names)} FROM {table} WHERE {where} AND {names[0]} > %s"
        query += f" ORDER BY {names[0]} LIMIT {BATCH}"
        after = 0
        with self._db.cursor(binary=True) as cursor:
            while rows := cursor.execute(query, (after,)).fetchall():
                yield rows
                after = rows[-1][0]


def _on_conflict(columns: dict[str, str], key: str) -> str:
    if not key:
        return ""
    kept = {*key.split(", "), "created_at"}
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
    return f"ON CONFLICT ({key}) DO UPDATE SET {sets}"


def collect(db: Any, url: str) -> int:
    """Fetch all pages into the raw table."""
    pool = urllib3.PoolManager(headers={"Accept": "application/json"})
    write = db.writer(RAW, RAW_COLUMNS, "")
    done, token = 0, "1"
    rows: list[Row] = []
    while token is not None:
        address = f"{url}/issues?page={token}"
        page = loads(pool.request("GET", address).data)
        now = db.time(datetime.now(UTC))
        rows += [(PARAMS, dumps(item), address, b"{}", now) for item in page["items"]]
        token = page["next"]
        if len(rows) >= BATCH or token is None:
            write(rows)
            done += len(rows)
            rows = []
    return done


def extract(db: Any) -> int:
    """Make tool rows of raw rows."""
    write = db.writer(TOOL, {**TOOL_COLUMNS, **ORIGIN, **TIMES}, "connection_id, id")
    now, done = db.time(datetime.now(UTC)), 0

    def time(text: str | None) -> Any:
        return None if text is None else db.time(datetime.fromisoformat(text))

    def row(raw_id: int, item: dict[str, Any]) -> Row:
        user, assignee = item["user"] or {}, item["assignee"] or {}
        return (
            *(1, item["id"], item["key"], item["title"], item["body"], item["state"], item["kind"]),
            *(user.get("id"), user.get("login"), assignee.get("id")),
            *(time(item["created_at"]), time(item["updated_at"]), time(item["closed_at"])),
            *(PARAMS, RAW, raw_id, now, now),
        )

    for raws in db.read(RAW, ["id", "data"], f"params = '{PARAMS}'"):
        write([row(number, loads(data)) for number, data in raws])
        done += len(raws)
    return done


def convert(db: Any) -> int:
    """Make domain rows of tool rows."""
    write = db.writer(DOMAIN, {**DOMAIN_COLUMNS, **ORIGIN, **TIMES}, "id")
    now, done = db.time(datetime.now(UTC)), 0

    def row(values: Row) -> Row:
        number, key, title, text, status, kind, maker, name, assignee, made, moved, ended, raw = (
            values
        )
        lead = None
        if ended is not None:
            lead = int((db.read_time(ended) - db.read_time(made)).total_seconds()) // 60
        return (
            *(f"bench:Issue:1:{number}", key, title, text, STATUSES[status], status),
            *(TYPES.get(kind, "TASK"), kind, maker, name, assignee, made, moved, ended, lead),
            *(PARAMS, RAW, raw, now, now),
        )

    names = [*list(TOOL_COLUMNS)[1:], "_raw_data_id"]
    where = f"connection_id = 1 AND _raw_data_params = '{PARAMS}'"
    for values in db.read(TOOL, names, where):
        # In the order of the key, which spares the index and other writers.
        write(sorted(map(row, values)))
        done += len(values)
    return done


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """Give the database of a URL."""
    yield SQLite(url) if url.startswith("sqlite") else PostgreSQL(url)


def run(verb: str, database: str, server: str) -> int:
    """Run one verb; return how many records it read."""
    with opened(database) as db:
        if verb == "collect":
            return collect(db, server)
        return extract(db) if verb == "extract" else convert(db)
