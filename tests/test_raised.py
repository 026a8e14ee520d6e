"""The line that an author has to look at."""

from __future__ import annotations

import json

import pytest

from devlake_core.errors import PluginLoadError
from devlake_core.plugin.guard import import_guest
from devlake_core.plugin.records import PluginRecord
from devlake_core.raised import place


def guest(tmp_path, code, name="guest"):
    """Return the names of a guest's module, and its file."""
    file = tmp_path / f"{name}.py"
    names = {"__name__": name}
    exec(compile(code, str(file), "exec"), names)
    return names, file


def raised_by(function, *arguments):
    """Return an error as it reaches our own code, without frames of this test."""
    try:
        function(*arguments)
    except Exception as error:
        return error.with_traceback(error.__traceback__.tb_next)
    pytest.fail("nothing was raised")


def test_a_misspelt_name_of_ours_is_placed_where_the_guest_wrote_it(tmp_path):
    names, file = guest(tmp_path, "import devlake_core as dl\ndef f():\n    dl.Requst\n")
    assert place(raised_by(names["f"])) == f" (line 3 of {file})"


def test_of_libraries_that_a_guest_calls_none_is_blamed(tmp_path):
    library, _ = guest(tmp_path, "def work(text):\n    {}[text]\n", "library")
    names, file = guest(
        tmp_path,
        "import json\n"
        "def decode(text):\n    json.loads(text)\n"
        "def f(work):\n    return work('x')\n"
        "def g(text):\n    return decode(text)\n",
    )
    assert place(raised_by(names["f"], library["work"])) == f" (line 5 of {file})"
    assert place(raised_by(names["g"], "{")) == f" (line 3 of {file})"


def test_without_a_guest_it_is_the_line_that_raised():
    assert place(raised_by(json.loads, "{")).endswith("decoder.py)")


def test_what_was_never_raised_has_no_place():
    assert place(ValueError("x")) == ""
    assert place(SyntaxError("x")) == ""


def test_import_of_what_is_not_there_is_not_blamed_on_us():
    record = PluginRecord("plugin", "x", "x", "1", "no_such_module_at_all:X")
    with pytest.raises(PluginLoadError, match="no_such_module_at_all") as caught:
        import_guest(record)
    assert "(line" not in str(caught.value)


def test_file_name_does_not_move_a_cursor(tmp_path):
    names, _ = guest(tmp_path, "def f():\n    {}[1]\n", "a\x1b[31m\u202eb")
    assert place(raised_by(names["f"])).endswith("/a?[31m?b.py)")
