"""A transaction that another one was in the way of is repeated, and nothing is lost or doubled."""

from collections.abc import Iterator
from typing import Any

import pytest

from devlake_core.model import ScopeConfig
from devlake_core.store import Conflict
from devlake_core.store.state import ScopeState
from devlake_core.subtask import run as run_module
from tests.faults import world
from tests.lake import Lake

SIZE = 60


class Config(ScopeConfig):
    """A config whose change makes everything be extracted again."""

    mark: int = 0


@pytest.fixture
def lake(sqlite_url: str) -> Iterator[Lake]:
    lake = Lake(sqlite_url, "world", world.STREAMS, world.Board)
    yield lake
    lake.store.close()


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every transaction of the verbs meet a conflict at its very end, the first time."""
    met: list[int] = []
    save, pending = ScopeState.save, [True]

    def unlucky(self: Any, connection: Any, stream: str, state: Any) -> None:
        save(self, connection, stream, state)
        pending[0] = not pending[0]
        if not pending[0]:
            met.append(1)
            message = "another transaction was in the way"
            raise Conflict(message)

    monkeypatch.setattr(ScopeState, "save", unlucky)
    monkeypatch.setattr(run_module.random, "uniform", lambda *_: 0)
    for name in ("collect", "extract", "convert"):
        module: Any = __import__(f"devlake_core.subtask.{name}", fromlist=[""])
        monkeypatch.setattr(module, "BATCH" if name == "collect" else "SIZE", 25)
    return met


def phases(lake: Lake) -> list[tuple[Any, Any]]:
    """Run through all that a scope may live through; return tables and counts after each step."""
    found = []
    for mark, phase in ((0, 1), (0, 2), (1, 2), (1, 3)):
        lake.config = Config(mark=mark)
        counts = lake.run(phase=phase, size=SIZE, fullSync=phase == 3)
        rows = [
            lake.rows(model, *(c.key for c in model.__table__.columns if "ed_at" not in c.key))
            for model in world.TABLES
        ]
        raw = {name: len(lake.raw_ids(name)) for name in ("issues", "comments")}
        found.append(([sorted(map(repr, part)) for part in rows], raw, dict(counts)))
    return found


def test_conflict_in_every_transaction_changes_nothing(
    lake: Lake, tmp_path: Any, conflicts: list[int]
) -> None:
    disturbed = phases(lake)
    assert len(conflicts) > 50
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScopeState, "save", CALM)
        calm = Lake(f"sqlite:///{tmp_path / 'calm.db'}", "world", world.STREAMS, world.Board)
        undisturbed = phases(calm)
        calm.store.close()
    for step, (found, wanted) in enumerate(zip(disturbed, undisturbed, strict=True)):
        assert found[1:] == wanted[1:], f"step {step}: raw rows and counts"
        assert found[0] == wanted[0], f"step {step}: rows"


CALM = ScopeState.save


def test_conflict_without_end_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def unlucky(self: Any, *_: Any) -> None:
        tries.append(1)
        message = "another transaction was in the way"
        raise Conflict(message, hint="run again")

    lake.run(phase=1, size=5)
    monkeypatch.setattr(ScopeState, "save", unlucky)
    monkeypatch.setattr(run_module.random, "uniform", lambda *_: 0)
    with pytest.raises(Conflict) as caught:
        lake.run(phase=2, size=5)
    assert len(tries) == run_module.TRIES
    assert caught.value.exit_code == 75
