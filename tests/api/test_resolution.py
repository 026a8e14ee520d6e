"""What a status means, and how often and how long the client waits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from devlake_core.api import API, NullRuntime, Resolution, Skipped, current_runtime, response_hook
from devlake_core.api.response import Headers
from devlake_core.api.retry import backoff, retry_after
from devlake_core.errors import APIException, Cancelled, RequestError
from tests.web import Answer

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def http_date(seconds, hours=0):
    at = NOW + timedelta(seconds=seconds)
    if not hours:
        return format_datetime(at, usegmt=True)
    return f"{at + timedelta(hours=hours):%a, %d %b %Y %H:%M:%S} {hours:+03d}00"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": http_date(30)}, 30),
        ({"Retry-After": http_date(-30)}, 0),
        ({"Retry-After": http_date(30, hours=5)}, 30),
        ({"Retry-After": "Wed, 01 May 2024 12:00:30 -0000"}, 30),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "Wed, 01 May 99999 12:00:30 GMT"}, None),
        ({}, None),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 40)}, 40),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) * 1000 + 40_000)}, 40),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) - 40)}, 0),
        ({"RateLimit-Reset": "50"}, 50),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "20"}, 20),
    ],
)
def test_the_wait_that_a_tool_asks_for(headers, wait):
    # The tool's own clock says what its dates mean.
    found = retry_after(Headers({"Date": http_date(0), **headers}), limited=True)
    assert found == (None if wait is None else pytest.approx(wait))


def test_without_a_date_our_own_clock_counts():
    at = datetime.now(UTC) + timedelta(seconds=30)
    headers = Headers({"retry-after": format_datetime(at, usegmt=True)})
    assert 5 < retry_after(headers, limited=True) <= 30


def test_a_server_error_does_not_wait_for_the_rate_limits_reset(web, link, runtime):
    web.on("/x", Answer({}, 502, {"X-RateLimit-Reset": "3600"}), [])
    API(link).get("x")
    assert runtime.pauses[0] < 2


def test_backoff_is_jittered_and_grows():
    assert all(0 <= backoff(tried, 0.5) <= 0.5 * 2**tried for tried in range(8))
    assert max(backoff(5, 0.5) for _ in range(50)) > 2


@pytest.mark.parametrize("value", ["2", http_date(2), "soon", None])
def test_a_rate_limit_is_waited_for(web, link, runtime, value):
    headers = {} if value is None else {"Retry-After": value}
    web.on("/x", lambda asked: answers.pop(0))
    answers = [Answer({}, 429, headers), Answer([1])]
    assert API(link).get("x").json == [1]
    # The server's Date is of today, so that of 2024 is past.
    assert runtime.pauses == [{"2": 2, http_date(2): 0}.get(value, 60)]
    assert runtime.counts == {"requests": 2, "retries": 1}


def test_waiting_for_a_rate_limit_uses_up_no_tries(web, link, runtime):
    limited, broken = Answer({}, 429, {"Retry-After": "1"}), Answer({}, 503, {"Retry-After": "2"})
    web.on("/x", limited, limited, broken, limited, broken, limited, broken, [1])
    assert API(link).get("x").json == [1]
    assert runtime.pauses == [1, 1, 2, 1, 2, 1, 2]


def test_a_tool_that_is_always_limited_is_left_in_the_end(web, link, runtime):
    web.on("/x", Answer({}, 429, {"Retry-After": "1"}))
    with pytest.raises(APIException) as caught:
        API(link).get("x")
    assert (caught.value.exit_code, len(web.asked)) == (75, 11)


def test_a_wait_above_the_cap_ends_the_run_with_the_time_to_go_on(web, link, runtime):
    web.on("/x", Answer({}, 429, {"Retry-After": "86400"}))
    with pytest.raises(APIException) as caught:
        API(link).get("x")
    error = caught.value
    left = error.retry_at - datetime.now(UTC)
    assert (error.exit_code, runtime.pauses, len(web.asked)) == (75, [], 1)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(days=1)
    assert error.retry_at.isoformat(timespec="seconds") in error.hint


@pytest.mark.parametrize(
    "headers", [{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, {"Retry-After": "7"}]
)
def test_a_403_for_a_rate_limit_is_no_refusal(web, link, runtime, headers):
    web.on("/x", Answer({}, 403, headers), [])
    API(link).get("x")
    assert runtime.pauses == [7]


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520])
def test_what_passes_by_itself_is_tried_four_times(web, link, runtime, status):
    web.on("/x", Answer({}, status))
    with pytest.raises(APIException, match=f"status {status}") as caught:
        API(link).get("x")
    assert (caught.value.exit_code, len(web.asked)) == (75, 4)
    assert [pause <= 0.5 * 2**n for n, pause in enumerate(runtime.pauses, 1)] == [True] * 3


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (401, 77), (403, 77), (404, 1), (410, 1), (418, 1), (422, 1)]
)
def test_what_stays_is_tried_once(web, link, runtime, status, code):
    web.on("/x", Answer({"message": "no"}, status))
    with pytest.raises(APIException) as caught:
        API(link).get("x", secret="q")
    error = caught.value
    assert (error.exit_code, error.response.status, len(web.asked)) == (code, status, 1)
    assert error.response.json == {"message": "no"}
    assert str(error).startswith(f"GET {web.url}/x: status {status}")


def test_an_author_can_say_what_a_response_means(web, link, runtime):
    class Own(API):
        @response_hook
        def judge(self, response):
            return {
                404: Resolution.skip("deleted"),
                200: Resolution.rate_limited("secondary", wait=4)
                if b"slow down" in response.body
                else None,
                409: Resolution.retry("locked", wait=0.25),
                403: Resolution.fail("no licence", hint="buy one"),
            }.get(response.status)

    web.on("/x", Answer("slow down"), Answer({}, 409), [1])
    assert Own(link).get("x").json == [1]
    assert runtime.pauses == [4, 0.25]
    web.on("/x", Answer({}, 404))
    with pytest.raises(Skipped, match="deleted"):
        Own(link).get("x")
    web.on("/x", Answer({}, 403))
    with pytest.raises(APIException, match="no licence") as caught:
        Own(link).get("x")
    assert (caught.value.exit_code, caught.value.hint) == (77, "buy one")


def test_a_skipped_response_is_an_exception_of_the_api():
    assert issubclass(Skipped, APIException)
    assert issubclass(APIException, RequestError)


class Stopping(NullRuntime):
    def __init__(self):
        self.stop = threading.Event()

    def check_cancelled(self):
        if self.stop.is_set():
            raise Cancelled("stopped")


@pytest.fixture
def stopping():
    runtime = Stopping()
    token = current_runtime.set(runtime)
    timer = threading.Timer(0.3, runtime.stop.set)
    timer.start()
    yield runtime
    timer.join()
    current_runtime.reset(token)


def test_a_wait_ends_soon_after_a_cancel(web, link, stopping):
    web.on("/x", Answer({}, 429, {"Retry-After": "600"}))
    began = time.monotonic()
    with pytest.raises(Cancelled):
        API(link).get("x")
    assert time.monotonic() - began < 30  # both the tool and the limit on silence take longer


def test_a_read_ends_soon_after_a_cancel(web, link, stopping):
    web.on("/x", lambda asked: web.ended.wait() and [])
    began = time.monotonic()
    with pytest.raises(Cancelled):
        API(link).get("x")
    assert time.monotonic() - began < 30  # both the tool and the limit on silence take longer
