"""DevLake's server starts and asks every shim, whatever became of the plugins since."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.bridge.gohost import Call
from tests.bridge.server import TOKEN, connection
from tests.bridge.shims import CONFIG, UNRULY, synced

NOBODY = 65534


def as_another_user():
    """Return what to put before a command for the server's own user, who wrote no shim."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root, with setpriv, can become another user")
    plain = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    look = ["sh", "-c", 'exec "$0" -c ""', sys.executable]
    if subprocess.run([*plain, *look], capture_output=True, check=False).returncode == 0:
        return plain
    # Our interpreter is in somebody's home: the right to read it, and nothing more, comes along.
    right = "+dac_read_search"
    return [*plain, f"--inh-caps={right}", f"--ambient-caps={right}"]


@pytest.fixture
def own_shims():
    """Yield a folder of shims whose plugin may be broken, and the plugin's file."""
    # Not in pytest's folder, which another user cannot look into.
    with tempfile.TemporaryDirectory(prefix="dl", dir="/tmp") as name:
        folder = Path(name) / "unruly"
        folder.mkdir()
        folder.parent.chmod(0o755)
        main = Path(shutil.copy(UNRULY, folder / "main.py"))
        with synced(main) as shims:
            yield shims, main


@pytest.mark.parametrize("who", ["owner", "another_user"])
def test_a_broken_plugin_still_says_what_it_is(own_shims, who):
    shims, main = own_shims
    prefix = as_another_user() if who == "another_user" else ()

    def plugin_info(**env):
        return shims.shim(
            "unruly", "plugin-info", CONFIG, env={"DEVLAKE_DAEMON": "0", **env}, prefix=prefix
        )

    status, before, _, errors = plugin_info()
    assert status == 0, errors
    main.write_text("import nothing_of_this_name\n")
    status, after, _, errors = plugin_info()
    assert status == 0, errors
    assert "unruly does not load; its last answer is given" in errors
    assert "nothing_of_this_name" in errors
    was, now = json.loads(before), json.loads(after)
    assert "(degraded: " in now.pop("description")
    was.pop("description")
    assert now == was
    status, nothing, _, errors = plugin_info(DEVLAKE_STRICT="1")
    assert status not in {0, 70}
    assert nothing == ""
    assert "nothing_of_this_name" in errors


def test_a_broken_plugin_in_a_folder_that_was_moved_says_where_its_shim_is(own_shims):
    shims, main = own_shims
    shims.folder = shims.folder.rename(shims.folder.with_name("moved"))
    main.write_text("import nothing_of_this_name\n")
    env = {"DEVLAKE_DAEMON": "0"}
    status, output, _, errors = shims.shim("unruly", "plugin-info", CONFIG, env=env)
    assert status == 0, errors
    assert json.loads(output)["plugin_path"] == str(shims.folder / "unruly" / "run.sh")


def test_without_a_saved_answer_the_least_is_given(own_shims, go_host):
    shims, main = own_shims
    (shims.folder / "unruly" / "plugin-info.json").write_text("{ damaged")
    main.write_text("import nothing_of_this_name\n")
    env = {"DEVLAKE_RUNDIR": str(shims.run), "DEVLAKE_DAEMON": "0"}
    outcome = go_host.begin(Call(shims.folder, "unruly", "plugin-info"), env=env).one()
    assert outcome.ok, outcome
    assert outcome.output["subtask_metas"] == []
    assert outcome.output["plugin_path"] == str(shims.folder / "unruly" / "run.sh")


def test_a_shim_that_is_in_no_manifest_is_refused(own_shims):
    shims, _ = own_shims
    copied = shims.folder / "other"
    shutil.copytree(shims.folder / "unruly", copied)
    status, results, _, errors = shims.shim("other", "plugin-info", CONFIG)
    assert (status, results) == (78, "")
    assert "devlake bridge sync" in errors


def clients(go_host, number):
    """Have so many clients call at once where no service runs; return what is there after it."""
    with synced(UNRULY) as shims:
        env = {"DEVLAKE_RUNDIR": str(shims.run), "DEVLAKE_DAEMON": "auto"}
        call = Call(shims.folder, "unruly", "test-connection", [connection()])
        outcomes = go_host.run(call, repeat=number, parallel=number, env=env)
        shims.warm("unruly")
        assert TOKEN not in shims.logs()
        return outcomes, shims.logs().count(" serves "), len(shims.status())


def test_clients_that_come_at_once_start_one_service(go_host):
    outcomes, started, running = clients(go_host, 6)
    assert [(outcome.ok, outcome.count) for outcome in outcomes] == [(True, 6)], outcomes
    assert (started, running) == (1, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_clients_that_come_at_once_start_one_service(go_host):
    outcomes, started, running = clients(go_host, 50)
    assert [(outcome.ok, outcome.count) for outcome in outcomes] == [(True, 50)], outcomes
    assert (started, running) == (1, 1)
