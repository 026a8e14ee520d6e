from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_core.testing import assert_plugin_run, assert_valid_plugin
from tests.testing.shop import Lines, Orders, Shop, StallConnection

__devlake_plugin__ = "stall"


def connection(token="t"):
    return StallConnection(id=1, name="c", token=token)


def test_a_sound_plugin_is_valid_and_runs():
    assert_valid_plugin(Shop)
    assert_plugin_run(Shop(), connection())


def test_a_plugin_that_devlake_refuses_is_not_valid():
    class Orphan(Shop):
        streams = [Lines]

    with pytest.raises(AssertionError, match=r"parent_stream of stream 'lines'.*\n.*add it"):
        assert_valid_plugin(Orphan)


def test_a_plugin_without_streams_is_not_valid():
    class Idle(Shop):
        streams = []

    with pytest.raises(AssertionError, match="'stall' has no stream"):
        assert_valid_plugin(Idle)


def test_a_connection_that_does_not_work_fails_with_the_tools_answer():
    with pytest.raises(AssertionError, match=r"does not work: wrong token \(401\)"):
        assert_plugin_run(Shop, connection("other"))


def test_a_tool_without_scopes_fails():
    class Empty(Shop):
        def remote_scopes(self, connection, group_id):
            return []

    with pytest.raises(AssertionError, match="finds no scope"):
        assert_plugin_run(Empty, connection())


def test_a_plugin_without_domain_scopes_fails():
    class Homeless(Shop):
        def domain_scopes(self, scope):
            return None

    with pytest.raises(AssertionError, match="gives nothing for scope 's'"):
        assert_plugin_run(Homeless, connection())


def test_a_stage_without_tasks_fails():
    class Hollow(Shop):
        def extra_stages(self, pairs, connection):
            return [[]]

    with pytest.raises(AssertionError, match="stage without tasks"):
        assert_plugin_run(Hollow, connection())


def test_a_stream_that_fails_fails_the_plugin():
    class Broken(Orders):
        name = "orders"

        def convert(self, order, context):
            raise ValueError(order.title)

    class Rotten(Shop):
        streams = [Broken]

    with pytest.raises(dl.DevlakeError, match="Tea"):
        assert_plugin_run(Rotten, connection())
