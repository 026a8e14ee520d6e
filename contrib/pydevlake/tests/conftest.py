"""Plugins written for pydevlake, loaded from folders that are no distribution."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from devlake_core.plugin.manager import Host
from devlake_core.runner.legacy import add_legacy

HERE = Path(__file__).parent
PLUGINS = HERE / "plugins"
RECORDED = HERE.parents[2] / "tests" / "data" / "devlake"


@pytest.fixture(scope="session")
def host():
    """Return a host of no installed plugin."""
    return Host([])


@pytest.fixture(scope="session")
def load(host):
    """Return what loads a plugin by its folder, once."""
    path, made = list(sys.path), {}

    def load_once(name):
        if name not in made:
            made[name] = add_legacy(host, str(PLUGINS / name / name / "main.py"))
        return made[name]

    yield load_once
    sys.path[:] = path


@pytest.fixture
def fake(load):
    return load("fakeplugin")


@pytest.fixture
def calls():
    """Return the recorded calls."""
    return json.loads((RECORDED / "wire-samples.json").read_text("utf-8"))["calls"]
