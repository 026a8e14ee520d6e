"""Row H-10: whatever a plugin counts, the server reads whole numbers that are not negative."""

import json
import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devlake_core.bridge.pipes import HostPipes
from devlake_core.bridge.teller import Teller

LARGEST = (1 << 63) - 1  # of Go's int


def told(*numbers):
    """Return what a worker says to its supervisor."""
    reader, writer = os.pipe()
    try:
        Teller(writer).progress(*numbers)
        return os.read(reader, 4096)
    finally:
        os.close(reader)
        os.close(writer)


def shown(*steps):
    """Return what the server reads of several steps."""
    pipes = HostPipes(streaming=True)
    for step in steps:
        pipes.progress(*(int(word) for word in step[1:].split()))
    pipes.tick(last=True)
    return [json.loads(line) for line in bytes(pipes.results.queue).splitlines()]


ODD = [(1.9, 1), (-3, 0), (math.nan, 0), (math.inf, 0), (-math.inf, 0), (None, 0), (True, 1)]


@pytest.mark.parametrize(("odd", "meant"), ODD, ids=[str(odd) for odd, _ in ODD])
def test_h10_odd_progress_is_made_whole(odd, meant):
    assert told(odd, odd, odd) == b"P%d %d %d\n" % (meant, meant, meant)


numbers = st.one_of(st.integers(), st.floats(), st.none(), st.booleans())
steps = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=50)


@settings(deadline=None)
@given(steps)
def test_h10_the_server_reads_all_of_it(many):
    lines = shown(*(told(*step) for step in many))
    assert lines
    for line in lines:
        assert list(line) == ["increment", "current", "total"]
        for number in line.values():
            assert type(number) is int
            assert 0 <= number <= LARGEST


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200))
def test_h10_merged_steps_add_up(increments):
    lines = shown(*(told(number, 0, 0) for number in increments))
    assert sum(line["increment"] for line in lines) == sum(increments)
