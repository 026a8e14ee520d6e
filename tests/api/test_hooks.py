from __future__ import annotations

import pytest

from devlake_core.api import (
    ABORT,
    API,
    Request,
    Resolution,
    Response,
    Skipped,
    request_hook,
    response_hook,
)
from devlake_core.errors import APIException
from devlake_core.redaction import redact
from tests.web import Answer


class Base(API):
    def __init__(self, link):
        super().__init__(link)
        self.seen = []

    @request_hook
    def base_request(self, request):
        self.seen.append("base request")

    @response_hook
    def base_response(self, response):
        self.seen.append("base response")


class Own(Base):
    @request_hook
    def z_first(self, request):
        self.seen.append("own request 1")

    @request_hook
    def a_second(self, request):
        self.seen.append("own request 2")

    @response_hook
    def own_response(self, response):
        self.seen.append("own response")


def test_hooks_are_an_onion_around_the_shared_ones(web, link, runtime):
    web.on("/x", [])
    api = Own(link)
    runtime.before = lambda call: api.seen.append("shared request")
    runtime.after = lambda call: api.seen.append("shared response")
    runtime.resolve = lambda call: api.seen.append("resolve")
    api.get("x")
    assert api.seen == [
        *("base request", "own request 1", "own request 2", "shared request"),
        *("shared response", "base response", "own response", "resolve"),
    ]


def test_an_override_runs_once_in_the_place_of_what_it_replaces(web, link):
    class Replaced(Own):
        def base_request(self, request):
            self.seen.append("replaced")

        own_response = None

    web.on("/x", [])
    api = Replaced(link)
    api.get("x")
    assert api.seen == ["replaced", "own request 1", "own request 2", "base response"]


def test_what_a_hook_returns_takes_the_place_of_what_is_in_hand(web, link):
    class Changing(API):
        @request_hook
        def other_path(self, request):
            return Request("/y")

        @response_hook
        def other_body(self, response):
            return Response(response.request, 200, b"[1]")

        @response_hook
        def sees_the_other(self, response):
            assert response.body == b"[1]"

    web.on("/y", [2])
    assert Changing(link).get("x").json == [1]
    assert web.paths() == ["/y"]


def test_a_hook_mends_a_response_before_it_is_judged(web, link):
    """A tool that answers 203 where it means 401."""

    class Honest(API):
        @response_hook
        def mend(self, response):
            if response.status == 203:
                response.status = 401

    web.on("/x", Answer({}, 203))
    with pytest.raises(APIException) as caught:
        Honest(link).get("x")
    assert (caught.value.response.status, caught.value.exit_code) == (401, 77)


def test_a_hook_decides_before_shared_hooks_and_the_default(web, link, runtime):
    class Own(API):
        @response_hook
        def first(self, response):
            return Resolution.accept()

        @response_hook
        def second(self, response):
            return Resolution.fail("never asked for")

    runtime.resolve = lambda call: Resolution.fail("never asked for")
    web.on("/x", Answer({}, 404))
    assert Own(link).get("x").status == 404


def test_a_shared_hook_decides_before_the_default(web, link, runtime):
    runtime.resolve = lambda call: Resolution.skip("gone")
    web.on("/x", Answer({}, 200))
    with pytest.raises(Skipped, match="gone"):
        API(link).get("x")


@pytest.mark.parametrize("kind", [request_hook, response_hook])
def test_abort_stops_and_is_given_back(web, link, kind):
    class Stopping(API):
        @kind
        def stop(self, _):
            return ABORT

    web.on("/x", [])
    assert Stopping(link).get("x") is ABORT
    assert not ABORT
    assert list(Stopping(link).pages(Request("/x"))) == []
    assert len(web.asked) == (0 if kind is request_hook else 2)


def test_an_exception_of_a_hook_is_a_resolution_and_stays_the_authors(web, link):
    class Gone(APIException):
        pass

    class Own(API):
        @response_hook
        def judge(self, response):
            raise Gone(response)

    for status, code in ((404, 1), (403, 77), (503, 75)):
        web.on("/x", Answer({}, status))
        with pytest.raises(Gone) as caught:
            Own(link).get("x")
        assert caught.value.exit_code == code
    assert len(web.asked) == 3


def test_each_attempt_starts_from_a_pristine_request(web, link, runtime):
    class Counting(API):
        @request_hook
        def mark(self, request):
            request.headers["X-Marks"] = request.headers.get("X-Marks", "") + "m"
            request.query_args.setdefault("ids", []).append(1)

    web.on("/x", Answer({}, 503), [])
    request = Request("/x", {"ids": [0]})
    Counting(link).send(request)
    assert [asked.headers["X-Marks"] for asked in web.asked] == ["m", "m"]
    assert web.paths() == ["/x?ids=0&ids=1"] * 2
    assert request.query_args == {"ids": [0]}
    assert [call.attempt for call in runtime.calls] == [1, 2]


def test_shared_hooks_may_assign_request_and_response(web, link, runtime):
    def before(call):
        call.request = Request(f"{web.url}/y", call.request.query_args)

    def after(call):
        call.response = Response(call.request, 200, b"[9]")

    runtime.before, runtime.after = before, after
    web.on("/y", [1])
    response = API(link).get("x", a=1)
    assert (response.json, web.paths()) == ([9], ["/y?a=1"])
    assert response.get_url_with_query_string() == f"{web.url}/y?a=1"


class Signing(API):
    @request_hook
    def sign(self, request):
        request.headers["Authorization"] = "Bearer from-a-hook-4711"


def test_secret_that_a_hook_puts_into_a_header_is_redacted_everywhere(web, link):
    web.on("/x", [])
    Signing(link).get("/x")
    assert "from-a-hook-4711" not in redact("the tool said: from-a-hook-4711 is no good")
