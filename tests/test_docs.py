"""The code of the documentation runs as it stands there.

A fenced block takes part when its first line says so, and the blocks of a page run in order in one
empty folder, with a virtual environment of the page's own that has everything and can be installed
into:

* ```` ```python file=NAME ```` (any language) writes the block to that file
* ```` ```python runnable ```` runs it with Python
* ```` ```sh runnable ```` runs it with `sh -e`; the `devlake` command is there
* ```` ```text output ```` is what the block before wrote; a line `…` stands for any lines

What a block starts in the background ends with its page.
"""

import contextlib
import os
import re
import signal
import subprocess
import sysconfig
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"^( *)```(\w+) +(runnable|output|file=\S+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL
)
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


def environment(folder: Path) -> dict[str, str]:
    """Make a virtual environment that sees what is installed here, and can be installed into."""
    venv.create(folder, with_pip=False, symlinks=True)
    packages = sysconfig.get_path("purelib")
    inner = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(inner, "outer.pth").write_text(f"import site; site.addsitedir({packages!r})\n")
    commands = folder / "bin"
    for name, run in {
        "devlake": "from devlake_core.cli.main import main; main()",
        "pip": "import runpy; runpy.run_module('pip', run_name='__main__')",
    }.items():
        script = commands / name
        script.write_text(f"#!{commands / 'python'}\n{run}\n")
        script.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        # Nothing is fetched: what a page's package needs is here.
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INPUT": "1",
        # Pages speak of an installation without our contributed hooks.
        "DEVLAKE_DISABLED_PLUGINS": "company",
    }


class Runner:
    """Run the blocks of one page."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.output = ""
        self.groups: list[int] = []

    def perform(self, block: Block) -> None:
        """Write, run or compare one block."""
        if block.action.startswith("file="):
            target = self.folder / block.action.removeprefix("file=")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.action == "output":
            wanted, found = pattern(block.text), plain(self.output)
            message = f"line {block.line} promises other output than this:\n{self.output}"
            assert re.fullmatch(wanted, found, re.DOTALL), message
        else:
            self._run(block)

    def _run(self, block: Block) -> None:
        command = {
            "python": ["python", "-W", "error", "-c", block.text],
            "sh": ["sh", "-e", "-c", block.text],
        }[block.language]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.groups.append(process.pid)
        self.output, _ = process.communicate()
        message = f"the block of line {block.line} failed:\n{self.output}"
        assert process.returncode == 0, message

    def end(self) -> None:
        """End what was started in the background."""
        for group in self.groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def plain(text: str) -> str:
    """Return output without what differs from run to run: seconds, times and ports."""
    text = re.sub(r"\d+\.\d+ s\b", "0.0 s", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=  )", "2026-01-01T00:00:00", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", text).strip()


def pattern(text: str) -> str:
    """Return a regular expression for what a page shows."""
    lines = [".*" if line == "…" else re.escape(line) for line in plain(text).splitlines()]
    return r"\n".join(lines)


@pytest.fixture
def runner(tmp_path, tmp_path_factory):
    made = Runner(tmp_path, environment(tmp_path_factory.mktemp("venv")))
    yield made
    made.end()


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page)],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_code_of_this_page_runs(page, runner):
    for block in blocks(page):
        runner.perform(block)


def test_a_page_runs_in_order_and_indented_blocks_are_understood(tmp_path, runner):
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
        runner.perform(block)


def test_a_failing_block_is_reported_with_its_line(runner):
    with pytest.raises(AssertionError, match=r"(?s)line 7 failed:.*ZeroDivisionError"):
        runner.perform(Block(7, "python", "runnable", "1 / 0\n"))


def test_shown_output_is_held_against_what_was_written(runner):
    runner.perform(Block(1, "sh", "runnable", "echo one; echo two; echo done in 1.5 s\n"))
    runner.perform(Block(5, "text", "output", "one\n…\ndone in 0.3 s\n"))
    with pytest.raises(AssertionError, match=r"line 9 promises other output"):
        runner.perform(Block(9, "text", "output", "one\ndone in 0.3 s\n"))


def test_what_a_page_starts_in_the_background_ends_with_it(tmp_path, runner):
    runner.perform(Block(1, "sh", "runnable", "sleep 600 >log 2>&1 & echo $! >pid\n"))
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    runner.end()
    for _ in range(1200):
        if not running(pid):
            return
        time.sleep(0.05)
    pytest.fail("it still runs")


def running(pid: int) -> bool:
    """Say whether a process is more than a name in the process table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
