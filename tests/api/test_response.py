from __future__ import annotations

import pytest

from devlake_core.api import Request, Response


def response(body, headers=None):
    return Response(Request("/x", {"a": 1}), 200, body, headers)


def read(found):
    return found.json


def test_json_is_read_once():
    found = response(b'{"a": [1]}')
    assert found.json is found.json
    assert found.json == {"a": [1]}


@pytest.mark.parametrize("body", [b"[NaN]", b"[Infinity]", b'["\\ud800"]', b"[" * 500, b"<html>"])
def test_json_is_strict(body):
    with pytest.raises(ValueError, match="line 1"):
        read(response(body))


def test_integers_are_exact():
    assert response(b"[12345678901234567890123]").json == [12345678901234567890123]


def test_an_empty_body_is_none():
    assert response(b"").json is None


def test_a_byte_order_mark_is_no_obstacle():
    assert response(b"\xef\xbb\xbf[1]").json == [1]


def test_a_body_that_a_hook_assigns_is_read_anew():
    found = response(b")]}'\n[1]")
    with pytest.raises(ValueError, match="line 1"):
        read(found)
    found.body = found.body[5:]
    assert found.json == [1]
    found.body = b"[2]"
    assert found.json == [2]


def test_headers_are_found_in_any_case():
    headers = response(b"", {"X-Next-Page": "2"}).headers
    assert headers["x-next-page"] == headers.get("X-NEXT-PAGE") == "2"
    assert "x-Next-page" in headers
    headers["x-next-page"] = "3"
    assert dict(headers) == {"x-next-page": "3"}
    del headers["X-Next-Page"]
    assert headers.get("x-next-page") is None


def test_it_tells_its_url_and_hides_its_values():
    found = response(b"CANARY", {"Set-Cookie": "CANARY"})
    assert found.get_url_with_query_string() == "/x?a=1"
    assert "CANARY" not in repr(found) + repr(found.headers)
