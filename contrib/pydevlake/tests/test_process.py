"""A plugin's main.py as a process of its own, as DevLake's server runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .conftest import PLUGINS

FAKE = PLUGINS / "fakeplugin"


@pytest.fixture
def run():
    """Return what runs the recorded plugin and returns status, descriptor 3 and stderr."""

    def run_main(*arguments, **environment):
        command = [sys.executable, "fakeplugin/main.py", *map(str, arguments)]
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" 3>&1 1>/dev/null', "sh", *command],
            cwd=FAKE,
            env={**os.environ, "PYTHONPATH": str(FAKE), "DEVLAKE_DAEMON": "0", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, [line for line in lines if line], done.stderr

    return run_main


def test_connections_are_tested_by_their_token(run):
    for token, status in (("this_is_a_valid_token", 200), ("other", 401)):
        connection = {"name": "c", "token": token}
        code, [answer], _ = run("test-connection", '{"log_level": ""}', json.dumps(connection))
        assert (code, answer["success"], answer["status"]) == (0, status == 200, status)


def test_a_context_of_database_and_connection_alone_will_do_without_a_server(run, tmp_path):
    context = {
        "db_url": f"sqlite+pysqlite:///{tmp_path / 'lake.db'}",
        "connection": {"id": 1, "name": "c", "token": "t"},
        "scope_config": {"env": "test"},
    }
    for verb in ("collect", "extract", "convert"):
        code, lines, said = run(verb, json.dumps(context), "fakepipelinestream")
        assert code == 0, said
        assert lines[-1] == {"increment": 50, "current": 250, "total": 0}


def test_nothing_is_said_of_pydantics_old_names(run):
    code, _, said = run("plugin-info", PYTHONWARNINGS="default")
    assert code == 0
    assert "Deprecat" not in said
