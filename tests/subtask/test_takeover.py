"""What pydevlake left is gone on with, where it cannot be somebody else's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from devlake_core.model import pydevlake_params
from devlake_core.store import ensure_raw, raw_table
from devlake_core.store.runs import runs_table
from tests.subtask.shop import Board, Comment, Issue, Tool, issue

if TYPE_CHECKING:
    from tests.lake import Lake

SCOPE = "bö"  # it is spelled in two ways


def logged(lake: Lake, subtask: str, state: dict[str, Any], hours: int, **more: Any) -> None:
    """Write a line of the log as pydevlake did, by the clock of its own time zone."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=hours)
    line = {"subtask_name": subtask, "connection_id": 1, "started": now, "completed": now}
    with lake.store.transaction() as connection:
        runs_table().create(connection, checkfirst=True)
        connection.execute(
            insert(runs_table()).values({**line, "state": json.dumps(state), **more})
        )


def stored(lake: Lake, stream: str, *records: Any) -> None:
    """Write raw rows as pydevlake did."""
    name = f"_raw_market_{stream}"
    ensure_raw(lake.store, "market", name)
    now = datetime.now(UTC)
    params = pydevlake_params(1, SCOPE)
    rows = [
        {"params": params, "data": json.dumps(record).encode(), "url": "", "created_at": now}
        for record in records
    ]
    with lake.store.transaction() as connection:
        connection.execute(insert(raw_table(name)), rows)


def saved(lake: Lake, *scopes: str) -> None:
    """Save scopes."""
    rows = [{"connection_id": 1, "id": scope, "name": scope} for scope in scopes]
    with lake.store.transaction() as connection:
        connection.execute(insert(Board.__table__), rows)


@pytest.fixture(params=[-24, 9], ids=["earlier", "ahead"])
def left(lake: Lake, request: pytest.FixtureRequest) -> Lake:
    """Return a lake in which pydevlake collected two of three issues."""
    Tool.incremental = True
    Tool.issues[SCOPE] = [issue(1), issue(2), issue(3)]
    saved(lake, SCOPE)
    stored(lake, "issues", issue(1), issue(2))
    logged(lake, "Collect Issues", {"seen": 2}, request.param)
    return lake


def asked() -> list[Any]:
    """Return the states with which issues were asked for, and whether incrementally."""
    return [(state, more) for kind, _, state, more in Tool.asked if kind == "issues"]


def test_state_and_raw_rows_of_pydevlake_are_gone_on_with(left: Lake) -> None:
    left.run(SCOPE)
    assert asked() == [({"seen": 2}, True)]
    assert left.rows(Issue, "id", scope=SCOPE) == [1, 2, 3]
    params = left.rows(raw_table("_raw_market_issues"), "params")
    assert set(params) == {left.context(SCOPE).params}
    left.run(SCOPE)
    assert asked()[1:] == [({"seen": 3}, True)]


def test_state_that_was_reset_is_not_taken_from_pydevlake_again(left: Lake) -> None:
    left.run(SCOPE)
    left.execute("DELETE FROM _raw_market__state")
    left.run(SCOPE)
    assert asked()[1:] == [({}, False)]


def test_first_run_is_full_where_the_state_may_be_another_scopes(left: Lake) -> None:
    saved(left, "c")
    left.run(SCOPE)
    assert asked() == [({}, False)]
    assert left.last is not None
    assert any("pydevlake's state may be another scope's" in w for w in left.last.warnings)
    assert left.rows(Issue, "id", scope=SCOPE) == [1, 2, 3]
    assert len(left.raw_ids("issues")) == 3


def test_first_run_is_full_where_the_state_may_be_another_plugins(left: Lake) -> None:
    ensure_raw(left.store, "other", "_raw_other_issues")
    left.run(SCOPE)
    assert asked() == [({}, False)]


def test_first_run_is_full_where_there_are_no_raw_rows(left: Lake) -> None:
    left.execute("DELETE FROM _raw_market_issues")
    left.run(SCOPE)
    assert asked() == [({}, False)]


def test_run_that_pydevlake_did_not_complete_leaves_no_state(left: Lake) -> None:
    logged(left, "Collect Issues", {}, 0, completed=None)
    left.run(SCOPE)
    assert asked() == [({}, False)]


def test_children_are_read_whole_for_pydevlake_kept_one_state_for_all(left: Lake) -> None:
    Tool.comments = {1: [{"id": 1, "body": "x"}], 2: [{"id": 2, "body": "y"}]}
    stored(left, "comments", {"id": 1, "body": "x"}, {"id": 9, "body": "gone"})
    logged(left, "Collect Comments", {"seen": 1}, -24)
    left.run(SCOPE)
    assert left.rows(Comment, "id", scope=SCOPE) == [1, 2]
    assert len(left.raw_ids("comments")) == 2
