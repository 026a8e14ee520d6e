"""REST streams: pages, checkpoints at their ends, and a cursor that loses nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator  # noqa: TC003
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

import devlake_core.model as m
from devlake_core.api import API, Request, TokenPaginator
from devlake_core.errors import RequestError
from devlake_core.store import raw_table
from devlake_core.stream import Cursor, RestStream, RestSubstream
from devlake_core.subtask import collect as collect_verb
from tests.lake import Lake
from tests.web import Answer, Asked, Web, serving

__devlake_plugin__ = "rest"

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Place(m.ToolScope, table=True):
    """A scope."""


class Item(m.ToolModel, table=True):
    """An item."""

    id: int = m.Field(primary_key=True)
    updated: datetime | None = None


class Part(m.ToolModel, table=True):
    """A part of an item."""

    id: int = m.Field(primary_key=True)
    item_id: int = m.Field(parent="id")


class Items(RestStream[Item]):
    """Items by page, with what changed since the cursor."""

    records = "/items"
    cursor: ClassVar[Any] = Cursor("/updated", order="asc")

    def request(self, ctx: Any) -> Request:
        return Request(["places", ctx.scope.id, "items"], {"since": ctx.since, "sort": "x"})


class Parts(RestSubstream[Part, Item]):
    """Parts of each item."""

    parent_stream, records = Items, "/items"

    def request(self, ctx: Any, parent: Item) -> Request:
        return Request(["items", parent.id, "parts"])


class Tool(API):
    paginator = TokenPaginator("items", "next", "page")


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def lake(sqlite_url: str, web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    lake = Lake(sqlite_url, "rest", [Items, Parts], Place)
    context = lake.context
    api = type("ToolHere", (Tool,), {"base_url": web.url})

    def with_api(*args: Any, **kwargs: Any) -> Any:
        ctx = context(*args, **kwargs)
        ctx.api_type = api
        return ctx

    monkeypatch.setattr(lake, "context", with_api)
    monkeypatch.setattr("devlake_core.api.runtime.NullRuntime.pause", lambda *_: None)
    # A page that comes fast would share the next one's transaction.
    monkeypatch.setattr(sys.modules["devlake_core.subtask.collect"], "PAGE_SECONDS", 0)
    lake.streams = lake.streams[:1]
    yield lake
    lake.store.close()


@pytest.fixture
def family(lake: Lake) -> Lake:
    """Return the lake with the substream too."""
    lake.streams.append(Parts("rest"))
    return lake


def item(number: int, updated: datetime = NOW - timedelta(hours=1)) -> dict[str, Any]:
    return {"id": number, "updated": updated.isoformat()}


def pages(web: Web, *contents: Any, now: datetime | None = NOW) -> None:
    """Serve pages named 1, 2 …; an exception's status stands for a page that fails."""

    def answer(asked: Asked) -> Any:
        number = int(asked.query.get("page", 1))
        content = contents[number - 1]
        if isinstance(content, int):
            return Answer({}, content)
        body = {"items": content, "next": number + 1 if number < len(contents) else None}
        dated = Dated(body)
        dated.date = "" if now is None else format_datetime(now, usegmt=True)
        return dated

    web.on("/places/b/items", answer)


class Dated(Answer):
    """An answer with its own Date, where the server would add another."""

    date = ""

    def send(self, handler: Any) -> None:
        handler.date_time_string = lambda *_: self.date
        super().send(handler)


def state(lake: Lake, stream: str = "items") -> dict[str, Any]:
    from devlake_core.store.positions import positions

    found = positions(lake.store, "rest", [lake.context().params])
    return next(p.state for p in found if p.stream == stream)


def queries(web: Web) -> list[tuple[str | None, str | None]]:
    return [
        (a.query.get("page"), a.query.get("since")) for a in web.asked if a.path.endswith("items")
    ]


def test_all_pages_are_read_and_each_row_knows_its_url(lake: Lake, web: Web) -> None:
    pages(web, [item(1), item(2)], [], [item(3)])
    lake.run(verbs="collect extract")
    assert lake.rows(Item, "id") == [1, 2, 3]
    raw = raw_table("_raw_rest_items")
    with lake.store.reading() as connection:
        urls = list(connection.execute(select(raw.c.url).order_by(raw.c.id)).scalars())
    assert [url.partition("page=")[2].partition("&")[0] for url in urls] == ["", "", "3"]
    assert all("/places/b/items?" in url for url in urls)


def test_raw_rows_hold_the_records_as_they_came(lake: Lake, web: Web) -> None:
    records = [b'{ "id" : 1,\n "odd": 1.50, "text": "\\u00e9\\/" }', b'{"id":2}']
    body = b'{"next": null, "items": [ ' + b" , ".join(records) + b" ]}"
    web.on("/places/b/items", Answer(body, headers={"Content-Type": "application/json"}))
    lake.run(verbs="collect extract")
    raw = raw_table("_raw_rest_items")
    with lake.store.reading() as connection:
        kept = connection.execute(select(raw.c.data).order_by(raw.c.id)).scalars()
        assert [bytes(data) for data in kept] == records
    assert lake.rows(Item, "id") == [1, 2]


def test_next_run_asks_only_for_what_is_new(lake: Lake, web: Web) -> None:
    pages(web, [item(1, NOW - timedelta(hours=2)), item(2)])
    lake.run(verbs="collect extract")
    assert state(lake) == {"cursor": (NOW - timedelta(hours=1)).isoformat()}
    lake.run(verbs="collect extract")
    assert queries(web)[-1][0] is None
    assert datetime.fromisoformat(str(queries(web)[-1][1])) == NOW - timedelta(hours=1)


def test_stopped_run_goes_on_at_the_page_where_it_was(lake: Lake, web: Web) -> None:
    pages(web, [item(1)], [item(2)], 400, [item(4)])
    with pytest.raises(RequestError):
        lake.run(verbs="collect extract")
    assert len(lake.raw_ids("items")) == 2
    assert state(lake)["page"] == 3
    web.asked.clear()
    pages(web, [item(1)], [item(2)], [item(3)], [item(4)])
    lake.run(verbs="collect extract")
    assert [page for page, _ in queries(web)] == ["3", "4"]
    assert lake.rows(Item, "id") == [1, 2, 3, 4]
    assert len(lake.raw_ids("items")) == 4
    assert "page" not in state(lake)


def test_stopped_incremental_pass_keeps_what_it_asked_for(lake: Lake, web: Web) -> None:
    first = NOW - timedelta(days=1)
    pages(web, [item(1, first)])
    lake.run(verbs="collect extract")
    pages(web, [item(2, NOW - timedelta(hours=3))], 400)
    with pytest.raises(RequestError):
        lake.run(verbs="collect")
    web.asked.clear()
    pages(web, [], [item(3)])
    lake.run(verbs="collect extract")
    ((page, since),) = queries(web)
    assert page == "2"
    assert datetime.fromisoformat(str(since)) == first
    assert lake.rows(Item, "id") == [1, 2, 3]


def test_cursor_stays_behind_the_tools_own_clock(lake: Lake, web: Web) -> None:
    # The tool's clock, not ours: a record may become visible after its own time.
    pages(web, [item(1, NOW - timedelta(seconds=10))])
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": (NOW - timedelta(minutes=5)).isoformat()}


def test_tool_that_does_not_tell_the_time_gives_its_greatest_value(lake: Lake, web: Web) -> None:
    pages(web, [item(1, NOW)], now=None)
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": NOW.isoformat()}


def test_resumed_pass_keeps_the_clock_of_its_beginning(lake: Lake, web: Web) -> None:
    pages(web, [item(1, NOW - timedelta(hours=1))], 400)
    with pytest.raises(RequestError):
        lake.run(verbs="collect")
    # Hours later. What changed meanwhile on the first page is not seen again in this pass.
    later = NOW + timedelta(hours=6)
    pages(web, [], [item(2, NOW + timedelta(hours=5))], now=later)
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": (NOW - timedelta(minutes=5)).isoformat()}


def test_signpost_before_the_last_cursor_does_not_send_the_stream_back(
    lake: Lake, web: Web
) -> None:
    pages(web, [item(1, NOW - timedelta(hours=1))])
    lake.run(verbs="collect")
    pages(web, [item(2, NOW)], now=NOW - timedelta(hours=5))
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": (NOW - timedelta(hours=1)).isoformat()}


@pytest.mark.parametrize(("order", "within"), [("asc", True), ("desc", False), (None, False)])
def test_cursor_advances_within_a_pass_only_where_records_ascend(
    lake: Lake, web: Web, order: Any, within: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Items, "cursor", Cursor("/updated", order=order))
    pages(web, [item(1)], 400)
    with pytest.raises(RequestError):
        lake.run(verbs="collect")
    assert ("cursor" in state(lake)) is within
    pages(web, [], [item(2, NOW - timedelta(hours=3))])
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": (NOW - timedelta(hours=1)).isoformat()}


def test_record_without_a_time_does_not_move_the_cursor(lake: Lake, web: Web) -> None:
    pages(web, [item(1), {"id": 2}, {"id": 3, "updated": None}])
    lake.run(verbs="collect extract")
    assert state(lake) == {"cursor": (NOW - timedelta(hours=1)).isoformat()}
    assert lake.rows(Item, "id") == [1, 2, 3]


def test_pass_without_records_keeps_the_cursor(lake: Lake, web: Web) -> None:
    pages(web, [item(1)])
    lake.run(verbs="collect")
    pages(web, [])
    lake.run(verbs="collect")
    assert state(lake) == {"cursor": (NOW - timedelta(hours=1)).isoformat()}


def test_full_refresh_asks_for_everything_again(lake: Lake, web: Web) -> None:
    pages(web, [item(1)])
    lake.run(verbs="collect")
    lake.run(verbs="collect", fullSync=True)
    assert queries(web)[-1] == (None, None)


def test_cursor_may_be_a_number(lake: Lake, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Items, "cursor", Cursor("/id", order="asc"))
    pages(web, [item(7)], [item(9)])
    lake.run(verbs="collect")
    lake.run(verbs="collect")
    assert queries(web)[2] == (None, "9")


def test_children_are_read_for_each_parent_page_by_page(family: Lake, web: Web) -> None:
    pages(web, [item(1), item(2)])
    web.on(
        "/items/1/parts",
        lambda asked: (
            {"items": [{"id": 12}]}
            if "page" in asked.query
            else {"items": [{"id": 11}], "next": "x"}
        ),
    )
    web.on("/items/2/parts", {"items": [{"id": 21}]})
    family.run(verbs="collect extract")
    assert family.rows(Part, "id", "item_id") == [(11, 1), (12, 1), (21, 2)]


def test_failed_parent_goes_on_at_its_page_and_the_others_are_not_lost(
    family: Lake, web: Web
) -> None:
    pages(web, [item(1), item(2)])
    web.on("/items/1/parts", {"items": [{"id": 11}]})
    web.on(
        "/items/2/parts",
        lambda asked: (
            Answer({}, 400) if "page" in asked.query else {"items": [{"id": 21}], "next": "x"}
        ),
    )
    with pytest.raises(RequestError):
        family.run(verbs="collect extract")
    web.asked.clear()
    web.on(
        "/items/2/parts",
        lambda asked: {"items": [{"id": 22}]} if asked.query.get("page") == "x" else {"items": []},
    )
    for verb in ("collect", "extract"):
        family.verb(verb, "parts")
    assert family.rows(Part, "id") == [11, 21, 22]
    assert "/items/2/parts?page=x" in web.paths()


def test_records_keep_the_bytes_that_came(lake: Lake, web: Web) -> None:
    body = b'{"items": [{"id": 1, "big": 12345678901234567890, "text": "\\u00e9"}]}'
    web.on("/places/b/items", Answer(body, headers={"Content-Type": "application/json"}))
    for _ in collect_verb(lake.context(), lake.stream("items")):
        pass
    raw = raw_table("_raw_rest_items")
    with lake.store.reading() as connection:
        data = bytes(connection.execute(select(raw.c.data)).scalar_one())
    assert b"12345678901234567890" in data
