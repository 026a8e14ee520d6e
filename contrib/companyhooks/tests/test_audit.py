from __future__ import annotations

import json
import logging

import pytest

from devlake_hooks_company.audit import Audit, place_of


def test_lines_are_added_to_the_file(tmp_path, monkeypatch):
    file = tmp_path / "audit.jsonl"
    monkeypatch.setenv("COMPANY_AUDIT_FILE", str(file))
    audit = Audit.from_environment()
    audit.write("response", plugin="tracker", status=200)
    audit.write("done", scope="größe\n")
    first, second = map(json.loads, file.read_text("utf-8").splitlines())
    assert (first["event"], first["plugin"], first["status"]) == ("response", "tracker", 200)
    assert second["scope"] == "größe\n"
    assert first["time"] <= second["time"]


def test_without_a_file_the_lines_go_to_a_log_of_their_own(caplog):
    with caplog.at_level(logging.INFO, "devlake.audit"):
        Audit().write("done", plugin="tracker")
    assert json.loads(caplog.records[0].message)["plugin"] == "tracker"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://x.org/a?token=s3cret#f", "https://x.org/a"),
        ("https://me:s3cret@x.org:8443/a", "https://x.org:8443/a"),
        ("http://x.org", "http://x.org"),
    ],
)
def test_what_may_hold_a_secret_is_not_written(url, place):
    assert place_of(url) == place
