"""What a type checker says of an author's code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINE = re.compile(r"^(?:.*/)?(\w+)\.py:(\d+): error: (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Return the lines with errors in each of the two files, from one run."""
    pytest.importorskip("mypy", reason="the linters are not installed")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary"),
            *("--config-file", "", "--cache-dir", str(tmp_path_factory.mktemp("mypy"))),
            *("--explicit-package-bases", "--follow-imports", "silent"),
            *("tests/typing/accepted.py", "tests/typing/rejected.py"),
        ],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[int, str]] = {"accepted": {}, "rejected": {}}
    for name, line, message in LINE.findall(done.stdout):
        found[name][int(line)] = message
    return found


@pytest.mark.slow
def test_a_plugin_in_either_spelling_is_accepted(errors):
    assert errors["accepted"] == {}


@pytest.mark.slow
def test_missing_misspelt_and_wrongly_typed_values_are_reported(errors):
    lines = (HERE / "rejected.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert set(errors["rejected"]) == wrong, errors["rejected"]
