"""A stream whose tool says "leave this out" ends, and what it had before stays."""

from devlake_core.api import Request, Response, Skipped
from tests.lake import Lake
from tests.subtask.shop import Issue, Tool, issue


def test_skipped_stream_ends_without_completing_its_pass(lake: Lake, monkeypatch) -> None:
    Tool.issues["b"] = [issue(1), issue(2)]
    lake.run()
    stream = lake.stream("issues")

    def collect(state, ctx):
        yield issue(1, "new"), {}
        raise Skipped(Response(Request("/issues"), 404), "switched off")

    monkeypatch.setattr(stream, "collect", collect, raising=False)
    lake.run(verbs="collect extract")
    assert lake.last is not None
    assert any("switched off" in text for text in lake.last.warnings)
    assert lake.rows(Issue, "id", "title") == [(1, "new"), (2, "t2")]
