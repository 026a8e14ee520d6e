"""A page's records are kept as they came, however the page is spelled."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from devlake_core.api import API, Paginator, Request, TokenPaginator, response_hook
from devlake_core.api import verbatim as module
from devlake_core.api.verbatim import texts
from tests.web import Answer

ODD = (
    b'{ "id" : 1.10,"big":12345678901234567890123, "u":"\\u0041\\/\xc3\xa9" }',
    b'{"id":2,\n  "t": [1 , 2],"z":{"b":1,"a":2}}',
    b"{}",
    b'{"id":3e2}',
)


def spelled(*records: bytes, between: bytes = b" ,\n  ") -> bytes:
    return (
        b'\xef\xbb\xbf { "first": [{}], "page" :{"items" : [ ' + between.join(records) + b" ] } }"
    )


def found(body: bytes, *path: str, take=lambda records: records) -> list[bytes]:
    page = from_json(body.removeprefix(b"\xef\xbb\xbf"))
    records = page
    for name in path:
        records = records[name]
    return list(texts(body, page, take(records)))


@pytest.mark.parametrize("between", [b",", b", ", b" ,\n  "])
def test_space_order_numbers_and_escapes_stay_as_they_came(between):
    assert found(spelled(*ODD, between=between), "page", "items") == list(ODD)


def test_page_that_is_a_list_or_one_record_is_kept_too():
    assert found(b"[ " + b", ".join(ODD) + b"]") == list(ODD)
    assert found(ODD[0], take=lambda record: [record]) == [ODD[0]]
    body = b'{"data": ' + ODD[1] + b' , "next": null}'
    assert found(body, "data", take=lambda record: [record]) == [ODD[1]]


def test_compact_page_is_not_read_twice(monkeypatch):
    monkeypatch.setattr(module, "_scan", None)
    body = b'{"next":1,"items":[{"id":1},{"id":2,"t":"\xc3\xa9"},{}],"n":0}'
    assert found(body, "items") == [b'{"id":1}', b'{"id":2,"t":"\xc3\xa9"}', b"{}"]


def test_records_after_an_odd_one_keep_their_own_texts():
    body = b'{"items":[{"id":1},{"id":2.50},{"id":3}]}'
    assert found(body, "items") == [b'{"id":1}', b'{"id":2.50}', b'{"id":3}']


def test_record_that_was_changed_is_written_as_it_is_in_hand():
    body = b'{"items": [{"id": 1}, {"id": 2, "mail": "a@b"}, {"id": 3}]}'

    def censored(records):
        del records[1]["mail"]
        return records

    assert found(body, "items", take=censored) == [b'{"id": 1}', b'{"id":2}', b'{"id": 3}']
    assert found(body, "items", take=lambda records: records[1:]) == [
        b'{"id":2,"mail":"a@b"}',
        b'{"id":3}',
    ]


def test_name_that_comes_twice_gives_what_the_value_says():
    assert found(b'{"items": [ {"id": 1} ], "items": [ {"id": 2} ]}', "items") == [b'{"id":2}']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(
    st.lists(JSON, max_size=5),
    st.sampled_from([(",", ":"), (", ", ": "), ("\n , ", "\t:\r")]),
    st.booleans(),
)
def test_texts_are_parts_of_the_body_in_their_order(records, separators, ascii_only):
    page = {"a": [1, {"items": []}], "items": records, "z": 0}
    text = json.dumps(page, separators=separators, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return  # a lone surrogate or an infinity: read by the lenient reader
    wanted = [
        json.dumps(r, separators=separators, ensure_ascii=ascii_only).encode() for r in records
    ]
    assert list(texts(body, value, value["items"])) == wanted


def test_hooks_and_paginators_of_an_author_have_their_say(web, link):
    class Upper(Paginator):
        def get_items(self, response):
            return [item["title"].upper() for item in response.json["items"]]

        def get_next_page_id(self, response):
            return None

    class Tool(API):
        paginator = TokenPaginator("items", "next", "page")

        @response_hook
        def censor(self, response):
            response.json["items"][0].pop("mail", None)
            return response

    body = b'{"items": [ {"title": "a", "mail": "a@b"}, {"title": "\\u0062" } ]}'
    web.on("/x", Answer(body, headers={"Content-Type": "application/json"}))
    [page] = Tool(link).pages(Request("x"))
    assert list(page.raw_records()) == [b'{"title":"a"}', b'{"title": "\\u0062" }']
    [page] = Tool(link).pages(Request("x"), paginator=Upper())
    assert list(page.raw_records()) == [b'"A"', b'"B"']
