from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path

import pytest

import devlake_core as dl
from devlake_core.domain import ticket
from devlake_core.testing import ContextBuilder, assert_stream_convert, assert_stream_run
from tests.testing import shop
from tests.testing.shop import Lines, Orders, Shop

__devlake_plugin__ = "stall"

RAW = {"id": 1, "title": "Tea", "lines": ["two", "three"]}


def issue(title="Tea", **more):
    return ticket.Issue(title=title, **more)


def label(name):
    return ticket.IssueLabel(issue_id="stall:Order:0:1", label_name=name)


def run(stream, plugin=None):
    ctx = ContextBuilder(Shop).with_connection(token="t").with_scope().build()
    assert_stream_run(stream, ctx.connection, ctx.scope, plugin=plugin)


def test_a_record_that_becomes_the_expected_rows_passes():
    assert_stream_convert(Shop, "orders", RAW, [issue(), label("two"), label("three")])
    assert_stream_convert(Shop(), "orders", {"id": 1, "title": "Tea"}, issue())


def test_a_row_that_is_missing_is_named():
    with pytest.raises(AssertionError, match=r"row 3 is missing: IssueLabel.*'three'"):
        assert_stream_convert(
            Shop, "orders", {**RAW, "lines": ["two"]}, [issue(), label("two"), label("three")]
        )


def test_a_row_that_was_not_expected_is_named():
    with pytest.raises(AssertionError, match=r"row 3 is one too many: IssueLabel.*'three'"):
        assert_stream_convert(Shop, "orders", RAW, [issue(), label("two")])
    with pytest.raises(AssertionError, match="row 1 is one too many"):
        assert_stream_convert(Shop, "orders", {"id": 1, "title": "Tea"}, None)


def test_a_field_that_differs_is_named_with_both_values():
    with pytest.raises(AssertionError, match=r"orders.*\n.*row 1, Issue.title is 'Tea', not 'Tee'"):
        assert_stream_convert(Shop, "orders", {"id": 1, "title": "Tea"}, issue("Tee"))


def test_a_time_without_a_zone_is_one_of_utc(monkeypatch):
    at = datetime(2026, 1, 2, 3)
    monkeypatch.setattr(Orders, "convert", lambda *_: [issue(created_date=at.replace(tzinfo=UTC))])
    assert_stream_convert(Shop, "orders", RAW, issue(created_date=at))
    with pytest.raises(AssertionError, match="created_date"):
        assert_stream_convert(Shop, "orders", RAW, issue(created_date=at.replace(hour=4)))


def test_a_row_of_another_class_is_named():
    with pytest.raises(AssertionError, match="row 1 is a Issue, not a IssueLabel"):
        assert_stream_convert(Shop, "orders", {"id": 1, "title": "Tea"}, label("two"))


def test_a_record_that_cannot_be_extracted_fails_with_the_reason():
    with pytest.raises(AssertionError, match="extract of stream 'orders': title: Field required"):
        assert_stream_convert(Shop, "orders", {"id": 1}, [])


def test_convert_is_given_the_context():
    ctx = ContextBuilder(Shop).with_connection(id=4, token="t").with_scope("b").build()
    expected = [issue(), ticket.IssueLabel(issue_id="stall:Order:4:1", label_name="two")]
    assert_stream_convert(Shop, "orders", {**RAW, "lines": ["two"]}, expected, ctx)


def test_a_stream_runs_through_its_verbs():
    run(Orders("stall"))


@pytest.mark.parametrize("verb", ["collect", "extract", "convert"])
def test_a_stream_that_raises_in_a_verb_fails(verb, monkeypatch):
    def broken(*_):
        message = "never"
        raise ValueError(message)

    monkeypatch.setattr(Orders, verb, broken)
    with pytest.raises((ValueError, dl.DevlakeError), match="never"):
        run(Orders("stall"))


def test_one_bad_record_among_good_ones_fails(monkeypatch):
    monkeypatch.setattr(shop, "ORDERS", [*shop.ORDERS, {"id": 9}])
    with pytest.raises(AssertionError, match=r"'orders': 1 bad records.*extract: title: Field req"):
        run(Orders("stall"))


def test_the_parents_of_a_substream_are_collected_first():
    seen = []

    class Watched(Lines):
        name = "lines"

        def collect(self, state, context, parent):
            seen.append(parent.id)
            return super().collect(state, context, parent)

    run(Watched("stall"))
    assert seen == [1, 2]


def test_a_stream_that_asks_for_the_api_is_given_the_plugins():
    class Asking(Orders):
        name = "orders"

        def collect(self, state, context):
            assert isinstance(context.api, dl.API)
            return super().collect(state, context)

    run(Asking("stall"), plugin=Shop())


def test_the_contexts_database_goes_with_it():
    ctx = ContextBuilder(Shop).with_connection(token="t").with_scope().build()
    file = Path(ctx.store.url.database)
    assert file.exists()
    del ctx
    gc.collect()
    assert not file.parent.exists()


def test_a_scope_belongs_to_the_connection_whatever_is_said_first():
    ctx = ContextBuilder(Shop).with_scope().with_connection(id=3, token="t").build()
    assert ctx.scope.connection_id == 3
    assert ctx.params == '{"ConnectionId":3,"ScopeId":"s"}'
