from __future__ import annotations

import json

import pytest

from devlake_core.api import API, PagedResponse, Paginator, Request, TokenPaginator, request_hook
from devlake_core.api.lenient import read
from devlake_core.errors import APIException, RecordError
from tests.web import Answer, Raw


class Tokens(API):
    paginator = TokenPaginator("items", "next", "page")


def pages_of(*pages):
    """Answer by the token: without one the first page, with `n` the page of that number."""

    def answer(asked):
        return pages[int(asked.query.get("page", 0))]

    return answer


TWO = pages_of({"items": [{"id": 1}, {"id": 2}], "next": "1"}, {"items": [{"id": 3}]})


def test_all_items_of_all_pages_are_iterated(web, link):
    web.on("/x", TWO)
    response = Tokens(link).get("x")
    assert isinstance(response, PagedResponse)
    assert response.items == [{"id": 1}, {"id": 2}]
    assert [item["id"] for item in response] == [1, 2, 3]
    assert (response.status, response.json["next"]) == (200, "1")


def test_second_page_keeps_the_filter_and_the_first_request_its_query(web, link):
    web.on("/x", TWO)
    response = Tokens(link).get("x", state="open")
    next_page = response.next_page_request
    list(response)
    assert web.paths() == ["/x?state=open", "/x?state=open&page=1"]
    assert response.request.query_args == {"state": "open"}
    assert response.get_url_with_query_string() == f"{web.url}/x?state=open"
    assert response.next_page_request is next_page


def test_a_page_is_asked_for_when_it_is_reached(web, link):
    web.on("/x", TWO)
    items = iter(Tokens(link).get("x"))
    next(items), next(items)
    assert len(web.asked) == 1
    next(items)
    assert len(web.asked) == 2


def test_hooks_see_each_page_from_the_pristine_request(web, link):
    class Marked(Tokens):
        @request_hook
        def mark(self, request):
            request.url += "/marked"
            request.query_args.setdefault("marks", []).append("m")

    web.on("/x/marked", TWO)
    assert len(list(Marked(link).get("x"))) == 3
    assert len(list(Marked(link).pages(Request("x")))) == 2
    first, second = "/x/marked?marks=m", "/x/marked?page=1&marks=m"
    assert web.paths() == [first, second, first, second]


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}, {"next": False}])
def test_the_last_page_has_no_token(web, link, end):
    web.on("/x", {"items": [1], **end})
    response = Tokens(link).get("x")
    assert (list(response), response.next_page_request, len(web.asked)) == ([1], None, 1)


def test_zero_is_a_token(web, link):
    web.on("/x", {"items": [1], "next": 0}, {"items": [2]})
    assert list(Tokens(link).get("x")) == [1, 2]
    assert web.asked[1].query == {"page": "0"}


@pytest.mark.parametrize(
    ("items", "token"), [("data.list", "meta.next"), ("/data/list", "/meta/next")]
)
def test_items_and_token_may_lie_deeper(web, link, items, token):
    class Deep(API):
        paginator = TokenPaginator(items, token, "page")

    web.on("/x", pages_of({"data": {"list": [1]}, "meta": {"next": 1}}, {"data": {"list": [2]}}))
    assert list(Deep(link).get("x")) == [1, 2]


def test_a_name_may_hold_a_dot(web, link):
    class Odd(API):
        paginator = TokenPaginator("odata.value", "odata.next", "page")

    web.on("/x", pages_of({"odata.value": [1], "odata.next": "1"}, {"odata.value": [2]}))
    assert list(Odd(link).get("x")) == [1, 2]


@pytest.mark.parametrize("body", [{"id": 1}, [1, 2], "text", b"no JSON"])
def test_what_has_no_items_is_a_plain_response(web, link, body):
    web.on("/x", body)
    assert not isinstance(Tokens(link).get("x"), PagedResponse)


def test_what_is_no_page_says_so_when_it_is_iterated(web, link):
    web.on("/x", {"name": "me"})
    for api in (Tokens(link), API(link)):
        with pytest.raises(TypeError, match="is no page"):
            list(api.get("x"))


def test_items_that_are_no_list_are_an_error(web, link):
    web.on("/x", {"items": {"id": 1}})
    with pytest.raises(RecordError, match=r"'items' of .* is no list"):
        Tokens(link).get("x")


class Links(Paginator):
    """An author's own: the next page's URL is in a header."""

    def __init__(self):
        self.told = 0

    def get_items(self, response):
        return response.json if isinstance(response.json, list) else None

    def get_next_page_id(self, response):
        self.told += 1
        return response.headers.get("X-Next")

    def set_next_page_param(self, request, next_page_id):
        request.query_args["after"] = next_page_id


def test_an_authors_paginator_is_asked_once_per_page(web, link):
    class Own(API):
        paginator = Links()

    web.on("/x", Answer([1], headers={"X-Next": "a b"}), Answer([2]))
    assert list(Own(link).get("x")) == [1, 2]
    assert (web.asked[1].query, Own.paginator.told) == ({"after": "a b"}, 2)


class Sure(Paginator):
    """An author's own that knows pages alone, and says in its own way that there are no more."""

    def __init__(self, end):
        self.end = end

    def get_items(self, response):
        return response.json["value"]

    def get_next_page_id(self, response):
        return response.json.get("next", self.end)

    def set_next_page_param(self, request, next_page_id):
        request.query_args["page"] = next_page_id


def test_what_an_authors_paginator_fails_on_is_a_response_all_the_same(web, link):
    class Own(API):
        paginator = Sure(None)

    for body in ({"records": [1]}, [1]):
        web.on("/x", body)
        response = Own(link).get("x")
        assert response.json == body
        with pytest.raises((KeyError, TypeError)):
            list(response)


@pytest.mark.parametrize("end", [None, "", False, []])
def test_an_authors_paginator_says_in_any_way_that_there_is_no_page_more(web, link, end):
    class Own(API):
        paginator = Sure(end)

    for walk in (
        lambda api: list(api.get("x")),
        lambda api: [record for page in api.pages(Request("x")) for record in page.records],
    ):
        web.on("/x", {"value": [1], "next": 0}, {"value": [2]})
        assert walk(Own(link)) == [1, 2]


class TestPages:
    def test_they_have_records_and_a_token_to_go_on_from(self, web, link):
        web.on("/x", TWO)
        request = Request("x", {"state": "open"})
        pages = list(Tokens(link).pages(request))
        assert [len(page.records) for page in pages] == [2, 1]
        assert [page.next_token for page in pages] == ["1", None]
        assert [page.request.get_url_with_query_string() for page in pages] == [
            f"{web.url}/x?state=open",
            f"{web.url}/x?state=open&page=1",
        ]
        assert request.query_args == {"state": "open"}

    def test_they_go_on_from_a_token_that_went_through_json(self, web, link):
        web.on("/x", TWO)
        token = json.loads(json.dumps(next(Tokens(link).pages(Request("x"))).next_token))
        [page] = Tokens(link).pages(Request("x"), start_token=token)
        assert page.records == [{"id": 3}]

    def test_records_are_where_the_pointer_says(self, web, link):
        web.on("/x", {"data": {"builds": [{"id": 1}], "one": {"id": 2}}, "items": [0]})
        api = Tokens(link)

        def records(pointer):
            return [page.records for page in api.pages(Request("x"), records=pointer)]

        assert records("/data/builds") == [[{"id": 1}]]
        assert records("/data/one") == [[{"id": 2}]]
        assert records("/data/none") == [[]]

    def test_a_streams_paginator_wins(self, web, link):
        web.on("/x", pages_of({"rows": [1], "more": "1"}, {"rows": [2]}))
        own = TokenPaginator("rows", "more", "page")
        found = [page.records for page in Tokens(link).pages(Request("x"), paginator=own)]
        assert found == [[1], [2]]

    def test_what_is_not_paginated_is_a_list_of_records_or_one(self, web, link):
        web.on("/list", [1, 2])
        web.on("/one", {"id": 1})
        web.on("/none", Answer(b"", 204))
        api = Tokens(link)
        found = [next(api.pages(Request(path))).records for path in ("list", "one", "none")]
        assert found == [[1, 2], [{"id": 1}], []]

    def test_a_later_page_without_items_is_empty(self, web, link):
        web.on("/x", pages_of({"items": [1], "next": "1"}, {"total": 1}))
        assert [page.records for page in Tokens(link).pages(Request("x"))] == [[1], []]


BOMB = b"[" * 5000 + b"]" * 5000
BAD = {
    "NaN": (b'{"id":2,"x":NaN}', b'{"id":2,"x":NaN}'),
    "infinity": (b'{"id":2,"x":-Infinity}', b'{"id":2,"x":-Infinity}'),
    "too large a float": (b'{"id":2,"x":1e999}', b'{"id":2,"x":Infinity}'),
    "lone surrogate": (b'{"id":2,"x":"\\ud800a"}', b'{"id":2,"x":"\\ud800a"}'),
    "no UTF-8": (b'{"id":2,"x":"\xff"}', b'{"id":2,"x":"\\udcff"}'),
    "nesting bomb": (b'{"id":2,"x":' + BOMB + b"}", None),
    "bracket in a string": (b'{"id":2,"x":"]}","y":' + BOMB + b"}", None),
    "endless integer": (b'{"id":2,"x":' + b"9" * 5000 + b"}", b'{"id":2,"x":NaN}'),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_costs_its_neighbours_nothing(web, link, kind):
    bad, raw = BAD[kind]
    body = b'{"items": [{"id":1}, ' + bad + b', {"id":3}], "next": null}'
    web.on("/x", Answer(body, headers={"Content-Type": "application/json"}))
    [page] = Tokens(link).pages(Request("x"))
    records = list(page.raw_records())
    assert (records[0], records[2], len(web.asked)) == (b'{"id":1}', b'{"id":3}', 1)
    if raw is not None:
        assert records[1] == raw
    assert records[1].startswith(b'{"id":2,')
    # What extract does with it: a strict reader refuses it, so it is quarantined.
    with pytest.raises(ValueError, match="line 1"):
        _strict(records[1])
    assert [item["id"] for item in Tokens(link).get("x")] == [1, 2, 3]


def _strict(record):
    from pydantic_core import from_json

    return from_json(record, allow_inf_nan=False)


def test_two_hundred_levels_are_no_bomb():
    deep = b"[" * 200 + b"]" * 200
    assert read(b"[NaN," + deep[1:-1] + b"]")[1] == _strict(deep[1:-1])


@pytest.mark.parametrize("body", [b"[" * 300, b"[" * 5000 + b"]" * 4000, b'["a', b"[1,]", b"<p>"])
def test_a_body_that_is_broken_as_a_whole_is_refused(body):
    with pytest.raises(ValueError, match="char"):
        read(body)


class TestBrokenBodies:
    @pytest.mark.parametrize(
        "cut", [b'{"items": [{"a": 1}', b'{"items": [1', b'{"items": ["a', b'{"items": [1]']
    )
    def test_a_body_cut_off_without_a_length_is_asked_for_again(self, web, link, runtime, cut):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
        web.on("/x", Raw(head + cut), {"items": [7]})
        assert Tokens(link).get("x").items == [7]
        web.on("/x", Raw(head.replace(b"application/json", b"text/plain") + cut), {"items": [8]})
        assert next(Tokens(link).pages(Request("x"))).records == [8]
        assert runtime.counts["retries"] == 2

    @pytest.mark.parametrize("cut", [b'{"items": [', b""])
    def test_one_that_stays_so_ends_the_run_for_now(self, web, link, runtime, cut):
        web.on("/x", Answer(cut, headers={"Content-Type": "application/json"}))
        with pytest.raises(APIException, match=r"broken JSON|empty body") as caught:
            next(Tokens(link).pages(Request("x")))
        assert (caught.value.exit_code, len(web.asked)) == (75, 4)

    def test_a_page_to_log_in_is_no_page(self, web, link, runtime):
        html = b"<!DOCTYPE html><title>Sign in</title>"
        web.on("/x", Answer(html, headers={"Content-Type": "text/html"}))
        with pytest.raises(APIException, match="Sign in") as caught:
            next(Tokens(link).pages(Request("x")))
        assert (caught.value.exit_code, len(web.asked)) == (77, 1)
        assert Tokens(link).get("x").body == html
