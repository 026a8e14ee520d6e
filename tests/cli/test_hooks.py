"""Shared hooks in a run: told of each step, and missed when they are broken."""

import json

import pytest

GOOD = """
import json, os
import devlake_core as dl

def write(*words):
    with open(os.environ["HEARD"], "a") as file:
        file.write(json.dumps(words) + "\\n")

@dl.hookimpl
def devlake_before_subtask(subtask):
    write("before", subtask.verb, subtask.stream, subtask.scope, subtask.connection)

@dl.hookimpl
def devlake_after_subtask(subtask, counts):
    write("after", subtask.verb, subtask.stream, dict(counts))

@dl.hookimpl
def devlake_on_subtask_error(subtask, error):
    write("error", subtask.verb, subtask.stream, str(error))

@dl.hookimpl
def devlake_before_request(call):
    write("request", call.plugin, call.stream, call.connection, call.purpose)
"""


@pytest.fixture
def hooks(site, devlake):
    def add(code):
        (site / "devlake_hooks_house.py").write_text(code)
        info = site / "devlake_hooks_house-3.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: devlake-hooks-house\nVersion: 3.0\n")
        (info / "entry_points.txt").write_text("[devlake.hooks]\nhouse = devlake_hooks_house\n")
        devlake.environ["HEARD"] = str(site / "heard")

    return add


def heard(site):
    return [json.loads(line) for line in (site / "heard").read_text().splitlines()]


def test_each_step_is_told_with_its_counts_in_both_ways_of_running(devlake, hooks, site):
    hooks(GOOD)
    devlake("run", "acrobat", "split", "--stream", "jumps")
    told = heard(site)
    assert told[:2] == [
        ["before", "collect", "jumps", "split", "default"],
        ["after", "collect", "jumps", {"records": 30}],
    ]
    assert told[-1] == ["after", "convert", "jumps", {"written": 30}]
    devlake("run", "acrobat", "raise", "one", "--jobs", "2", code=3)
    assert ["error", "collect", "jumps", "the rope broke"] in heard(site)


def test_requests_know_what_they_are_for(connected, hooks, site):
    hooks(GOOD)
    connected("connections", "test", "tracker")
    connected("scopes", "browse", "tracker")
    connected("run", "tracker", "collect", "b3", "--stream", "issues")
    purposes = [words[1:] for words in heard(site) if words[0] == "request"]
    assert purposes[0] == ["tracker", "", "main", "test"]
    assert purposes[1] == ["tracker", "", "main", "browse"]
    assert purposes[-1] == ["tracker", "issues", "main", "stream"]


def test_a_broken_hooks_package_is_missed_in_every_summary(devlake, hooks):
    hooks("raise RuntimeError('no audit today')")
    done = devlake("run", "acrobat", "split")
    assert "hooks of devlake-hooks-house 3.0 are left out" in done.out
    assert "no audit today" in done.err
    assert devlake("run", "acrobat", "--json").json["warnings"]
    assert devlake("run", "acrobat", code=78, DEVLAKE_STRICT="1").code == 78
