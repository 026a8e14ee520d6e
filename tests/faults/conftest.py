"""Processes that are killed, and the tables that they leave."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from devlake_core.model import registry_of
from devlake_core.store import Store, raw_table
from devlake_core.store.ledger import quarantine_table, sweep_table
from tests.faults import world

ROOT = Path(__file__).parents[2]
BATCH = 50


class Zygote:
    """Run the world's streams in forks of one process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, url: str, connection: int = 1, **request: Any) -> dict[str, Any]:
        """Run once; return how it ended, with code None if it stopped itself."""
        return self.ask(url=url, connection=connection, **request)

    def signal(self, pid: int, number: int) -> dict[str, Any]:
        """Send a signal to a run that stopped itself; return how it ended."""
        return self.ask(pid=pid, signal=int(number))

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request; return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


class Sea:
    """The tables of the world in one database; each connection is a run of its own."""

    def __init__(self, url: str, zygote: Zygote) -> None:
        self.url = url
        self.zygote = zygote
        self.store = Store.open(url)
        with self.store.transaction() as connection:
            registry_of("world").metadata.create_all(connection)

    def run(self, connection: int, phase: int, **request: Any) -> dict[str, Any]:
        """Run one phase, from collect to convert."""
        size = request.pop("size", world.SIZE)
        options = {"phase": phase, "size": size, "fullSync": phase == 3}
        options.update(request.pop("options", {}))
        request.setdefault("batch", BATCH)
        answer = self.zygote(self.url, connection, options=options, **request)
        assert answer["code"] != 9 or request.get("fails"), answer
        return answer

    def dump(self, number: int) -> dict[str, list[Any]]:
        """Return what is stored of one connection, without numbers and times of rows."""
        params = f'{{"ConnectionId":{number},"ScopeId":"b"}}'
        found: dict[str, list[Any]] = {}
        with self.store.reading() as connection:
            for model in world.TABLES:
                table = model.__table__
                keys = [
                    c
                    for c in table.columns
                    if c.key not in {"connection_id", "raw_data_id", "created_at", "updated_at"}
                    and c.key != "raw_data_params"
                ]
                query = select(*keys).where(table.c.raw_data_params == params)
                rows = [
                    tuple(_neutral(value, number) for value in row)
                    for row in connection.execute(query)
                ]
                found[table.name] = sorted(rows, key=repr)
            for name in ("issues", "comments"):
                raw = raw_table(f"_raw_world_{name}")
                query = select(raw.c.data).where(raw.c.params == params)
                rows = [bytes(row[0]) for row in connection.execute(query)]
                found[raw.name] = sorted(set(rows))
            for ledger in (quarantine_table("world"), sweep_table("world")):
                query = select(ledger.c.raw_table).where(ledger.c.params == params)
                found[ledger.name] = list(connection.execute(query).scalars())
        return found

    def keys(self, number: int) -> dict[str, set[Any]]:
        """Return the keys of the rows that readers see of one connection."""
        params = f'{{"ConnectionId":{number},"ScopeId":"b"}}'
        with self.store.reading() as connection:
            return {
                model.__table__.name: set(
                    connection.execute(
                        select(model.__table__.c.id).where(
                            model.__table__.c.raw_data_params == params
                        )
                    ).scalars()
                )
                for model in world.TABLES
            }

    def forget(self, number: int) -> None:
        """Delete what is stored of one connection, so that many leave the tables small."""
        params = f'{{"ConnectionId":{number},"ScopeId":"b"}}'
        raws = [raw_table(f"_raw_world_{name}") for name in ("issues", "comments")]
        with self.store.transaction() as connection:
            for model in world.TABLES:
                table = model.__table__
                connection.execute(table.delete().where(table.c.raw_data_params == params))
            for raw in raws:
                connection.execute(raw.delete().where(raw.c.params == params))


def _neutral(value: Any, number: int) -> Any:
    return value.replace(f":{number}:", ":_:") if isinstance(value, str) else value


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Return the process whose forks are killed."""
    made = Zygote()
    yield made
    made.close()


@pytest.fixture
def sea(db_url: str, zygote: Zygote) -> Iterator[Sea]:
    """Return the world's tables, empty, on each database."""
    made = Sea(db_url, zygote)
    yield made
    made.store.close()
