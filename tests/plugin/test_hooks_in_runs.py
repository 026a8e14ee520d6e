"""Hooks that raise in ``devlake run``, in distributions that pip installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import DISTS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

MOODY = "devlake_hooks_moody/__init__.py"
RAISED = 'raise RuntimeError("no audit today")'
HOOKS = (
    "devlake_before_request",
    "devlake_after_response",
    "devlake_before_subtask",
    "devlake_on_subtask_error",
)


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line)


@pytest.fixture
def devlake(dists, tmp_path, server):
    """Call the command with alpha, grumpy and the moody hooks installed, and alpha connected."""
    server.answers["/boards"] = (200, {"items": [{"id": 1, "name": "One"}]})
    server.answers["/issues"] = (200, {"items": [{"id": n, "subject": "s"} for n in (1, 2, 3)]})
    sites = [dists.site(name) for name in ("good_a", "raising_hook", "hooks_raising")]

    def call(*words, code=0, **env):
        path = os.pathsep.join(map(str, (ROOT, *sites)))
        quiet = {"DEVLAKE_DISABLED_PLUGINS": "gitrepo", "PYTHONPATH": path, "MOODY": "nothing"}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "devlake_core.cli.main", *words],
            cwd=tmp_path,
            env={**os.environ, **quiet, **env},
            input="t0ken\n",
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done

    call("connections", "add", "alpha", "--name", "c", "--endpoint", server.url, "--token-stdin")
    call.moody = f"{dists.site('hooks_raising')}/{MOODY}"
    call.grumpy = f"{dists.site('raising_hook')}/devlake_plugin_grumpy/__init__.py"
    return call


@pytest.mark.parametrize(
    ("hook", "jobs"), [*((hook, "1") for hook in HOOKS), ("devlake_after_response", "2")]
)
def test_shared_hooks_that_raise_are_named_and_the_run_goes_on_without(devlake, server, hook, jobs):
    fails = hook == "devlake_on_subtask_error"
    if fails:
        server.answers["/issues"] = (400, {})
    words = ("run", "alpha", "1", "--jobs", jobs, "--json")
    done = devlake(*words, code=1 if fails else 0, MOODY=hook)
    found = json.loads(done.stdout)
    line = line_of(DISTS / "hooks_raising" / MOODY, RAISED)
    said = (
        f"hooks of devlake-hooks-moody 2.0 are left out: {hook} of hooks 'moody' "
        f"(devlake-hooks-moody 2.0) failed: RuntimeError: no audit today "
        f"(line {line} of {devlake.moody})"
    )
    assert found["warnings"] == [said]
    assert found["records"] == (0 if fails else 3)
    if fails:
        assert "status 400" in done.stderr


@pytest.mark.parametrize("hook", HOOKS)
def test_under_strict_such_hooks_end_the_run_as_a_wrong_installation(devlake, server, hook):
    if hook == "devlake_on_subtask_error":
        server.answers["/issues"] = (400, {})
    done = devlake("run", "alpha", "1", code=78, MOODY=hook, DEVLAKE_STRICT="1")
    assert f"{hook} of hooks 'moody' (devlake-hooks-moody 2.0) failed: RuntimeError" in done.stderr
    assert f"of {devlake.moody})" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_data_sources_own_raising_hook_fails_its_own_job_alone(devlake, server, jobs):
    devlake("connections", "add", "grumpy", "--name", "c", "--endpoint", server.url)
    for plugin in ("grumpy", "alpha"):
        devlake("scopes", "add", plugin, "1")
    done = devlake("run", "grumpy,alpha", "--jobs", jobs, "--json", code=3)
    found = json.loads(done.stdout)
    states = {job["plugin"]: job["records"] for job in found["jobs"]}
    assert states == {"alpha": 3, "grumpy": 0}
    line = line_of(DISTS / "raising_hook/devlake_plugin_grumpy/__init__.py", 'KeyError("no such')
    assert (
        "devlake_before_request of plugin 'grumpy' (devlake-plugin-grumpy 1.0) failed: "
        f"KeyError: 'no such header' (line {line} of {devlake.grumpy})"
    ) in done.stderr
    assert found["warnings"] == []
