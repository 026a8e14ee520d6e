"""How far a verb is, for the bars that a person watches."""

from devlake_core.subtask import convert, extract
from tests.lake import Lake
from tests.subtask.shop import Tool, issue


def test_extract_and_convert_know_how_much_there_is_to_do(lake: Lake) -> None:
    Tool.issues["b"] = [issue(number) for number in range(1, 2502)]
    lake.run(verbs="collect")
    for verb in (extract, convert):
        *steps, _ = verb(lake.context(), lake.stream("issues"))
        assert [(step.current, step.total) for step in steps] == [(2000, 2501), (2501, 2501)]
