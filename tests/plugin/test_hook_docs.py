"""Each hook has a page with the same arguments, and its examples are true."""

from __future__ import annotations

import inspect
import re
import types

import pytest

from devlake_core import hookspecs
from devlake_core.plugin.records import PluginRecord
from devlake_core.plugin.registration import HOOKS, take_in, values
from tests.plugin.conftest import ROOT

PAGES = ROOT / "docs" / "hooks"
OF_DATA_SOURCES = {"devlake_connection_types", "devlake_scopes"}


def page(hook):
    return (PAGES / f"{hook}.md").read_text()


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_of_a_hook_has_its_arguments(hook):
    arguments = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert page(hook).startswith(f"# `{hook}({', '.join(arguments)})`\n")
    for argument in arguments:
        assert re.search(rf"^\| `{argument}` \|", page(hook), re.MULTILINE)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_is_a_valid_guest(hook):
    [code] = re.findall(r"```python\n(.*?)```", page(hook), re.DOTALL)
    guest = types.ModuleType(f"example_of_{hook}")
    exec(compile(code, guest.__name__, "exec"), vars(guest))
    record = PluginRecord("hooks", "example", "docs", "1", guest.__name__)
    if hook in OF_DATA_SOURCES:
        taken = take_in(record, guest.LegacyPlugin())
        [(name, _)] = values(record, taken.hooks, hook)
        assert name == "legacy"
        return
    taken = take_in(record, guest)
    assert [caller.name for caller in taken.hooks.get_hookcallers(guest)] == [hook]
    if hook in {"devlake_streams", "devlake_migrations"}:
        assert len(values(record, taken.hooks, hook, plugin="tracker")) == 1
    elif hook == "devlake_paginators":
        assert len(values(record, taken.hooks, hook)) == 1


def test_no_page_is_about_a_hook_that_is_gone():
    pages = {path.stem for path in PAGES.glob("devlake_*.md")}
    assert pages == set(HOOKS)
    assert all(f"[{hook}]({hook}.md)" in page("index") for hook in HOOKS)
