"""What is stored when and what goes when, as ``docs/data-path.md`` says; on every database."""

import pytest

from devlake_core.errors import Fenced, TooManyBadRecords
from devlake_core.model import ScopeConfig
from devlake_core.subtask import collect, sweep_shared
from tests.lake import Lake
from tests.subtask.shop import (
    Account,
    Broken,
    Change,
    Comment,
    Issue,
    Person,
    Ticket,
    TicketChange,
    Tool,
    issue,
)


class Config(ScopeConfig):
    """A scope config that leaves issues out."""

    leave_out: list[int] = []


def test_records_reach_tool_and_domain_tables(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1, done=True), issue(2)]
    counts = lake.run()
    assert lake.rows(Issue, "id", "title", "done") == [(1, "t1", True), (2, "t2", False)]
    assert lake.rows(Change, "id", "issue_id") == [(10, 1), (20, 2)]
    assert lake.rows(Ticket, "id", "title") == [
        ("market:Issue:1:1", "t1"),
        ("market:Issue:1:2", "t2"),
    ]
    assert lake.rows(TicketChange, "id") == [
        "made:1",
        "made:2",
        "market:Change:1:10",
        "market:Change:1:20",
    ]
    assert counts["records"] == 2
    assert counts["written"] == 4 + 6


def test_second_full_pass_over_equal_rows_keeps_them(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    before = lake.rows(Issue, "id", "updated_at", "created_at")
    counts = lake.run()
    assert lake.rows(Issue, "id", "updated_at", "created_at") == before
    assert len(lake.rows(Ticket, "id")) == 2
    assert len(lake.raw_ids("issues")) == 2
    assert counts["written"] == 0
    assert counts["unchanged"] == 10


def test_row_moves_its_time_only_when_a_column_changed(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    first = dict(lake.rows(Issue, "id", "updated_at"))
    Tool.issues["b"] = [issue(1), issue(2, "changed")]
    counts = lake.run()
    second = dict(lake.rows(Issue, "id", "updated_at"))
    assert second[1] == first[1]
    assert second[2] > first[2]
    assert counts["written"] == 2  # the issue and its ticket


def test_vanished_record_leaves_every_table_after_a_full_pass(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2, who={"id": "eve", "nick": "e"})]
    lake.run()
    Tool.issues["b"] = [issue(1)]
    counts = lake.run()
    assert lake.rows(Issue, "id") == [1]
    assert lake.rows(Change, "id") == [10]
    assert lake.rows(TicketChange, "id") == ["made:1", "market:Change:1:10"]
    assert lake.rows(Ticket, "id") == ["market:Issue:1:1"]
    assert lake.rows(Person, "id") == []
    assert lake.rows(Account, "id") == []
    assert lake.notes() == []
    assert counts["removed"] == 3 + 4


def test_nothing_goes_before_extract_has_seen_the_whole_pass(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    Tool.issues["b"] = [issue(1)]
    lake.verb("collect", "issues")
    assert lake.rows(Issue, "id") == [1, 2]
    assert len(lake.raw_ids("issues")) == 3


def test_no_hole_between_two_streams_that_write_one_domain_table(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    Tool.issues["b"] = [issue(1), issue(2), issue(3)]
    for verb in ("collect", "extract", "convert"):
        lake.verb(verb, "issues")
    # Changes have not been extracted again yet: their rows must still be there.
    assert {"market:Change:1:10", "market:Change:1:20"} <= set(lake.rows(TicketChange, "id"))
    lake.verb("extract", "changes")
    lake.verb("convert", "changes")
    assert len(lake.rows(TicketChange, "id")) == 6
    assert {target for target, _ in lake.notes()} <= {"_tool_market_people", "shop_accounts"}


def test_killed_full_pass_resumed_with_a_state_stays_full(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(n) for n in range(1, 6)]
    lake.run()
    Tool.issues["b"] = [issue(n) for n in range(1, 4)]
    Tool.fail_after = 2
    with pytest.raises(Broken):
        lake.run(fullSync=True)
    Tool.fail_after = None
    lake.run()
    assert lake.rows(Issue, "id") == [1, 2, 3]


def test_second_full_refresh_goes_on_with_an_unfinished_one(lake: Lake) -> None:

    Tool.incremental = True
    Tool.issues["b"] = [issue(n) for n in range(1, 3001)]
    Tool.fail_after = 2500
    ctx = lake.context(fullSync=True)
    with pytest.raises(Broken):
        list(collect(ctx, lake.stream("issues")))
    Tool.fail_after = None
    lake.run(fullSync=True)
    asked = [state for kind, _, state, _ in Tool.asked if kind == "issues"]
    assert asked == [{}, {"seen": 2000}]
    assert len(lake.rows(Issue, "id")) == 3000


def test_incremental_pass_keeps_what_it_did_not_bring(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    Tool.issues["b"] += [issue(3)]
    counts = lake.run()
    assert counts["records"] == 1
    assert lake.rows(Issue, "id") == [1, 2, 3]
    assert lake.last is not None


def test_newer_version_of_a_record_supersedes_the_older(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [
        issue(1, changes=[{"id": 10, "fieldName": "a"}, {"id": 11, "fieldName": "b"}])
    ]
    lake.run()
    Tool.issues["b"] += [issue(1, "new", changes=[{"id": 10, "fieldName": "a"}])]
    lake.run()
    assert lake.rows(Issue, "id", "title") == [(1, "new")]
    assert len(lake.raw_ids("issues")) == 1
    assert lake.rows(Change, "id") == [10]
    assert lake.rows(TicketChange, "id") == ["made:1", "market:Change:1:10"]


def test_record_that_extract_leaves_out_supersedes_its_older_version(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    Tool.issues["b"] += [issue(2, hidden=True, changes=[])]
    lake.run()
    assert lake.rows(Issue, "id") == [1]
    assert lake.rows(Ticket, "id") == ["market:Issue:1:1"]
    assert lake.rows(TicketChange, "id") == ["made:1", "market:Change:1:10"]


def test_tool_that_gives_nothing_at_all_removes_nothing(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1)]
    lake.run()
    Tool.issues["b"] = []
    lake.run()
    assert lake.rows(Issue, "id") == [1]
    assert lake.last is not None
    assert any("nothing at all" in text for text in lake.last.warnings)
    lake.run(fullSync=True)
    assert lake.rows(Issue, "id") == []
    assert lake.rows(Ticket, "id") == []


def test_emptied_raw_table_costs_nothing_but_the_chance_to_extract_again(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    lake.execute("DELETE FROM _raw_market_issues")
    lake.run()
    assert lake.rows(Issue, "id") == [1, 2]
    Tool.issues["b"] += [issue(3)]
    lake.run()
    assert lake.rows(Issue, "id") == [1, 2, 3]
    assert len(lake.rows(Ticket, "id")) == 3


def test_changed_config_reads_all_raw_rows_again(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(n) for n in range(1, 11)]
    lake.config = Config(leave_out=[])
    lake.run()
    asked = len(Tool.asked)
    lake.config = Config(leave_out=[3, 7])
    lake.run()
    assert lake.rows(Issue, "id") == [1, 2, 4, 5, 6, 8, 9, 10]
    assert len(lake.rows(Ticket, "id")) == 8
    lake.config = Config(leave_out=[])
    lake.run()
    assert len(lake.rows(Issue, "id")) == 10
    assert len(lake.rows(Ticket, "id")) == 10
    assert [kind for kind, *_ in Tool.asked[asked:]].count("issues") == 2
    assert len(lake.raw_ids("issues")) == 10


def test_changed_version_of_the_plugin_reads_all_raw_rows_again(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1)]
    Tool.incremental = True
    lake.run()
    before = lake.raw_ids("issues")
    lake.version = "2"
    lake.run()
    assert lake.raw_ids("issues") > before
    assert lake.rows(Issue, "id") == [1]


def test_bad_record_is_kept_with_its_reason_and_its_older_version_stays(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2), issue(3)]
    lake.run()
    Tool.issues["b"] = [issue(1), {"id": 2, "changes": []}, issue(3)]
    counts = lake.run()
    assert counts["quarantined"] == 1
    ((verb, reason),) = lake.quarantined()
    assert verb == "extract"
    assert "title" in reason
    assert lake.rows(Issue, "id") == [1, 2, 3]
    assert "market:Issue:1:2" in lake.rows(Ticket, "id")
    Tool.issues["b"] = [issue(1), issue(2, "mended"), issue(3)]
    lake.run()
    assert lake.quarantined() == []
    assert (2, "mended") in lake.rows(Issue, "id", "title")
    assert len(lake.raw_ids("issues")) == 3


def test_bad_record_without_a_key_postpones_the_removal(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2), issue(3)]
    lake.run()
    Tool.issues["b"] = [issue(1), {"title": "who am I"}, issue(3)]
    lake.run()
    assert lake.rows(Issue, "id") == [1, 2, 3]
    Tool.issues["b"] = [issue(1), issue(3)]
    lake.run()
    assert lake.rows(Issue, "id") == [1, 3]
    assert lake.quarantined() == []


def test_nothing_is_swept_where_convert_failed_on_a_row(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2), issue(3)]
    lake.run()
    Tool.issues["b"] = [issue(1, "fails in convert"), issue(3)]
    counts = lake.run()
    assert counts["quarantined"] == 1
    assert "market:Issue:1:1" in lake.rows(Ticket, "id")
    assert [verb for verb, _ in lake.quarantined()] == ["convert"]
    Tool.issues["b"] = [issue(1, "fine again"), issue(3)]
    lake.run()
    assert lake.rows(Ticket, "id") == ["market:Issue:1:1", "market:Issue:1:3"]
    assert lake.quarantined() == []


def test_more_than_half_bad_stops_the_stream_and_removes_nothing(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2), issue(3)]
    lake.run()
    Tool.issues["b"] = [issue(1), {"id": 2}, {"id": 4}, {"id": 5}]
    with pytest.raises(TooManyBadRecords, match=r"3 of 4"):
        lake.run()
    assert lake.rows(Issue, "id") == [1, 2, 3]


def test_one_percent_bad_of_a_thousand_stops_the_stream(lake: Lake) -> None:
    Tool.issues["b"] = [issue(n) if n % 50 else {"id": n} for n in range(1, 3001)]
    with pytest.raises(TooManyBadRecords):
        lake.run()
    assert len(lake.rows(Issue, "id")) == 1960


def test_two_scopes_do_not_share_state_or_rows(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues = {"b": [issue(1)], "c": [issue(2), issue(3)]}
    lake.run("b")
    lake.run("c")
    assert Tool.asked[0][2] == {}
    states = [(scope, state) for kind, scope, state, _ in Tool.asked if kind == "issues"]
    assert states == [("b", {}), ("c", {})]
    lake.run("b", fullSync=True)
    assert lake.rows(Issue, "id", scope="c") == [2, 3]


def test_shared_row_survives_the_scope_that_no_longer_names_it(lake: Lake) -> None:
    ann = {"id": "ann", "nick": "a"}
    Tool.issues = {"b": [issue(1, who=ann)], "c": [issue(2, who=ann)]}
    lake.run("b")
    lake.run("c")
    Tool.issues["c"] = [issue(2)]
    lake.run("c")
    assert lake.rows(Person, "id") == ["ann"]
    assert lake.rows(Account, "id") == ["market:Person:1:ann"]


def test_shared_row_that_no_scope_names_goes_when_all_were_read_whole(lake: Lake) -> None:
    ann, bob = {"id": "ann", "nick": "a"}, {"id": "bob", "nick": "b"}
    Tool.issues = {"b": [issue(1, who=ann)], "c": [issue(2, who=bob)]}
    lake.run("b")
    lake.run("c")
    Tool.issues = {"b": [issue(1, who=ann)], "c": [issue(2)]}
    lake.run("b")
    lake.run("c")
    assert lake.rows(Person, "id") == ["ann", "bob"]
    params = [lake.context(scope).params for scope in "bc"]
    assert sweep_shared(lake.store, lake.streams, params) == 2
    assert lake.rows(Person, "id") == ["ann"]
    assert lake.rows(Account, "id") == ["market:Person:1:ann"]


def test_shared_row_named_by_two_issues_stays_when_one_moves(lake: Lake) -> None:
    Tool.incremental = True
    ann = {"id": "ann", "nick": "a"}
    Tool.issues["b"] = [issue(1, who=ann), issue(2, who=ann)]
    lake.run()
    Tool.issues["b"] += [issue(2)]
    lake.run()
    assert lake.rows(Person, "id") == ["ann"]
    assert lake.rows(Account, "id") == ["market:Person:1:ann"]


def test_older_value_does_not_overwrite_a_newer_shared_row(lake: Lake) -> None:
    Tool.issues = {"b": [issue(1, who={"id": "ann", "nick": "old"})]}
    Tool.incremental = True
    lake.run("b", verbs="collect")
    Tool.issues["c"] = [issue(2, who={"id": "ann", "nick": "new"})]
    lake.run("c")
    lake.run("b", verbs="extract convert")
    assert lake.rows(Person, "nick") == ["new"]


def test_row_named_twice_without_shared_is_told_and_kept(lake: Lake) -> None:
    Tool.incremental = True
    same = [{"id": 7, "fieldName": "status"}]
    Tool.issues["b"] = [issue(1, changes=same), issue(2, changes=same)]
    lake.run()
    assert lake.last is not None
    assert any("shared=True" in text for text in lake.last.warnings)
    Tool.issues["b"] += [issue(2, changes=[])]
    lake.run()
    assert lake.rows(Change, "id") == [7]


def test_substream_keeps_a_state_for_each_parent(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(1), issue(2)]
    Tool.comments = {1: [{"id": 1, "body": "x"}], 2: [{"id": 2, "body": "y"}]}
    lake.run()
    Tool.comments[1].append({"id": 3, "body": "z"})
    Tool.asked.clear()
    lake.run()
    states = [(parent, state) for kind, parent, state, _ in Tool.asked if kind == "comments"]
    assert states == [(1, {"seen": 1}), (2, {"seen": 1})]
    assert lake.rows(Comment, "id", "issue_id", "body") == [(1, 1, "x"), (2, 2, "y"), (3, 1, "z")]


def test_full_pass_of_a_substream_removes_what_vanished(lake: Lake) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    Tool.comments = {
        1: [{"id": 1, "body": "x"}, {"id": 3, "body": "z"}],
        2: [{"id": 2, "body": "y"}],
    }
    lake.run()
    Tool.comments = {1: [{"id": 3, "body": "z"}], 2: [{"id": 2, "body": "y"}]}
    lake.run()
    assert lake.rows(Comment, "id") == [2, 3]
    assert len(lake.raw_ids("comments")) == 2


def test_parent_that_was_renamed_is_the_same_parent(lake: Lake) -> None:
    Tool.incremental = True
    Tool.issues["b"] = [issue(1, "old")]
    Tool.comments = {1: [{"id": 1, "body": "x"}]}
    lake.run()
    Tool.issues["b"].append(issue(1, "new"))
    Tool.comments[1].append({"id": 2, "body": "y"})
    Tool.asked.clear()
    lake.run()
    states = [state for kind, _, state, _ in Tool.asked if kind == "comments"]
    assert states == [{"seen": 1}]
    assert lake.rows(Comment, "id", "issue_title") == [(1, "old"), (2, "new")]
    Tool.incremental = False
    lake.run(fullSync=True)
    assert lake.rows(Comment, "id", "issue_title") == [(1, "new"), (2, "new")]
    assert len(lake.raw_ids("comments")) == 2


def test_run_that_lost_its_claim_writes_nothing_more(lake: Lake) -> None:
    Tool.issues["b"] = [issue(n) for n in range(1, 2501)]
    ctx = lake.context()
    running = collect(ctx, lake.stream("issues"))
    next(running)
    lake.execute("UPDATE _raw_market__state SET claim = 1 WHERE stream = ''")
    with pytest.raises(Fenced):
        list(running)
    assert len(lake.raw_ids("issues")) == 1000


def test_run_whose_scope_was_deleted_and_added_again_is_fenced(lake: Lake) -> None:
    Tool.issues["b"] = [issue(n) for n in range(1, 2501)]
    ctx = lake.context()
    running = collect(ctx, lake.stream("issues"))
    next(running)
    for table in (
        "_raw_market_issues",
        "_raw_market__state",
        "_raw_market__quarantine",
        "_raw_market__sweep",
    ):
        lake.execute(f"DELETE FROM {table} WHERE params = :p", p=ctx.params)
    with pytest.raises(Fenced):
        list(running)
    assert lake.raw_ids("issues") == []
