"""The code of the documentation runs as it stands there.

A fenced block takes part when its first line says so, and the blocks of a page run in order in one
empty folder:

* ```` ```python file=NAME ```` (any language) writes the block to that file
* ```` ```python runnable ```` runs it with Python
* ```` ```sh runnable ```` runs it with `sh -e`; the `devlake` command is there
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^( *)```(\w+) +(runnable|file=\S+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("devlake_plugins/*/*.md"),
        *ROOT.glob("contrib/*/*.md"),
    ]
)


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    action: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            line=text.count("\n", 0, match.start()) + 1,
            language=match[2],
            action=match[3],
            text="".join(
                line.removeprefix(match[1]) for line in match[4].splitlines(keepends=True)
            ),
        )
        for match in FENCE.finditer(text)
    ]


def perform(block: Block, folder: Path) -> None:
    """Write or run one block."""
    if block.action.startswith("file="):
        target = folder / block.action.removeprefix("file=")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)
        return
    command = {
        "python": [sys.executable, "-W", "error", "-c", block.text],
        "sh": ["sh", "-e", "-c", block.text],
    }[block.language]
    commands = Path(sys.executable).parent
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the block of line {block.line} failed:\n{done.stdout}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page)],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_code_of_this_page_runs(page, tmp_path):
    for block in blocks(page):
        perform(block, tmp_path)


def test_a_page_runs_in_order_and_indented_blocks_are_understood(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "* a list\n\n"
        "    ```python file=deep/one.py\n    x = 1\n    ```\n\n"
        "```python\nnot run\n```\n\n"
        "```sh runnable\ntest -f deep/one.py\n```\n"
    )
    found = blocks(page)
    assert [(b.line, b.action, b.text) for b in found] == [
        (3, "file=deep/one.py", "x = 1\n"),
        (11, "runnable", "test -f deep/one.py\n"),
    ]
    for block in found:
        perform(block, tmp_path)


def test_a_failing_block_is_reported_with_its_line(tmp_path):
    with pytest.raises(AssertionError, match=r"(?s)line 7 failed:.*ZeroDivisionError"):
        perform(Block(7, "python", "runnable", "1 / 0\n"), tmp_path)
