"""Jobs, tasks and outcomes are values that go through a pipe."""

import json
from collections import Counter

import pytest

from devlake_core.runner.job import Failure, Job, Outcome, Task, exit_code_of
from devlake_core.runner.summary import counted, job_lines, step_words, summary, total_lines

JOB = Job("x", "main", 3, "b/1", "Board", "collect", ("issues",), full_refresh=True, wait=2.5)


def through_json(value):
    return type(value).from_dict(json.loads(json.dumps(value.as_dict())))


def outcome(code=0, **counts):
    failure = Failure("it broke", "mend it", code, "collect issues") if code else None
    return Outcome(JOB, Counter(counts), 1.25, ["careful"], ["refdiff"], failure)


def test_jobs_tasks_and_outcomes_survive_a_pipe():
    assert through_json(JOB) == JOB
    task = Task(JOB, "sqlite:///x.db", {"token": "t"}, {"id": "b/1"}, None)
    assert through_json(task) == task
    assert through_json(outcome()) == outcome()
    assert through_json(outcome(75, records=3)) == outcome(75, records=3)


def test_a_job_of_a_newer_version_is_understood():
    assert Job.from_dict({**JOB.as_dict(), "priority": 3}) == JOB


def test_a_task_shows_no_secret():
    task = Task(JOB, "postgresql://u:hidden@h/d", {"token": "hidden"}, {}, {"key": "hidden"})
    assert "hidden" not in repr(task)


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], 0),
        ([0, 0], 0),
        ([77], 77),
        ([75, 78], 75),
        ([0, 75], 3),
        ([0, 139, 75], 139),
        ([0, 143], 143),
    ],
)
def test_the_exit_code_of_a_run_says_whether_a_part_of_it_is_done(codes, code):
    assert exit_code_of([outcome(item) for item in codes]) == code


def test_the_summary_has_the_same_words_as_text_and_as_json():
    done = outcome(records=1200, written=3)
    assert counted(done.counts) == (
        "requests 0 · records 1,200 · written 3 · unchanged 0 · quarantined 0 · truncated 0 · "
        "removed 0"
    )
    told = summary([done, outcome(75, records=1)], 2.5)
    assert (told["records"], told["exit_code"], told["seconds"]) == (1201, 3, 2.5)
    assert told["jobs"][1]["error"]["message"] == "it broke"
    assert told["warnings"] == ["careful"]


def test_lines_of_a_job_say_what_a_person_should_know():
    first, _, *rest = job_lines(outcome(quarantined=1))
    assert first == "x Board: done in 1.2 s"
    assert rest == [
        "  warning: careful",
        "  1 bad record is in quarantine: table _raw_x__quarantine has the reasons",
        "  only under DevLake's server: refdiff",
    ]
    assert list(total_lines([outcome()], 1)) == []
    assert (
        next(iter(total_lines([outcome(), outcome(1)], 1))) == "all: 1 of 2 done, 1 failed, 1.0 s"
    )


def test_words_of_a_step_leave_out_what_is_nothing():
    assert step_words({"records": 1, "requests": 2}) == "2 requests, 1 record"
    assert step_words({}) == "nothing new"
