from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

import pytest

from devlake_core.api import Request


class Kind(Enum):
    BUG = "bug"


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ({}, "/x"),
        ({"a": None}, "/x"),
        ({"a": 0, "b": False, "c": ""}, "/x?a=0&b=false&c="),
        ({"a": [1, None, 2]}, "/x?a=1&a=2"),
        ({"a": "b c+d&e/ü"}, "/x?a=b%20c%2Bd%26e%2F%C3%BC"),
        ({"since": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)}, "/x?since=2024-01-02T03%3A04%3A05Z"),
        ({"since": datetime(2024, 1, 2, 3)}, "/x?since=2024-01-02T03%3A00%3A00Z"),
        ({"kind": Kind.BUG}, "/x?kind=bug"),
    ],
)
def test_the_query_is_written_as_tools_read_it(query, url):
    assert Request("/x", query).get_url_with_query_string() == url


def test_a_datetime_of_another_zone_is_written_in_utc():
    since = datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=5)))
    assert (
        Request("/x", {"s": since}).get_url_with_query_string() == "/x?s=2024-01-01T22%3A00%3A00Z"
    )


@pytest.mark.parametrize(
    ("url", "with_query"),
    [("/x?a=1", "/x?a=1&b=2"), ("/x?", "/x?b=2"), ("/x#part", "/x?b=2#part")],
)
def test_a_query_is_added_to_one_that_is_there(url, with_query):
    assert Request(url, {"b": 2}).get_url_with_query_string() == with_query


def test_each_part_of_a_path_is_encoded_by_itself():
    assert Request(["repos", "a/b", "é?#", 7]).url == "repos/a%2Fb/%C3%A9%3F%23/7"


@pytest.mark.parametrize("part", [None, ".", ".."])
def test_a_part_that_would_lead_elsewhere_is_refused(part):
    with pytest.raises(ValueError, match="no path"):
        Request(["builds", part])


def test_a_copy_shares_nothing():
    first = Request("/x", {"a": [1]}, {"H": "1"}, method="post", json={"q": {"n": 1}})
    copy = first.copy()
    copy.query_args["a"].append(2)
    copy.query_args["b"] = 3
    copy.headers["H"] = "2"
    copy.json["q"]["n"] = 2
    assert (first.query_args, first.headers) == ({"a": [1]}, {"H": "1"})
    assert (first.json, copy.method) == ({"q": {"n": 1}}, "POST")


def test_a_copy_keeps_the_class_and_what_an_author_added():
    class Signed(Request):
        pass

    request = Signed("/x")
    request.purpose = "sign"
    assert type(request.copy()) is Signed
    assert request.copy().purpose == "sign"


def test_its_representation_shows_no_query_and_no_header():
    shown = repr(Request("/x?token=CANARY", {"t": "CANARY"}, {"H": "CANARY"}))
    assert shown == "Request(GET /x)"
