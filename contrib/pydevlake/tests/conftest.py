"""Plugins written for pydevlake, in folders that are no distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devlake_core.plugin.manager import Host
from devlake_core.runner.legacy import add_legacy

HERE = Path(__file__).parent
PLUGINS = HERE / "plugins"
RECORDED = HERE.parents[2] / "tests" / "data" / "devlake"


@pytest.fixture(scope="session")
def load():
    """Return what loads a plugin by its folder into this process, once."""
    host, path, made = Host([]), list(sys.path), {}

    def load_once(name):
        if name not in made:
            made[name] = add_legacy(host, str(PLUGINS / name / name / "main.py"))
        return made[name]

    yield load_once
    sys.path[:] = path


@pytest.fixture
def calls():
    """Return the recorded calls."""
    return json.loads((RECORDED / "wire-samples.json").read_text("utf-8"))["calls"]


@pytest.fixture(scope="session")
def shims(tmp_path_factory):
    """Return a folder of shims for the recorded plugin, as the server is given one."""
    folder = tmp_path_factory.mktemp("shims")
    main = PLUGINS / "fakeplugin" / "fakeplugin" / "main.py"
    devlake = "from devlake_core.cli.main import main; main()"
    command = [sys.executable, "-c", devlake, "bridge", "sync", str(folder), "--legacy", str(main)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def called(command, folder, **environment):
    """Run a call and return its status, the lines on descriptor 3 and what is said on stderr."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 3>&1 1>/dev/null', "sh", *command],
        cwd=folder,
        env={**os.environ, "DEVLAKE_DAEMON": "0", **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    # An empty object only says that the call is alive.
    return done.returncode, [line for line in done.stdout.splitlines() if line != "{}"], done.stderr
