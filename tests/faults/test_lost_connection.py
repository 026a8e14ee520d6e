"""A connection that the server ends is made again, and its batch is neither lost nor doubled."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from devlake_core.errors import Fenced, StoreUnreachable
from devlake_core.store import Store
from devlake_core.store.state import ScopeState
from devlake_core.subtask import run as run_module
from tests.faults import world
from tests.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 1500
KILL = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mysql": ("SELECT CONNECTION_ID()", "KILL {}"),
}


@pytest.fixture(params=["postgresql", "mysql"])
def lake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setattr(run_module.random, "uniform", lambda *_: 0)
    url = request.getfixturevalue(f"{request.param}_url")
    lake = Lake(url, "world", world.STREAMS, world.Board)
    yield lake
    lake.store.close()


@pytest.fixture
def at_commit(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let something happen in the nth transaction that is about to be committed, or in all."""

    def install(happens: Callable[[Any], None], nth: int = 0) -> None:
        save, count = ScopeState.save, [0]

        def saved(self: Any, connection: Any, stream: str, state: Any) -> None:
            save(self, connection, stream, state)
            count[0] += 1
            if nth in {0, count[0]}:
                happens(connection)

        monkeypatch.setattr(ScopeState, "save", saved)

    return install


def end_session(lake: Lake, connection: Any) -> None:
    ask, kill = KILL[lake.store.dialect]
    session = connection.exec_driver_sql(ask).scalar()
    with lake.store.engine.connect() as other:
        other.exec_driver_sql(kill.format(session))
        other.commit()


def end_all_sessions(lake: Lake, _connection: Any) -> None:
    """End the one that holds the scope's lock too, as a server does that is started again."""
    _, kill = KILL[lake.store.dialect]
    mine = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
        if lake.store.dialect == "postgresql"
        else "SELECT id FROM information_schema.processlist WHERE db = DATABASE() "
        "AND id <> CONNECTION_ID()"
    )
    with lake.store.engine.connect() as other:
        for session in list(other.exec_driver_sql(mine).scalars()):
            other.exec_driver_sql(kill.format(session))
        other.commit()


def check_all_is_there(lake: Lake, counts: Any) -> None:
    assert lake.rows(world.Issue, "id") == list(range(1, SIZE + 1))
    assert len(lake.rows(world.Ticket, "id")) == SIZE
    assert len(lake.raw_ids("issues")) == SIZE
    comments = len(lake.raw_ids("comments"))
    assert counts["records"] == SIZE + comments
    assert comments == len(lake.rows(world.Comment, "id")) == 3 * SIZE // 10


@pytest.mark.parametrize("nth", [1, 3, 9])
@pytest.mark.parametrize("end", [end_session, end_all_sessions])
def test_batch_whose_session_the_server_ends_is_sent_again(
    lake: Lake, at_commit: Callable[..., None], nth: int, end: Callable[..., None]
) -> None:
    at_commit(lambda connection: end(lake, connection), nth)
    check_all_is_there(lake, lake.run(phase=1, size=SIZE))


@pytest.fixture
def lost_answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the nth transaction be committed, and the connection be lost before that is told."""

    def install(nth: int) -> None:
        transaction, save, count = Store.transaction, ScopeState.save, [0]

        def saved(*arguments: Any) -> None:
            save(*arguments)
            count[0] += 1

        @contextmanager
        def deaf(self: Any) -> Iterator[Any]:
            before = count[0]
            with transaction(self) as connection:
                yield connection
            if before < count[0] == nth:
                message = "the connection was lost"
                raise StoreUnreachable(message)

        monkeypatch.setattr(ScopeState, "save", saved)
        monkeypatch.setattr(Store, "transaction", deaf)

    return install


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("advance", [True, False])
def test_raw_rows_whose_commit_was_not_answered_are_not_doubled(
    lake: Lake, lost_answer: Callable[[int], None], nth: int, advance: bool
) -> None:
    lost_answer(nth)
    ctx = lake.verb("collect", "issues", phase=1, size=SIZE, advance=advance)
    assert len(lake.raw_ids("issues")) == ctx.counts["records"] == SIZE


@pytest.mark.parametrize("nth", [5, 9])
def test_lost_answer_of_a_later_verb_changes_nothing(
    lake: Lake, lost_answer: Callable[[int], None], nth: int
) -> None:
    lost_answer(nth)
    check_all_is_there(lake, lake.run(phase=1, size=SIZE))


def test_run_that_was_taken_over_meanwhile_writes_nothing_more(
    lake: Lake, at_commit: Callable[..., None]
) -> None:
    def cut(connection: Any) -> None:
        end_session(lake, connection)
        with lake.store.transaction() as other:
            other.execute(text("UPDATE _raw_world__state SET claim = 1 WHERE stream = ''"))

    at_commit(cut, 3)
    with pytest.raises(Fenced):
        lake.run(phase=1, size=SIZE)
    assert len(lake.raw_ids("issues")) == 1000


def test_server_that_ends_every_session_is_given_up(
    lake: Lake, at_commit: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []
    at_commit(lambda connection: (ended.append(1), end_session(lake, connection)))
    with pytest.raises(StoreUnreachable) as caught:
        lake.run(phase=1, size=SIZE)
    monkeypatch.undo()
    assert len(ended) == run_module.TRIES
    assert caught.value.exit_code == 75
    assert "devlake_" in str(caught.value)
    assert "run again" in str(caught.value.hint)
    assert lake.raw_ids("issues") == []
    check_all_is_there(lake, lake.run(phase=1, size=SIZE))
