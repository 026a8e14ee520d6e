"""The program's outside: help, version, lists, completion; and what they do not import."""

import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from devlake_core.cli.root import COMMANDS, root
from tests.cli.conftest import ROOT

HEAVY = ("sqlalchemy", "sqlmodel", "pydantic", "pluggy", "requests", "rich", "cryptography")

IMPORTED = """
import sys
from devlake_core.cli.main import status
sys.argv = ["devlake", *{words!r}]
code = status({words!r})
found = [name for name in {heavy!r} if name in sys.modules]
found += [name for name in sys.modules if name.startswith("devlake_plugin_")]
sys.stderr.write(f"{{code}} {{found}}")
"""


@pytest.mark.parametrize(
    "words",
    ["--help", "plugins", "plugins --json", "completion bash", "--version", "rnu"],
)
def test_the_light_commands_import_nothing_heavy_and_no_plugin(devlake, words):
    code = IMPORTED.format(words=words.split(), heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], env=devlake.env, cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == ("2 []" if words == "rnu" else "0 []")


def test_help_and_plugins_are_there_at_once(devlake):
    # A tripwire in seconds of CPU, which others on the machine do not use up; the benchmarks
    # measure the 300 ms.
    for words in (["--help"], ["plugins"]):
        before = _seconds_of_children()
        for _ in range(3):
            devlake(*words)
        assert (_seconds_of_children() - before) / 3 < 1


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_text_that_fits_its_line_in_the_list(name):
    done = CliRunner().invoke(root, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"Usage: root {name}")
    first = root.get_command(None, name).help.splitlines()[0]
    assert COMMANDS[name].split()[0] == first.split()[0]


def test_without_a_word_the_help_is_shown(devlake):
    assert devlake().out == devlake("--help").out


def test_plugins_are_listed_by_their_metadata(devlake):
    done = devlake("plugins")
    assert "acrobat  unchecked  plugin  1.0" in done.out
    assert "gitrepo" in done.out
    assert "DEVLAKE_DISABLED_PLUGINS names it" in done.out
    states = {r["name"]: r["state"] for r in devlake("plugins", "--check", "--json").json}
    assert states.items() >= {"acrobat": "ok", "tracker": "ok", "gitrepo": "disabled"}.items()


def test_a_broken_plugin_is_told_by_check_and_doctor(devlake, site):
    (site / "devlake_plugin_lame.py").write_text("import there_is_no_such_module\n")
    info = site / "devlake_plugin_lame-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: devlake-plugin-lame\nVersion: 2.0\n"
    )
    (info / "entry_points.txt").write_text("[devlake.plugins]\nlame = devlake_plugin_lame:P\n")
    done = devlake("plugins", "--check", code=78)
    assert "there_is_no_such_module" in done.out
    found = devlake("doctor", "--json", code=78).json
    (lame,) = [item for item in found if item["what"] == "plugin lame"]
    assert lame["level"] == "wrong"
    assert "devlake-plugin-lame 2.0 is broken" in lame["text"]
    assert lame["hint"]
    assert devlake("run", "acrobat", "split").code == 0
    assert "plugin 'lame'" in devlake("run", "lame", code=78).err


def test_doctor_is_content_with_a_healthy_house(devlake):
    devlake("run", "acrobat", "split")
    done = devlake("doctor")
    assert "✓ plugin acrobat: devlake-plugin-acrobat 1.0 is ok" in done.out
    assert "nothing is wrong" in done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_plugins_and_options(devlake, shell):
    assert "_DEVLAKE_COMPLETE" in devlake("completion", shell).out

    def completed(*words):
        variables = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        return devlake(_DEVLAKE_COMPLETE="bash_complete", **variables).out.splitlines()

    if shell == "bash":
        assert completed("devlake", "con") == ["plain,connections", "plain,configs"]
        assert completed("devlake", "run", "a") == ["plain,acrobat"]
        assert "plain,--full-refresh" in completed("devlake", "run", "--f")
        assert "plain,--endpoint" in completed("devlake", "connections", "add", "tracker", "--e")
