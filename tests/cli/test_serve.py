"""The service that answers a server's calls, as an operator sees it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest

from tests.cli.conftest import end, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no service elsewhere")


@pytest.fixture
def serving(devlake):
    """Return the command, with shims in ``shims`` and a folder for the sockets."""
    # A socket's path has a limit of some 100 bytes, which pytest's folders come near.
    folder = tempfile.mkdtemp(prefix="dl-")
    devlake.environ["DEVLAKE_RUNDIR"] = folder
    devlake("bridge", "sync", "shims")
    yield devlake
    for process in devlake.started:
        process.terminate()
        process.wait()
    shutil.rmtree(folder)


def running(devlake):
    return devlake("serve", "status", "--json").json


def test_without_a_service_there_is_nothing_to_tell(serving):
    assert running(serving) == []
    assert "no service runs" in serving("serve", "status").out
    assert "no service runs" in serving("serve", "stop").out
    assert serving("serve", "logs", "--json").json == {}


def test_a_service_in_the_foreground_is_shown_until_it_is_stopped(serving):
    process = serving.start("serve", "shims")
    wait_until(lambda: running(serving), process)
    [service] = running(serving)
    assert service["pid"] == process.pid
    assert service["folder"] == str(serving.folder / "shims")
    assert (service["stale"], service["retiring"], service["plugins"]) == (False, False, [])
    shown = serving("serve", "status").out
    assert f"pid {process.pid}" in shown
    assert "no plugin is loaded yet" in shown
    assert "stopped" in serving("serve", "stop").out
    assert process.wait(90) == 0
    assert running(serving) == []


def test_a_service_that_retires_ends_by_itself(serving):
    process = serving.start("serve", "shims")
    wait_until(lambda: running(serving), process)
    assert "finishes its calls" in serving("serve", "retire").out
    assert process.wait(90) == 0


def test_a_service_ends_on_sigterm(serving):
    process = serving.start("serve", "shims")
    wait_until(lambda: running(serving), process)
    code, *_ = end(process)
    assert code == 0


def test_what_was_logged_is_printed(serving):
    run_folder = serving.environ["DEVLAKE_RUNDIR"]
    folder = os.path.join(run_folder, "0123456789abcdef")
    os.mkdir(folder, 0o700)
    path = os.path.join(folder, "service.log")
    with open(path, "w", encoding="utf-8") as file:
        file.write("one\ntwo\x1b[31m\nthree\n")
    assert serving("serve", "logs", "--lines", "2").out == f"{path}:\ntwo�[31m\nthree\n"
    assert list(serving("serve", "logs", "--json").json) == [path]


def test_a_folder_that_others_may_write_to_is_not_trusted(serving):
    folder = os.path.join(serving.environ["DEVLAKE_RUNDIR"], "0123456789abcdef")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    [service] = running(serving)
    assert (service["running"], "others" in service["problem"]) == (False, True)
    serving("serve", "stop", code=75)


def test_a_folder_without_shims_is_an_error_that_says_what_to_do(serving):
    done = serving("serve", ".", code=78)
    assert "is no folder of shims" in done.err
    assert "devlake bridge sync ." in done.err
