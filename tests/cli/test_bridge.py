"""Shims for a DevLake server, by the command."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path


def lame(site):
    (site / "devlake_plugin_lame").mkdir()
    (site / "devlake_plugin_lame" / "__init__.py").write_text("import nothing_of_that_name\n")
    info = site / "devlake_plugin_lame-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: devlake-plugin-lame\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[devlake.plugins]\nlame = devlake_plugin_lame:P\n")


def test_sync_writes_the_healthy_plugins_and_says_so(devlake):
    done = devlake("bridge", "sync", "shims")
    assert "acrobat" in done.out
    assert "tracker  written" in done.out
    assert done.out.endswith(f"\nREMOTE_PLUGIN_DIR={devlake.folder / 'shims'}\n")
    assert os.access(devlake.folder / "shims" / "tracker" / "run.sh", os.X_OK)
    assert "tracker  unchanged" in devlake("bridge", "sync", "shims").out


def test_sync_exits_with_78_if_one_is_broken_and_writes_the_others(devlake, site):
    lame(site)
    done = devlake("bridge", "sync", "shims", code=78)
    assert (
        "lame (left out): ModuleNotFoundError: No module named 'nothing_of_that_name'" in done.out
    )
    assert "→ install 'nothing_of_that_name'" in done.out
    assert (devlake.folder / "shims" / "tracker" / "run.sh").exists()


def test_sync_answers_in_json(devlake, site):
    lame(site)
    said = devlake("bridge", "sync", "shims", "--json", code=78).json
    assert said["folder"] == str(devlake.folder / "shims")
    assert said["broken"] is True
    actions = {entry["plugin"]: entry["action"] for entry in said["entries"]}
    assert actions["tracker"] == "written"
    assert actions["lame"] == "left out"


def test_what_is_gone_is_listed_until_it_is_pruned(devlake, site):
    devlake("bridge", "sync", "shims")
    (site / "devlake_plugin_acrobat-1.0.dist-info" / "entry_points.txt").unlink()
    assert "acrobat (marked): it is no longer installed" in devlake("bridge", "sync", "shims").out
    devlake("bridge", "sync", "shims", "--prune")
    assert not (devlake.folder / "shims" / "acrobat").exists()


def test_a_file_that_is_not_there_is_no_plugin(devlake):
    done = devlake("bridge", "sync", "shims", "--legacy", "nowhere/main.py", code=2)
    assert "nowhere/main.py" in done.err
    assert not (devlake.folder / "shims").exists()


def test_a_shim_answers_the_server(devlake):
    devlake("bridge", "sync", "shims")
    folder = devlake.folder / "shims" / "tracker"
    done = subprocess.run(
        ["sh", "-c", "exec ./run.sh plugin-info '{}' 3>&1 >&2"],
        cwd=folder,
        env={**devlake.env, "DEVLAKE_DAEMON": "0"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.replace("\n", ""))["plugin_path"] == str(folder / "run.sh")


def test_a_call_can_be_made_by_hand(devlake):
    done = devlake("bridge", "call", "acrobat", "plugin-info", "{}")
    assert json.loads(done.out.replace("\n", ""))["name"] == "acrobat"
    assert "no method 'fly'" in devlake("bridge", "call", "acrobat", "fly", "{}", code=2).err


def test_the_arguments_of_a_call_by_hand_are_not_to_be_seen(devlake):
    connection = json.dumps({"name": "x", "token": "CANARY"})
    process = devlake.start("bridge", "call", "acrobat", "test-connection", "{}", connection)
    # What is said at the end waits for somebody to read it.
    reader = threading.Thread(target=process.communicate)
    reader.start()
    seen = set()
    while reader.is_alive():
        with suppress(FileNotFoundError):  # it has just ended
            seen.add(Path(f"/proc/{process.pid}/cmdline").read_bytes())
        time.sleep(0.005)
    reader.join()
    assert [text for text in seen if text and b"CANARY" not in text]


def test_a_call_by_hand_gets_the_variables_that_a_servers_gets(devlake):
    devlake("run", "acrobat", "other")
    context = {
        "connection": {"id": 1, "name": "default"},
        "scope": {"connectionId": 1, "id": "split", "name": "split"},
    }
    call = ("bridge", "call", "acrobat", "collect", "{}", json.dumps(context), '"jumps"')
    devlake(*call, DB_URL=f"sqlite:///{devlake.folder}/devlake.db")
    params = '{"ConnectionId":1,"ScopeId":"split"}'
    assert devlake.rows("SELECT count(*) FROM _raw_acrobat_jumps WHERE params = ?", params) == [
        (30,)
    ]


def test_help_imports_neither_sqlalchemy_nor_pydantic(devlake):
    for words in (("--help",), ("bridge", "--help"), ("serve", "--help")):
        done = subprocess.run(
            [devlake.command()[0], "-X", "importtime", *devlake.command(*words)[1:]],
            cwd=devlake.folder,
            env=devlake.env,
            capture_output=True,
            text=True,
            timeout=200,
            check=True,
        )
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert not imported & {"sqlalchemy", "pydantic", "sqlmodel", "requests"}, words
