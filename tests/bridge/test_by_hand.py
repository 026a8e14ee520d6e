"""Calls that a person makes, or a program that is not the server."""

import json
import os
import shutil

import pytest

from tests.bridge.beside import COLD, Running
from tests.bridge.server import TOKEN, connection
from tests.bridge.shims import CONFIG, UNRULY

ARGUMENTS = ("test-connection", json.dumps(CONFIG), json.dumps(connection("prints")))


@pytest.fixture(params=["warm", "cold"])
def env(request, lasting_shims):
    if request.param == "warm":
        lasting_shims.warm("unruly")
        return {}
    return COLD


def without(*numbers):
    """Return what a process does that is started without some descriptors."""
    return lambda: [os.close(number) for number in numbers]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("behaviour", ["prints", "fails"])
def test_x_results_come_although_other_descriptors_are_closed(
    lasting_shims, env, closed, behaviour
):
    words = ("unruly", *ARGUMENTS[:2], connection(behaviour))
    call = Running(lasting_shims, *words, env=env, prepare=without(*closed))
    status, output, log, errors = call.end()
    if behaviour == "fails":
        assert (status, output) == (1, "")
        assert ("no luck with ***" in errors) == (2 not in closed)
        return
    assert status == 0, errors
    assert json.loads(output)["success"] is True
    assert ("printed ***" in log) == (1 not in closed)
    assert TOKEN not in log + errors


def test_x_a_call_without_any_descriptor_has_its_status(lasting_shims, env):
    call = Running(lasting_shims, "unruly", *ARGUMENTS, env=env, prepare=without(0, 1, 2, 3))
    assert call.end() == (0, "", "", "")


def by_hand(shims, *words, check=True):
    return shims.devlake("bridge", "call", *words, check=check)


def test_a_main_py_can_be_called_by_its_path(lasting_shims, tmp_path):
    folder = tmp_path / "unruly"
    folder.mkdir()
    main = folder / "main.py"
    shutil.copy(UNRULY, main)
    main.write_text("print('imported')\n" + main.read_text())
    done = by_hand(lasting_shims, str(main), *ARGUMENTS)
    assert json.loads(done.stdout)["success"] is True
    assert "imported" in done.stderr
    assert "printed ***" in done.stderr
    assert json.loads(by_hand(lasting_shims, f"{folder}/", *ARGUMENTS).stdout)["success"] is True


def test_a_path_at_which_there_is_no_plugin_is_an_error_that_says_so(lasting_shims, tmp_path):
    done = by_hand(lasting_shims, str(tmp_path / "main.py"), *ARGUMENTS, check=False)
    assert done.returncode == 2
    assert "there is no plugin at" in done.stderr


@pytest.mark.parametrize("place", [0, 1, 4])
def test_its_results_are_json_with_json_and_without(lasting_shims, place):
    words = [str(UNRULY), *ARGUMENTS]
    words.insert(place, "--json")
    assert json.loads(by_hand(lasting_shims, *words).stdout)["success"] is True
