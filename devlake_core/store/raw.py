"""Raw tables: made when missing, widened once, appended to, read in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import bindparam, delete, func, insert, inspect, literal, select, text, update

from devlake_core.errors import DevlakeError

from .ledger import ledger_tables, raw_table
from .on_demand import make_missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from .engine import Store


BATCH_BYTES = 16 * 1024 * 1024
"""How much raw data is read, or written, at once."""


class RawRow(NamedTuple):
    """Be one raw row as the verbs read it."""

    id: int
    data: bytes
    input: bytes | None


_ready: WeakKeyDictionary[Store, set[str]] = WeakKeyDictionary()


def ensure_raw(store: Store, plugin: str, *names: str) -> None:
    """Make a plugin's ledgers and the named raw tables where they are missing.

    A raw table that pydevlake made holds at most 64 KB a record on MySQL and has no index on
    ``params``; it is widened once, the one change to a found table.
    """
    ready = _ready.setdefault(store, set())
    if ready.issuperset(names) and plugin in ready:
        return
    wanted = [*ledger_tables(plugin), *(raw_table(name) for name in names)]
    found = store.tables()
    make_missing(store, [table for table in wanted if table.name not in found])
    for name in names:
        if name in found:
            _widen(store, raw_table(name))
    ready.update(names, (plugin,))


def _widen(store: Store, table: Table) -> None:
    with store.reading() as connection:
        inspector = inspect(connection)
        kinds = {c["name"]: str(c["type"]).upper() for c in inspector.get_columns(table.name)}
    narrow = [
        name for name in ("data", "input") if store.dialect == "mysql" and kinds.get(name) == "BLOB"
    ]
    if narrow:
        quote = store.engine.dialect.identifier_preparer.quote
        with store.transaction() as connection:
            for name in narrow:
                connection.execute(
                    text(f"ALTER TABLE {quote(table.name)} MODIFY {quote(name)} longblob")
                )
    if not _is_indexed(store, table):
        _index(store, table)


def _index(store: Store, table: Table) -> None:
    try:
        with store.transaction() as connection:
            for index in table.indexes:
                index.create(connection, checkfirst=True)
    except DevlakeError:
        # Another run, which has just made the table, was a moment quicker with its index.
        if not _is_indexed(store, table):
            raise


def _is_indexed(store: Store, table: Table) -> bool:
    with store.reading() as connection:
        indexes = inspect(connection).get_indexes(table.name)
    return any("params" in index["column_names"] for index in indexes)


def last_id(connection: Connection, table: Table) -> int:
    """Return the greatest id of a raw table, 0 where it is empty."""
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())


def has_rows(
    connection: Connection,
    table: Table,
    params: str,
    *,
    before: int | None = None,
    since: int | None = None,
) -> bool:
    """Return whether a scope has raw rows, before an id or from an id on where one is given."""
    query = select(literal(1)).where(table.c.params == params).limit(1)
    if before is not None:
        query = query.where(table.c.id < before)
    if since is not None:
        query = query.where(table.c.id >= since)
    return connection.execute(query).first() is not None


def read_raw(
    store: Store, table: Table, params: str, after: int, size: int
) -> Iterator[list[RawRow]]:
    """Yield a scope's raw rows after an id, in order, in batches of a bounded number and weight.

    Nothing is held open between two batches, so the reader of a batch may write.
    """
    mine = (table.c.params == params, table.c.id > bindparam("after"))
    weights = (
        select(table.c.id, func.length(table.c.data)).where(*mine).order_by(table.c.id).limit(size)
    )
    rows = (
        select(table.c.id, table.c.data, table.c.input)
        .where(*mine, table.c.id <= bindparam("last"))
        .order_by(table.c.id)
    )
    while True:
        with store.reading() as connection:
            last = _last_of_batch(connection.execute(weights, {"after": after}).all())
            if last is None:
                return
            found = connection.execute(rows, {"after": after, "last": last}).all()
        yield [RawRow(row[0], bytes(row[1]), row[2]) for row in found]
        after = last


def _last_of_batch(weighed: Sequence[Any]) -> int | None:
    """Return the last id that fits into a batch; None where there is no row."""
    last, total = None, 0
    for number, weight in weighed:
        total += weight
        if last is not None and total > BATCH_BYTES:
            break
        last = number
    return last


def drop_raw(connection: Connection, table: Table, ids: Collection[int]) -> None:
    """Delete raw rows by id."""
    if ids:
        connection.execute(delete(table).where(table.c.id.in_(list(ids))))


def drop_raw_before(
    connection: Connection, table: Table, params: str, before: int, keep: Collection[int]
) -> int:
    """Delete a scope's raw rows before an id, but for some; return how many went."""
    statement = delete(table).where(table.c.params == params, table.c.id < before)
    if keep:
        statement = statement.where(table.c.id.not_in(list(keep)))
    return connection.execute(statement).rowcount


def copy_raw(connection: Connection, table: Table, params: str, split: int) -> tuple[int, int]:
    """Copy a scope's raw rows to new ids, so that they are read again.

    Args:
        connection: an open transaction.
        table: the raw table.
        params: the scope.
        split: an old id.

    Returns:
        The first new id, and the new id of the first row that was not before ``split``.
    """
    first = last_id(connection, table) + 1
    earlier = connection.execute(
        select(func.count()).where(table.c.params == params, table.c.id < split)
    ).scalar_one()
    names = ["params", "data", "url", "input", "created_at"]
    source = (
        select(*(table.c[name] for name in names))
        .where(table.c.params == params, table.c.id < first)
        .order_by(table.c.id)
    )
    connection.execute(insert(table).from_select(names, source))
    rows: Any = connection.execute(
        select(table.c.id)
        .where(table.c.params == params, table.c.id >= first)
        .order_by(table.c.id)
        .limit(1)
        .offset(earlier)
    ).scalar_one_or_none()
    return first, last_id(connection, table) + 1 if rows is None else rows


def respell_params(store: Store, name: str, old: str, new: str) -> None:
    """Give raw rows that pydevlake wrote under its own spelling of a scope ours."""
    table = raw_table(name)
    with store.transaction() as connection:
        connection.execute(update(table).where(table.c.params == old).values(params=new))
