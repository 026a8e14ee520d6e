"""Plugins that are broken, hostile or vandals: they hurt their own calls and nothing else."""

import json
import os
import signal
import time

import pytest

from tests.bridge.beside import COLD, Running, after_loading, is_root, state_of, told, until
from tests.bridge.installed import Site, code
from tests.bridge.server import connection, gone_after, in_time, task, written
from tests.bridge.shims import CONFIG, synced

BROKEN = {
    "imports": ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
    "syntax": ("def broken(:", "SyntaxError"),
    "hangs": ("import time\ntime.sleep(60)", "did not end within 6 s"),
    "leaves": ("import sys\nsys.exit(3)", "sys.exit(3)"),
    "raises": ("raise ValueError('not today')", "not today"),
    "newer": ("from typing import NotThereYet", "cannot import name 'NotThereYet'"),
}
UNRULY_GROUPS = {
    "late": ("yield dl.RemoteScopeGroup('g', 'G'); raise ValueError('too late')", "too late"),
    "wrong": ("return [42]", "gives a remote scope of type int"),
    "endless": (
        "yield from (dl.RemoteScopeGroup(str(n), 'G') for n in range(10**9))",
        "nothing came from it for too long",
    ),
}
HOSTILE = "\x1b[31mred\x1b[0m \u202e'; DROP TABLE _tool_x; -- " + "x" * 1_000_000


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Yield shims of plugins of which many broke after they were synced."""
    site = Site(tmp_path_factory.mktemp("g") / "site-packages")
    site.install("alpha")
    for name in BROKEN:
        site.install(name)
    for name, (groups, _) in UNRULY_GROUPS.items():
        site.install(name, code(name, groups=groups))
    site.install("hostile", summary=HOSTILE)
    with synced(**site.env) as shims:
        shims.env["DEVLAKE_IMPORT_SECONDS"] = "6"
        for name, (top, _) in BROKEN.items():
            site.install(name, code(name, top=top))
        shims.warm("alpha")
        yield shims


@pytest.fixture(params=["warm", "cold"])
def env(request):
    return {} if request.param == "warm" else COLD


@pytest.mark.parametrize("name", BROKEN)
def test_g1_a_plugin_that_broke_lets_the_server_boot(broken, name):
    status, output, _, errors = broken.shim(name, "plugin-info", CONFIG)
    assert status == 0, errors
    info = json.loads(output)
    assert info["name"] == name
    assert info["tool_model_infos"] is not None
    assert "(degraded: " in info["description"]
    assert BROKEN[name][1] in errors


@pytest.mark.parametrize("name", BROKEN)
def test_g1_a_plugin_that_broke_is_not_kept(broken, name):
    said = after_loading(broken, name)
    assert said["state"] == "cold"
    assert BROKEN[name][1] in said["reason"]
    assert state_of(broken, "alpha")["state"] == "ready"


def test_g1_a_plugin_that_broke_hurts_no_other(broken, env):
    status, _, _, errors = broken.shim("raises", "test-connection", CONFIG, {}, env=env)
    assert status == 78
    assert "not today" in errors
    status, output, *_ = broken.shim("alpha", "test-connection", CONFIG, {"name": "x"}, env=env)
    assert (status, json.loads(output)["success"]) == (0, True)


@pytest.mark.parametrize("name", UNRULY_GROUPS)
def test_g2_what_a_plugin_gives_wrong_is_said_to_be_its(broken, env, name):
    if not env:
        assert after_loading(broken, name)["state"] == "ready"
    seconds = "4" if name == "endless" else "60"
    limits = {**env, "DEVLAKE_CALL_SECONDS": seconds, "DEVLAKE_GRACE_SECONDS": "1"}
    words = (name, "remote-scopes", CONFIG, {"name": "x"}, "")
    status, _, _, errors = broken.shim(*words, env=limits)
    assert status == (124 if name == "endless" else 1), errors
    assert name in errors
    assert UNRULY_GROUPS[name][1] in errors


def synced_again(shims):
    """Sync once more where something is wrong, and return the plugins that have shims."""
    done = shims.devlake("bridge", "sync", str(shims.folder), check=False)
    assert done.returncode == 78, done.stdout
    found = {path.name for path in shims.folder.iterdir() if path.is_dir()}
    assert found == set(json.loads((shims.folder / "runner.json").read_text())["plugins"])
    return found


def test_g3_a_name_of_the_servers_gets_no_shim(tmp_path):
    site = Site(tmp_path / "site-packages")
    site.install("alpha")
    with synced(**site.env) as shims:
        for name in ("github", "git_hub"):
            site.install(name, code("alien"))
        assert synced_again(shims) == {"alpha"}


def test_g3_of_two_with_one_name_neither_is_called(tmp_path):
    site = Site(tmp_path / "site-packages")
    site.install("alpha")
    with synced(**site.env) as shims:
        for name in ("beta", "gamma"):
            site.install(name)
            site.rename_entry(name, "twin")
        assert synced_again(shims) == {"alpha"}


def test_g4_what_a_distribution_says_of_itself_is_shown_as_text(broken, env):
    status, output, _, errors = broken.shim("hostile", "plugin-info", CONFIG, env=env)
    assert status == 0, errors
    info = json.loads(output)
    assert len(info["description"]) < 5000
    assert not set(info["description"]) & {"\x1b", "\u202e", "\n"}
    shown = broken.devlake("serve", "status").stdout + broken.devlake("plugins").stdout
    assert not set(shown) & {"\x1b", "\u202e"}


def test_g4_a_name_that_is_none_becomes_no_path(tmp_path):
    site = Site(tmp_path / "site-packages")
    site.install("alpha")
    with synced(**site.env) as shims:
        names = ("../out", "Alpha", "al-pha", "\u0430lpha")
        for number, name in enumerate(names):
            site.install(f"beta{number}")
            site.rename_entry(f"beta{number}", name)
        assert synced_again(shims) == {"alpha"}
        assert not (shims.folder.parent / "out").exists()


def test_g5_what_a_plugin_changes_is_gone_with_its_call(lasting_shims, env):
    if not env:
        lasting_shims.warm("unruly")
    words = ("unruly", "test-connection", CONFIG)
    assert lasting_shims.shim(*words, connection("vandal"), env=env)[0] == 0
    status, output, log, errors = lasting_shims.shim(*words, connection("tells"), env=env)
    assert status == 0, errors
    assert json.loads(output)["success"] is True
    assert told(log)["cwd"] == str(lasting_shims.folder / "unruly")


@in_time
def test_g5_a_vandal_is_cancelled_all_the_same(lasting_shims, env, tmp_path, slack):
    if not env:
        lasting_shims.warm("unruly")
    context = task(tmp_path / "lake.db", f"deaf 60 {tmp_path / 'sign'}")
    how = {**env, "DEVLAKE_GRACE_SECONDS": "1"}
    call = Running(lasting_shims, "unruly", "collect", CONFIG, context, '"things"', env=how)
    worker = written(tmp_path / "sign")
    until(lambda: call.output)
    begun = time.monotonic()
    call.process.terminate()
    status, output, *_ = call.end()
    assert time.monotonic() - begun < 2.2 + slack
    assert status == 143
    assert output.startswith("{}\n"), "no heartbeat"
    gone_after(worker, 1 + slack)


def test_g5_what_is_written_in_the_workers_place_ends_the_call(lasting_shims, env):
    if not env:
        lasting_shims.warm("unruly")
    words = ("unruly", "test-connection", CONFIG, connection("babbles"))
    how = {**env, "DEVLAKE_GRACE_SECONDS": "1"}
    status, output, log, errors = lasting_shims.shim(*words, env=how)
    assert (status, output) == (1, ""), errors
    assert "unruly test-connection: it said 'junk of ***', which is nothing" in errors
    assert "CANARY" not in log + errors


def test_g5_a_call_that_writes_there_can_be_cancelled(lasting_shims, env, tmp_path):
    if not env:
        lasting_shims.warm("unruly")
    context = task(tmp_path / "lake.db", f"babbles {tmp_path / 'sign'}")
    how = {**env, "DEVLAKE_GRACE_SECONDS": "20"}
    call = Running(lasting_shims, "unruly", "collect", CONFIG, context, '"things"', env=how)
    worker = written(tmp_path / "sign")
    call.process.terminate()
    os.kill(worker, signal.SIGKILL)
    status, output, _, errors = call.end()
    assert status == 1, errors
    assert "it said 'junk of ***'" in errors
    assert output.endswith('{"current":"cancelled"}\n')


@pytest.mark.slow
def test_a_vandal_at_import_is_put_right(tmp_path):
    site = Site(tmp_path / "site-packages")
    top = (
        "import os, signal, socket\nos.chdir('/')\nsocket.setdefaulttimeout(0.001)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    )
    message = 'f\'{__import__("socket").getdefaulttimeout()} {__import__("os").getcwd()}\''
    site.install("vandal", code("vandal", top=top, message=message))
    with synced(**site.env) as shims:
        shims.warm("vandal")
        status, output, _, errors = shims.shim("vandal", "test-connection", CONFIG, {"name": "x"})
        assert status == 0, errors
        assert json.loads(output)["message"] == f"None {shims.folder / 'vandal'}"
        assert state_of(shims, "vandal")["calls"] >= 1


@pytest.mark.parametrize("how", ["fails at first", "changes meanwhile"])
def test_a_plugin_that_is_being_installed_is_imported_again(tmp_path, how):
    site = Site(tmp_path / "site-packages")
    site.install("halfway", code("halfway", message="f'{COUNT} {len(PIDS)}'"))
    with synced(**site.env, **COLD) as shims:
        seen = tmp_path / "seen"
        top = (
            f"import os, pathlib\nSEEN = pathlib.Path({str(seen)!r})\n"
            "with SEEN.open('a') as file:\n    file.write(f'{os.getpid()}\\n')\n"
            "COUNT = len(SEEN.read_text().split())\nPIDS = set(SEEN.read_text().split())\n"
        )
        top += (
            "if COUNT == 1:\n    raise ImportError('half of it is missing')"
            if how == "fails at first"
            else "if COUNT == 1:\n    os.utime(pathlib.Path(__file__).parents[1])"
        )
        site.install("halfway", code("halfway", top=top, message="f'{COUNT} {len(PIDS)}'"))
        if how == "fails at first":
            (site.folder / "devlake_plugin_halfway-1.0.dist-info" / "RECORD").touch()
        words = ("halfway", "test-connection", CONFIG, {"name": "x", "token": "CANARY-1"})
        status, output, _, errors = shims.shim(*words, env={"DB_URL": "mysql://u:CANARY-2@h/d"})
        assert status == 0, errors
        # Twice, by one process: the keeper knows it.
        assert json.loads(output)["message"] == "2 1"


@pytest.mark.skipif(not is_root(), reason="a keeper's files in /proc are root's")
def test_a_keeper_has_nothing_open_but_what_it_needs(broken):
    assert after_loading(broken, "alpha")["state"] == "ready"
    pid = state_of(broken, "alpha")["pid"]
    found = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    # Its listener and nobody else's; the pipe that wakes it; the loop.
    assert sum(item.startswith("socket:") for item in found) <= 2, found
    assert sum(item.startswith("pipe:") for item in found) == 2, found
    assert not [item for item in found if item.endswith(".lock")]
