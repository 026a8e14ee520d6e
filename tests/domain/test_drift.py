"""The domain tables are those of DevLake's server, column by column, on both of its databases."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, inspect

from devlake_core import domain
from devlake_core.store.url import parse_url
from tests.domain.catalog import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

SCHEMA = Path(__file__).parents[1] / "data" / "devlake" / "domain-schema.json"


def recorded(database: str) -> dict[str, dict[str, Any]]:
    """Return what was recorded of a real server, in the form of ``read()``."""
    groups = json.loads(SCHEMA.read_text())["domain"]
    return {
        name: {
            "columns": table[database],
            "primary_key": table.get(f"primary_key_{database}", table["primary_key"]),
            "indexes": table.get(f"indexes_{database}", table.get("indexes")),
        }
        for tables in groups.values()
        for name, table in tables.items()
    }


def drift(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return a line for each difference."""
    lines = [f"{name}: not made" for name in wanted.keys() - found.keys()]
    lines += [f"{name}: unknown to DevLake" for name in found.keys() - wanted.keys()]
    for name in wanted.keys() & found.keys():
        ours, theirs = found[name], wanted[name]
        if ours["primary_key"] != theirs["primary_key"]:
            lines.append(f"{name}: key {ours['primary_key']}, not {theirs['primary_key']}")
        for part in ("columns", "indexes"):
            for key in ours[part].keys() | theirs[part].keys():
                one, other = ours[part].get(key), theirs[part].get(key)
                if one != other:
                    lines.append(f"{name}: {part} {key}: {one!r}, not {other!r}")
    return sorted(lines)


@contextmanager
def made(url: str, *names: str) -> Iterator[Connection]:
    """Make the tables, or those named, in an empty database."""
    engine = create_engine(parse_url(url))
    tables = [domain.metadata.tables[name] for name in names] or None
    with engine.connect() as connection:
        domain.metadata.create_all(connection, tables=tables)
        yield connection
    engine.dispose()


@pytest.mark.parametrize(("server", "name"), [("mysql", "mysql"), ("postgresql", "postgres")])
def test_tables_are_those_of_the_server(
    server: str, name: str, request: pytest.FixtureRequest
) -> None:
    with made(request.getfixturevalue(f"{server}_url")) as connection:
        assert drift(read(connection), recorded(name)) == []


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("ALTER TABLE issues ADD COLUMN pet varchar(9)", "issues: columns pet: "),
        ("ALTER TABLE issues DROP COLUMN url", "issues: columns url: None, not "),
        ("ALTER TABLE issues ALTER COLUMN url TYPE varchar(99)", "issues: columns url: "),
        ("ALTER TABLE issues ALTER COLUMN url SET NOT NULL", "issues: columns url: "),
        ("ALTER TABLE issues ALTER COLUMN url SET DEFAULT 'x'", "issues: columns url: "),
        ("DROP TABLE issues", "issues: not made"),
        ("CREATE TABLE pets (id int)", "pets: unknown to DevLake"),
        ("DROP INDEX idx_commits_committer_id", "commits: indexes idx_commits_committer_id: None"),
        ("CREATE INDEX idx_pet ON issues (url)", "issues: indexes idx_pet: 'url', not None"),
        (
            "DROP INDEX idx_table_scope_id; CREATE INDEX idx_table_scope_id ON incidents"
            ' (scope_id, "table")',
            "incidents: indexes idx_table_scope_id: ",
        ),
        (
            "ALTER TABLE board_issues DROP CONSTRAINT board_issues_pkey;"
            "ALTER TABLE board_issues ADD PRIMARY KEY (issue_id, board_id)",
            "board_issues: key ",
        ),
    ],
)
def test_any_change_is_seen(statement: str, line: str, postgresql_url: str) -> None:
    names = ("issues", "board_issues", "incidents", "commits")
    wanted = {name: table for name, table in recorded("postgres").items() if name in names}
    with made(postgresql_url, *names) as connection:
        assert drift(read(connection), wanted) == []
        connection.exec_driver_sql(statement)
        (found,) = drift(read(connection), wanted)
    assert found.startswith(line)


def test_the_tables_can_be_made_on_sqlite(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    domain.metadata.create_all(engine)
    inspector = inspect(engine)
    wanted = recorded("mysql")
    assert set(inspector.get_table_names()) == set(wanted)
    for name, table in wanted.items():
        assert {c["name"] for c in inspector.get_columns(name)} == set(table["columns"])
        assert inspector.get_pk_constraint(name)["constrained_columns"] == table["primary_key"]
        assert {i["name"] for i in inspector.get_indexes(name)} == set(table["indexes"])
    engine.dispose()


def test_metadata_holds_the_recorded_tables_and_no_other() -> None:
    assert set(domain.metadata.tables) == set(recorded("mysql"))
    assert {str(table.__tablename__) for table in domain.tables()} == set(domain.metadata.tables)
    assert len(domain.tables()) == len(domain.metadata.tables)
