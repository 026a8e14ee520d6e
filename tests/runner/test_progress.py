"""What is shown while jobs run."""

import io
from collections import Counter

from devlake_core.runner.job import Job, Outcome
from devlake_core.runner.progress import Lines, Ordered, view

JOBS = [Job("x", "c", 1, "a", "A"), Job("x", "c", 1, "b", "B")]
END = {"kind": "end", "verb": "collect", "stream": "issues", "counts": {"records": 2}, "seconds": 1}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_events_come_out_in_the_order_of_the_jobs():
    lines = []
    ordered = Ordered(Lines(lines.append), JOBS)
    first, second = ordered.report(0), ordered.report(1)
    second(END)
    second({"kind": "say", "text": "waiting 60 s: rate limit"})
    assert lines == []
    first(END)
    ordered.end(Outcome(JOBS[0], Counter(records=2)))
    second(END)
    ordered.end(Outcome(JOBS[1]))
    assert [line for line in lines if not line.startswith("  ")] == [
        "x A: collect issues: 2 records in 1.0 s",
        "x A: done in 0.0 s",
        "x B: collect issues: 2 records in 1.0 s",
        "x B: waiting 60 s: rate limit",
        "x B: collect issues: 2 records in 1.0 s",
        "x B: done in 0.0 s",
    ]


def test_on_a_terminal_there_are_bars_with_amount_total_and_rate(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with view(stream, quiet=False) as shown:
        shown.event(JOBS[0], {"kind": "begin", "verb": "extract", "stream": "issues"})
        for done in (100, 2500):
            shown.event(JOBS[0], {"kind": "progress", "done": done, "total": 40000})
        shown._progress.refresh()
        shown.event(JOBS[0], END)
        shown.end(Outcome(JOBS[0]))
    text = stream.getvalue()
    assert "x A: extract issues" in text
    assert "2,500/40,000" in text
    assert "/s" in text
    assert "x A: collect issues: 2 records in 1.0 s" in text


def test_quiet_shows_nothing():
    stream = io.StringIO()
    with view(stream, quiet=True) as shown:
        shown.event(JOBS[0], END)
        shown.end(Outcome(JOBS[0]))
    assert stream.getvalue() == ""
