"""What went wrong in pydevlake and must not come back; one test for each defect.

Defects that are tested where their cure lives:

* a rate limit's header crashed the run, no retries, no time-outs, GET only:
  ``tests/api/test_resolution.py``, ``test_transport.py``, ``test_client.py``
* the next page changed the first request: ``tests/api/test_paging.py``
  (``test_second_page_keeps_the_filter_and_the_first_request_its_query``)
* base-class hooks ran before the author's mended a response: ``tests/api/test_hooks.py``
  (``test_a_hook_mends_a_response_before_it_is_judged``)
* an absent token on the last page was a KeyError: ``tests/api/test_paging.py``
  (``test_the_last_page_has_no_token``)
* a substream passed one state to all parents: ``tests/subtask/test_passes.py``
  (``test_substream_keeps_a_state_for_each_parent``)
* ``created_at`` became NULL when a row was saved again: ``tests/store/test_bulk.py``
  (``test_created_at_stays_and_updated_at_moves_with_a_real_column_only``)
* a run that failed left the scope half empty: ``tests/faults/test_kill.py``, which looks at what
  readers see after each kill
* database URLs: ``tests/store/test_url.py``
* two plugins could not share a process: ``tests/plugin/test_manager.py``
  (``test_two_plugins_with_equal_class_names_have_tables_of_their_own``)
* ``plugin_info`` failed without a tool model: ``tests/plugin/test_info.py``
* refdiff got the tool's id: ``tests/plugin/test_plan.py``
* the domain tables had drifted from the server's: ``tests/domain/test_drift.py``
"""

import importlib
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event, inspect, select, text

import devlake_core.model as m
from devlake_core.store import Store, ensure_raw, raw_table
from devlake_core.store.runs import KEPT, run_completed, run_started, runs_table
from devlake_core.stream import Stream
from devlake_core.subtask import collect, convert, extract
from tests.lake import Lake
from tests.subtask import shop
from tests.subtask.shop import Tool, issue

__devlake_plugin__ = "mall"


class Mall(m.ToolScope, table=True):
    """A scope."""


class Thing(m.ToolModel, table=True):
    """A record whose fields may be falsy; its keys are in snake case, as some tools have them."""

    id: int = m.Field(primary_key=True)
    is_open: bool | None = None
    open_count: int | None = None
    short_name: str | None = None


class Note(m.DomainModel, table=True):
    """A domain row."""

    __tablename__ = "mall_notes"
    thing_id: str | None
    body: str | None


class Issues(Stream[Thing]):
    """Has the name of the shop's stream, on purpose; what convert gives is each test's."""

    given: Any = ()
    asked: Any = ()
    to_domain: Any = None

    def collect(self, state: dict[str, Any], context: Any) -> Any:
        self.asked.append((dict(state), context.incremental))
        for record in self.given[state.get("seen", 0) :]:
            state = {"seen": state.get("seen", 0) + 1}
            yield record, state

    def convert(self, thing: Thing, context: Any) -> Any:
        return type(self).to_domain(thing)


@pytest.fixture
def mall(sqlite_url: str) -> Iterator[Lake]:
    Issues.given, Issues.asked, Issues.to_domain = [{"id": 1}], [], lambda thing: None
    lake = Lake(sqlite_url, "mall", [Issues], Mall)
    yield lake
    lake.store.close()


@pytest.fixture
def lake(sqlite_url: str) -> Iterator[Lake]:
    shop.Tool.reset()
    Tool.incremental = True
    lake = Lake(sqlite_url, "market", shop.STREAMS, shop.Board)
    yield lake
    lake.store.close()


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """Collect the SQL statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    yield sent
    event.remove(store.engine, "before_cursor_execute", note)


def test_second_run_is_incremental_without_anybody_asking_for_it(mall: Lake) -> None:
    mall.run()
    mall.run()
    assert Issues.asked == [({}, False), ({"seen": 1}, True)]


def test_streams_of_one_name_in_two_plugins_have_states_of_their_own(
    mall: Lake, sqlite_url: str
) -> None:
    shop.Tool.reset()
    Tool.incremental = True
    Tool.issues["b"] = [issue(1), issue(2)]
    other = Lake(sqlite_url, "market", shop.STREAMS, shop.Board)
    other.run()
    mall.run()
    other.run()
    mall.run()
    assert [state for state, _ in Issues.asked] == [{}, {"seen": 1}]
    states = [state for kind, _, state, _ in Tool.asked if kind == "issues"]
    assert states == [{}, {"seen": 2}]
    other.store.close()


def test_incremental_run_reads_and_writes_only_what_is_new(lake: Lake) -> None:
    Tool.issues["b"] = [issue(n) for n in range(1, 101)]
    lake.run()
    Tool.issues["b"] += [issue(101), issue(7, "changed")]
    ctx = lake.context()
    done = {
        verb.__name__: [progress.current for progress in verb(ctx, lake.stream("issues"))][-1]
        for verb in (collect, extract, convert)
    }
    assert done == {"collect": 2, "extract": 2, "convert": 2}
    assert len(lake.raw_ids("issues")) == 101
    for _ in range(3):
        lake.run()
    assert len(lake.raw_ids("issues")) == 101


def test_memory_does_not_grow_with_the_number_of_rows(mall: Lake) -> None:
    raw = raw_table("_raw_mall_issues")
    ensure_raw(mall.store, "mall", raw.name)
    params = mall.context().params
    mall.execute(
        f"INSERT INTO {raw.name} (params, data, url, input, created_at) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000) "
        "SELECT :p, CAST('{\"id\":' || i || ',\"pad\":\"' || printf('%.*c', 4000, 'x') || '\"}' "
        "AS BLOB), '', CAST('{}' AS BLOB), '2026-01-01' FROM n",
        p=params,
    )
    ctx, stream = mall.context(), mall.stream("issues")
    tracemalloc.start()
    for _ in extract(ctx, stream):
        pass
    for _ in convert(ctx, stream):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(mall.rows(Thing, "id")) == 15_000
    assert peak < 40e6, "60 MB of records are read in batches"


def test_thousand_records_take_a_handful_of_statements(lake: Lake) -> None:
    Tool.issues["b"] = [issue(n, changes=[]) for n in range(1, 1001)]
    ctx, stream = lake.context(), lake.stream("issues")
    counts = {}
    for verb in (collect, extract, convert):
        with statements(lake.store) as sent:
            for _ in verb(ctx, stream):
                pass
        counts[verb.__name__] = len(sent)
    assert len(lake.rows(shop.Ticket, "id")) == 1000
    # Most of them are the same for ten records; pydevlake sent one to three for each record.
    assert max(counts.values()) < 80, counts


@pytest.mark.parametrize(
    "spelling", ["is_open open_count short_name", "isOpen openCount shortName"]
)
def test_false_zero_and_empty_text_are_values(mall: Lake, spelling: str) -> None:
    one, two, three = spelling.split()
    Issues.given = [{"id": 1, one: False, two: 0, three: ""}]
    mall.run()
    names = ("is_open", "open_count", "short_name")
    assert mall.rows(Thing, *names) == [(False, 0, "")]


def test_invalid_value_is_refused_and_never_left_out(mall: Lake) -> None:
    with pytest.raises(ValidationError, match="open_count"):
        Thing(id=1, open_count="many")
    with pytest.raises(ValidationError, match="opne_count"):
        Thing(id=1, opne_count=1)
    Issues.given = [{"id": 1}, {"id": 2, "openCount": "many"}, {"id": 3}]
    mall.run()
    assert mall.rows(Thing, "id") == [1, 3]
    assert "open_count" in mall.quarantined()[0][1].replace("openCount", "open_count")


def test_rows_of_one_tool_row_keep_the_ids_that_the_author_gave(mall: Lake) -> None:
    Issues.to_domain = lambda thing: [
        Note(id=f"n:{thing.id}:{n}", thing_id=thing.domain_id(), body="") for n in range(3)
    ]
    mall.run()
    assert mall.rows(Note, "id", "thing_id") == [
        (f"n:1:{n}", "mall:Thing:1:1") for n in range(3)
    ]  # fmt: skip


def test_second_row_without_an_id_is_an_error_and_does_not_collapse(mall: Lake) -> None:
    Issues.given = [{"id": n} for n in range(1, 5)]
    Issues.to_domain = lambda thing: [Note(body="a") for _ in range(2 if thing.id == 1 else 1)]
    mall.run()
    assert mall.rows(Note, "id") == ["mall:Thing:1:2", "mall:Thing:1:3", "mall:Thing:1:4"]
    assert "second Note without an id" in mall.quarantined()[0][1]


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (lambda thing: None, 0),
        (lambda thing: [], 0),
        (lambda thing: Note(body="x"), 1),
        (lambda thing: [Note(body="x"), None], 1),
        (lambda thing: (note for note in [Note(body="x"), Note(id="y", body="y")]), 2),
    ],
)
def test_convert_may_give_nothing_one_a_list_or_a_generator(
    mall: Lake, given: Any, rows: int
) -> None:
    Issues.to_domain = given
    mall.run()
    assert mall.quarantined() == []
    assert len(mall.rows(Note, "id")) == rows


def test_raw_tables_hold_large_records_and_are_found_by_scope(mysql_url: str) -> None:
    store = Store.open(mysql_url)
    with store.transaction() as connection:
        connection.execute(
            text(
                "CREATE TABLE _raw_mall_old (id bigint PRIMARY KEY AUTO_INCREMENT, "
                "params varchar(255), data blob, url text, input blob, created_at datetime)"
            )
        )
    ensure_raw(store, "mall", "_raw_mall_issues", "_raw_mall_old")
    with store.reading() as connection:
        for name in ("_raw_mall_issues", "_raw_mall_old"):
            found = inspect(connection)
            kinds = {c["name"]: str(c["type"]) for c in found.get_columns(name)}
            assert kinds["data"] == kinds["input"] == "LONGBLOB", name
            assert [i["column_names"] for i in found.get_indexes(name)] == [["params"]], name
    store.close()


def test_log_of_runs_is_pruned_and_made_only_when_missing(mall: Lake) -> None:
    for _ in range(KEPT + 20):
        run_completed(mall.store, run_started(mall.store, "Collect Things", 1), {})
    mall.run()
    table = runs_table()
    with mall.store.reading() as connection:
        names = list(connection.execute(select(table.c.subtask_name)).scalars())
    assert names.count("Collect Things") == KEPT
    with statements(mall.store) as sent:
        mall.run()
    assert [s for s in sent if s.lstrip().upper().startswith(("CREATE", "ALTER"))] == []


def test_names_follow_from_the_package_and_not_from_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "devlake_plugin_moved"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").write_text("")
    package.joinpath("models.py").write_text(
        "import devlake_core.model as m\n"
        "class Thing(m.ToolModel, table=True):\n"
        "    id: int = m.Field(primary_key=True)\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    thing = importlib.import_module("devlake_plugin_moved.models").Thing
    assert thing.__tablename__ == "_tool_moved_things"
    assert thing(id=2, connection_id=1).domain_id() == "moved:Thing:1:2"
    for name in ("devlake_plugin_moved", "devlake_plugin_moved.models"):
        del sys.modules[name]


def test_times_are_utc_wherever_the_process_runs(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        Tool.issues["b"] = [issue(1)]
        lake.run()
        (row,) = lake.rows(shop.Issue, "created_at")
        (collected,) = lake.rows(raw_table("_raw_market_issues"), "created_at")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    for moment in (row, collected):
        assert moment.tzinfo is UTC
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
