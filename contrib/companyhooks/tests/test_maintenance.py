from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_hooks_company.maintenance import MOST, Maintenance

PAGE = b"<html><title>Scheduled Maintenance</title></html>"


def response(body, status=200, kind="text/html; charset=utf-8"):
    return dl.Response(dl.Request("https://x/"), status, body, {"Content-Type": kind})


@pytest.mark.parametrize("status", [200, 502, 503])
def test_the_page_is_waited_for_whatever_its_status(status):
    found = Maintenance().resolve(response(PAGE, status))
    assert (found.action.value, found.wait) == ("rate_limited", 60)


@pytest.mark.parametrize(
    "answer",
    [
        response(b'{"title": "Scheduled maintenance"}', kind="application/json"),
        response(b"<html>an ordinary page</html>"),
        response(PAGE + b" " * MOST),
    ],
    ids=["json", "other page", "long page"],
)
def test_an_answer_of_the_tool_is_left_alone(answer):
    assert Maintenance().resolve(answer) is None


def test_words_and_time_can_be_set(monkeypatch):
    monkeypatch.setenv("COMPANY_MAINTENANCE_TEXT", "Back Soon")
    monkeypatch.setenv("COMPANY_MAINTENANCE_SECONDS", "5")
    found = Maintenance.from_environment().resolve(response(b"<p>We are back soon</p>"))
    assert found.wait == 5
