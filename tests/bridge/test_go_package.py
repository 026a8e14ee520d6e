"""The Go package: what Go's own tools say of it, and that its page and its example work."""

import re

import pytest

from tests.bridge import gotools

SHIM = """#!/bin/sh
[ "$DEVLAKE_DAEMON" = 0 ] && sleep 0.3
case $1 in
plugin-info) printf '{"name":"gitrepo","description":"A fake","subtask_metas":[
    {"name":"Collect It","entry_point_name":"collect","arguments":["commits"]}]}' >&3;;
test-connection) echo '{"success":true,"message":"fine","status":200}' >&3;;
collect) echo "$3 $4" >> calls; echo '{"current":7}' >&3;;
esac
"""


@pytest.fixture
def shims(tmp_path):
    """Return a folder with a plugin in shell."""
    folder = tmp_path / "shims" / "gitrepo"
    folder.mkdir(parents=True)
    script = folder / "run.sh"
    script.write_text(SHIM)
    script.chmod(0o755)
    return folder.parent


def test_vet_finds_nothing(go):
    assert go("vet", "./...") == ""


def test_every_file_is_formatted(go):
    assert go("-l", ".", command="gofmt") == ""


def test_its_own_tests_pass(go):
    go("test", *gotools.races(), "./...")
    if not gotools.races():
        pytest.skip(f"they pass; {gotools.NO_RACES}")


def test_it_needs_the_standard_library_alone(go):
    assert go("list", "-m", "all").split() == ["devlake_core/contrib/go"]
    assert not (gotools.MODULE / "go.sum").exists()


def test_the_program_of_its_page_works_in_a_module_elsewhere(go, shims, tmp_path):
    (program,) = re.findall(
        r"```go\n(.*?)```", (gotools.MODULE / "README.md").read_text(), re.DOTALL
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "main.go").write_text(program)
    go("mod", "init", "elsewhere", folder=elsewhere)
    name = "devlake_core/contrib/go"
    edits = f"-require={name}@v0.0.0", f"-replace={name}={gotools.MODULE}"
    go("mod", "edit", *edits, folder=elsewhere)
    said = go("run", ".", str(shims), folder=elsewhere)
    assert said.splitlines() == ['{"success":true,"message":"fine","status":200}', "7 records"]


def test_the_example_lists_tests_and_runs_cold_and_warm(go, shims):
    said = go("run", "./example", "-dir", str(shims), "-db", "sqlite:///%s.db", "-scope", "{}")
    assert "gitrepo  A fake (1 subtasks)" in said
    times = dict(re.findall(r"^(\w.*?) {2,}.* (\d+) ms$", said, re.MULTILINE))
    assert list(times) == ["test-connection", "plugin-info", "Collect It", "together"], said
    assert all(int(took) < 300 for took in times.values()), said
    assert "No shared runner" not in said
    tasks = (shims / "gitrepo" / "calls").read_text().splitlines()
    assert ["cold.db" in tasks[0], "warm.db" in tasks[1], len(tasks)] == [True, True, 2]
    assert tasks[0].endswith(' "commits"')
