from __future__ import annotations

import contextvars
import threading

import pytest

from devlake_core.api import API, NullRuntime, Request, auth, current_runtime, request_hook
from devlake_core.errors import APIException, ConfigError, DevlakeError
from tests.api.conftest import Link


class Keyed(API):
    auth = auth.APIKey(header="PRIVATE-TOKEN", field="token")


def test_parts_are_joined_and_the_query_is_sent(web, link):
    web.on("/api/users/7", [])
    API(link).get("/api/", "users", 7, page=0, archived=False, since=None)
    assert web.paths() == ["/api/users/7?page=0&archived=false"]


@pytest.mark.parametrize("path", ["/users/", "/users", "/a//b/"])
def test_slashes_at_the_ends_stay(web, link, path):
    web.on(path, [])
    API(link).get(path)
    assert web.paths() == [path]


def test_a_query_may_have_any_name(web, link):
    web.on("/x", [])
    API(link).get("x", **{"self": 1, "path": 2, "url": 3})
    assert web.asked[0].query == {"self": "1", "path": "2", "url": "3"}


def test_post_sends_json(web, link):
    web.on("/graphql", lambda asked: {"got": asked.json})
    body = {"query": "{a}", "big": 12345678901234567890, "no": None}
    assert API(link).post("graphql", json=body).json == {"got": body}
    assert web.asked[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", [0, False, "", [], {}])
def test_a_falsy_body_is_a_body(web, link, body):
    web.on("/x", lambda asked: {"got": asked.json})
    assert API(link).post("x", json=body).json == {"got": body}


def test_base_url_wins_over_the_connections_endpoint(web, link):
    class Based(API):
        base_url = f"{web.url}/v2/"

    web.on("/v2/x", [])
    Based(Link("http://127.0.0.1:9")).get("/x")
    assert web.paths() == ["/v2/x"]


def test_an_absolute_url_needs_no_base(web):
    web.on("/x", [])
    API(Link()).get(f"{web.url}/x")
    assert len(web.asked) == 1


def test_a_colon_in_a_path_is_no_scheme(web, link):
    web.on("/items:search", [])
    assert API(link).get("items:search").json == []


def test_a_relative_url_without_a_base_is_an_error():
    with pytest.raises(ConfigError, match="no address for 'x'"):
        API(Link()).get("x")


def test_a_client_without_super_takes_everything_from_the_run(web, link, runtime):
    class Own(API):
        auth = auth.APIKey(header="PRIVATE-TOKEN", field="token")

        def __init__(self, url):
            self.url = url

    runtime.connection = link
    web.on("/x", [])
    api = Own(web.url)
    api.send(Request("/x"))
    assert web.asked[0].headers["PRIVATE-TOKEN"] == "CANARY-t0ken"
    assert (api.connection, runtime.counts["requests"]) == (link, 1)
    assert runtime.calls[0].connection == "link"


def test_a_client_given_nothing_works_in_a_worker_thread(web, link, runtime):
    runtime.connection = link
    web.on("/x", [])
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(lambda: API().get("x"),))
    thread.start()
    thread.join()
    assert runtime.counts["requests"] == 1


def test_a_client_outside_of_a_run_works(web):
    assert type(current_runtime.get()) is NullRuntime
    web.on("/x", [1])
    assert API().get(f"{web.url}/x").json == [1]


def test_the_same_client_keeps_its_connection_open(web, link):
    peers = []
    web.on("/x", lambda asked: peers.append(asked) or [])
    api = API(link)
    session = api.session
    api.get("x")
    assert API(link).session is session
    assert API(Link(web.url)).session is not session
    found = []
    thread = threading.Thread(target=lambda: found.append(api.session))
    thread.start()
    thread.join()
    assert found[0] is not session


def test_cookies_stay_with_the_connection_that_got_them(web, link):
    from tests.web import Answer

    web.on("/login", Answer([], headers={"Set-Cookie": "sid=CANARY"}))
    web.on("/x", [])
    API(link).get("login")
    API(link).get("x")
    API(Link(web.url)).get("x")
    assert [asked.headers.get("Cookie") for asked in web.asked] == [None, "sid=CANARY", None]


class TestAuthentication:
    def test_the_key_is_put_in_a_header(self, web, link):
        web.on("/x", [])
        Keyed(link).get("x")
        assert web.asked[0].headers["PRIVATE-TOKEN"] == "CANARY-t0ken"

    def test_the_key_is_put_in_the_query_and_shown_nowhere(self, web, link, runtime):
        class Queried(API):
            auth = auth.APIKey(query="key", field="token")

        web.on("/x", lambda asked: [asked.query])
        response = Queried(link).get("x", a=1)
        assert response.json == [{"a": "1", "key": "CANARY-t0ken"}]
        assert response.get_url_with_query_string() == f"{web.url}/x?a=1"
        for url in ("http://127.0.0.1:9", "http://[::1", "http://h:x", "http://" + "a" * 70 + ".b"):
            with pytest.raises(DevlakeError) as caught:
                Queried(Link(url)).get("x")
            error = caught.value
            assert "CANARY" not in f"{error} {error!r} {error.__context__!r} {error.__cause__!r}"

    def test_no_hook_sees_credentials(self, web, link, runtime):
        class Looking(Keyed):
            @request_hook
            def look(self, request):
                seen.append(dict(request.headers))

        seen = []
        runtime.before = lambda call: seen.append(dict(call.request.headers))
        runtime.after = lambda call: seen.append(dict(call.response.request.headers))
        web.on("/x", [])
        Looking(link).get("x")
        assert seen == [{}, {}, {}]
        assert "PRIVATE-TOKEN" in web.asked[0].headers

    def test_a_connection_without_a_token_asks_without(self, web):
        web.on("/x", [])
        Keyed(Link(web.url, token=None)).get("x")
        assert "PRIVATE-TOKEN" not in web.asked[0].headers

    def test_a_field_that_is_not_there_is_named(self, link):
        class Wrong(API):
            auth = auth.APIKey(header="H", field="tokem")

        with pytest.raises(ConfigError, match="no field 'tokem'"):
            Wrong(link).get("x")

    def test_exactly_one_place_is_named(self):
        with pytest.raises(TypeError, match="one of"):
            auth.APIKey(field="token")

    def test_another_host_gets_no_credentials_unless_it_is_named(self, web, other, link):
        class Named(API):
            auth = auth.APIKey(header="PRIVATE-TOKEN", field="token", hosts=["127.0.0.1"])

        for server in (web, other):
            server.on("/x", [])
        Keyed(link).get(f"{other.url}/x")
        Named(link).get(f"{other.url}/x")
        assert [a.headers.get("PRIVATE-TOKEN") for a in other.asked] == [None, "CANARY-t0ken"]

    def test_errors_carry_the_request_without_credentials(self, web, link):
        web.on("/x", lambda asked: _refused())
        with pytest.raises(APIException) as caught:
            Keyed(link).get("x")
        error = caught.value
        assert (error.exit_code, error.response.status) == (77, 401)
        assert error.request.headers == {}
        assert "connections test" in error.hint


def _refused():
    from tests.web import Answer

    return Answer({"message": "no"}, 401)
