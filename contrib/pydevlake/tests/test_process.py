"""A plugin's main.py as a process of its own, as DevLake's server runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from .conftest import PLUGINS

FAKE = PLUGINS / "fakeplugin"
MAIN = [sys.executable, "fakeplugin/main.py"]


def called(command, folder, **environment):
    """Run a call and return its status, the lines on descriptor 3 and what is said on stderr."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 3>&1 1>/dev/null', "sh", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FAKE), "DEVLAKE_DAEMON": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if line != "{}"], done.stderr


def test_connections_are_tested_by_their_token():
    for token, status in (("this_is_a_valid_token", 200), ("other", 401)):
        connection = json.dumps({"name": "c", "token": token})
        code, [line], _ = called([*MAIN, "test-connection", '{"log_level": ""}', connection], FAKE)
        answer = json.loads(line)
        assert (code, answer["success"], answer["status"]) == (0, status == 200, status)


def test_a_context_of_database_and_connection_alone_will_do_without_a_server(tmp_path):
    context = {
        "db_url": f"sqlite+pysqlite:///{tmp_path / 'lake.db'}",
        "connection": {"id": 1, "name": "c", "token": "t"},
        "scope_config": {"env": "test"},
    }
    for verb in ("collect", "extract", "convert"):
        code, lines, said = called([*MAIN, verb, json.dumps(context), "fakepipelinestream"], FAKE)
        assert code == 0, said
        assert json.loads(lines[-1]) == {"increment": 50, "current": 250, "total": 0}


def test_nothing_is_said_of_pydantics_old_names():
    code, _, said = called([*MAIN, "plugin-info"], FAKE, PYTHONWARNINGS="default")
    assert code == 0
    assert "Deprecat" not in said


def test_the_server_is_answered_as_recorded_through_a_shim(tmp_path, calls):
    shims = tmp_path / "shims"
    devlake = [sys.executable, "-c", "from devlake_core.cli.main import main; main()"]
    legacy = str(FAKE / "fakeplugin" / "main.py")
    subprocess.run(
        [*devlake, "bridge", "sync", str(shims), "--legacy", legacy],
        check=True,
        capture_output=True,
    )
    for call in calls[:4]:
        arguments = map(json.dumps, call["argv"])
        code, lines, said = called(["./run.sh", call["method"], *arguments], shims / "fake")
        assert code == 0, said
        if call["method"] in {"plugin-info", "make-pipeline"}:
            lines = ["".join(lines)]
        answers = [json.loads(line) for line in lines]
        if call["method"] == "plugin-info":
            assert answers[0].pop("plugin_path") == str(shims / "fake" / "run.sh")
            del call["fd3"][0]["plugin_path"]
        assert answers == call["fd3"]
