"""Rules of the house that a tool can hold, for the core and every distribution beside it."""

import ast
import importlib
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = ("devlake_core", "devlake_plugins", "contrib")
GENERATED = {"__pycache__", "build", "dist", ".venv", "node_modules"}
LINES = 300
# File → why it may be longer than LINES.
LONGER: dict[str, str] = {}
# Somebody's checkout or home; Ada's is the one in our examples.
MACHINE_PATH = re.compile(
    rb"(?<![\w.])/(?:home/(?!ada/)[a-z]|Users/(?!ada/)\w|root/|work/|workspace/)"
)


def files(*folders: str, suffix: str = "") -> list[Path]:
    """Return the repository's files; git's list where there is a git, else what lies around."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        # A copy without history.
        paths = [path for folder in folders or (".",) for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in set(paths)
        if path.name.endswith(suffix)
        and path.is_file()
        and not any(p in GENERATED or p.startswith(".") for p in path.relative_to(ROOT).parts)
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_too_long_to_be_read_at_once():
    lengths = {
        name(path): len(path.read_text().splitlines())
        for path in files(*HOUSES, suffix=".py")
        if "tests" not in path.parts
    }
    too_long = {path: lines for path, lines in lengths.items() if lines > LINES}
    assert too_long.keys() == LONGER.keys(), too_long


def test_no_module_is_a_drawer_for_everything():
    drawers = {"utils", "helpers", "common", "misc"}
    assert [name(p) for p in files(*HOUSES, suffix=".py") if p.stem in drawers] == []


def test_nothing_prints_past_the_redaction_filter():
    printing = [
        f"{name(path)}:{node.lineno}"
        for path in files(*HOUSES, suffix=".py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printing == []


def test_no_path_of_somebodys_machine_is_in_a_file():
    found = [
        f"{name(path)}:{number}: {line.decode(errors='replace').strip()[:80]}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_every_public_name_can_be_imported():
    devlake_core = importlib.import_module("devlake_core")
    assert len(devlake_core.__all__) == len(set(devlake_core.__all__))  # ruff holds their order
    missing = [n for n in devlake_core.__all__ if not hasattr(devlake_core, n)]
    assert missing == []


@pytest.mark.parametrize(
    "module",
    [
        name(path.parent).replace("/", ".")
        for path in files("devlake_core", suffix="__init__.py")
        if "__all__" in path.read_text()
    ],
)
def test_every_room_exports_what_it_announces(module):
    room = importlib.import_module(module)
    assert [n for n in room.__all__ if not hasattr(room, n)] == []


def test_changelog_has_a_place_for_the_next_release():
    assert re.search(r"^## Unreleased$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "devlake_core" / "py.typed").exists()


@pytest.mark.parametrize(
    "project",
    [p for p in files("devlake_plugins", "contrib", suffix="pyproject.toml")],
    ids=name,
)
def test_a_distribution_and_its_package_have_one_name(project):
    declared = tomllib.loads(project.read_text())["project"]
    package = declared["name"].replace("-", "_")
    # What plugins written for pydevlake import is not for us to name.
    package = "pydevlake" if package == "devlake_pydevlake" else package
    assert (project.parent / package / "__init__.py").is_file(), declared["name"]
    points = declared.get("entry-points", {})
    if "devlake.plugins" in points:
        (point,) = points["devlake.plugins"]
        assert declared["name"] == f"devlake-plugin-{point}"
    else:
        assert points.keys() <= {"devlake.hooks"} or not points


def test_links_between_our_pages_lead_somewhere():
    broken = []
    for page in files(suffix=".md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{name(page)}: {target}")
    assert broken == []
