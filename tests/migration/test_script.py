"""Whose script it is: found by its module, listed, or added by a hooks package."""

from __future__ import annotations

import importlib
import sys
from textwrap import dedent

import pytest

import devlake_core.model as model
from devlake_core.errors import PluginLoadError
from devlake_core.migration import scripts_of

MODELS = """
import devlake_core.model as m

class Connection(m.Connection, table=True):
    __tablename__ = "_tool_{0}_connections"

class Scope(m.ToolScope, table=True):
    __tablename__ = "_tool_{0}_scopes"

class Config(m.ScopeConfig, table=True):
    __tablename__ = "_tool_{0}_configs"
"""
PLUGIN = """
from {module} import Connection, Scope, Config

class Base:
    name = "{name}"
    connection_type, tool_scope_type, scope_config_type = Connection, Scope, Config
    tool_models = ()
    migrations = ()

class ThePlugin(Base):
    pass
"""
SCRIPT = """
from devlake_core.migration import migration

@migration({version}, name="{name}")
def change(b):
    b.drop_table("{table}")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes modules and imports one of them."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(**files):
        for path, text in files.items():
            file = tmp_path.joinpath(*path.split("__")).with_suffix(".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            for folder in [*file.parents][: len(path.split("__")) - 1]:
                (folder / "__init__.py").touch()
            file.write_text(dedent(text))
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def plugin_of(module):
    return importlib.import_module(module).ThePlugin()


def write_plugin(package, name, **more):
    package(
        **{
            f"{name}__models": MODELS.format(name),
            f"{name}__plugin": PLUGIN.format(module=f"{name}.models", name=name),
            **more,
        }
    )


def test_modules_of_the_migrations_package_are_imported_by_themselves(package):
    write_plugin(
        package,
        "ware1",
        ware1__migrations__m20260102000000_b=SCRIPT.format(
            version=20260102000000, name="b", table="_tool_ware1_b"
        ),
        ware1__migrations__m20260101000000_a=SCRIPT.format(
            version=20260101000000, name="a", table="_tool_ware1_a"
        ),
    )
    assert [script.name for script in scripts_of(plugin_of("ware1.plugin"))] == ["a", "b"]
    assert [script.name for script in scripts_of(plugin_of("ware1.plugin"))] == ["a", "b"]


def test_one_migrations_module_is_fine(package):
    write_plugin(
        package,
        "ware2",
        ware2__migrations=SCRIPT.format(
            version=20260101000000, name="only", table="_raw_ware2_builds"
        ),
    )
    assert [script.name for script in scripts_of(plugin_of("ware2.plugin"))] == ["only"]


def test_scripts_beside_the_plugin_and_scripts_that_it_lists_are_found(package):
    more = SCRIPT.format(version=20260103000000, name="listed", table="_tool_ware3_x")
    package(elsewhere3=more)
    write_plugin(package, "ware3")
    package(
        ware3__plugin=PLUGIN.format(module="ware3.models", name="ware3")
        + SCRIPT.format(version=20260101000000, name="beside", table="_tool_ware3_x")
        + "import elsewhere3\nBase.migrations = (elsewhere3.change,)\n"
    )
    assert [s.name for s in scripts_of(plugin_of("ware3.plugin"))] == ["beside", "listed"]


def test_another_plugins_scripts_are_not_its_own(package):
    for number, name in ((1, "ware4"), (2, "ware4b")):
        script = SCRIPT.format(version=20260101000000, name=f"s{number}", table=f"_tool_{name}_x")
        write_plugin(package, name, **{f"{name}__migrations": script})
    first, second = plugin_of("ware4.plugin"), plugin_of("ware4b.plugin")
    assert [script.name for script in scripts_of(second)] == ["s2"]
    assert [script.name for script in scripts_of(first)] == ["s1"]


def test_a_script_belongs_to_the_nearest_plugin(package):
    outer, inner = "ware5", "ware5__sub"
    framework = PLUGIN.replace(
        "class Base:", "from devlake_core.plugin.base import Plugin\n\nclass Base(Plugin):"
    )
    package(
        **{
            f"{outer}__models": MODELS.format("ware5"),
            f"{outer}__plugin": framework.format(module="ware5.models", name="ware5"),
            f"{inner}__plugin": framework.format(module="ware5.models", name="ware5"),
            f"{inner}__migrations": SCRIPT.format(
                version=20260101000000, name="inner", table="_tool_ware5_x"
            ),
        }
    )
    from_inner, from_outer = plugin_of("ware5.sub.plugin"), plugin_of("ware5.plugin")
    assert [script.name for script in scripts_of(from_inner)] == ["inner"]
    assert scripts_of(from_outer) == []


@pytest.mark.parametrize(
    "table",
    [
        "_tool_github_issues",
        "_raw_github_issues",
        "_tool_ware6",
        "_tool_ware66_x",
        "issues",
        "_devlake_blueprints",
    ],
)
def test_another_plugins_table_makes_the_plugin_invalid(package, table):
    script = SCRIPT.format(version=20260101000000, name="bad", table=table)
    write_plugin(package, "ware6", ware6__migrations=script)
    with pytest.raises(PluginLoadError, match=f"{table} is not the plugin's") as caught:
        scripts_of(plugin_of("ware6.plugin"))
    assert caught.value.plugin == "ware6"
    assert "20260101000000 (bad)" in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "fine"),
    [
        ("DELETE FROM _tool_github_issues", False),
        ("UPDATE `_tool_ware7_x` SET a = (SELECT max(a) FROM _raw_github_x)", False),
        ("UPDATE _tool_ware7_x SET _raw_data_table = '_raw_github_scopes'", True),
        ("UPDATE _tool_ware7_x SET _raw_data_params = 1 -- as in _tool_github_x", True),
        ("ALTER TABLE _raw_ware7_builds ADD x text", True),
    ],
)
def test_statements_may_name_the_plugins_own_tables_only(package, sql, fine):
    script = SCRIPT.format(version=20260101000000, name="s", table="")
    script = script.replace('b.drop_table("")', f'b.execute("{sql}")')
    write_plugin(package, "ware7", ware7__migrations=script)
    plugin = plugin_of("ware7.plugin")
    if fine:
        assert len(scripts_of(plugin)) == 1
    else:
        with pytest.raises(PluginLoadError, match="github"):
            scripts_of(plugin)


def test_a_migrations_module_that_does_not_import_is_named(package):
    write_plugin(package, "ware8", ware8__migrations="import not_there_at_all")
    with pytest.raises(PluginLoadError, match=r"ware8\.migrations cannot be imported.*not_there"):
        scripts_of(plugin_of("ware8.plugin"))


def test_two_scripts_of_one_version_and_name_are_refused(package):
    one = SCRIPT.format(version=20260101000000, name="x", table="_tool_ware9_x")
    write_plugin(package, "ware9", ware9__migrations__a=one, ware9__migrations__b=one)
    with pytest.raises(PluginLoadError, match="two migrations 20260101000000"):
        scripts_of(plugin_of("ware9.plugin"))


def test_what_is_listed_but_no_script_is_refused(package):
    write_plugin(package, "ware10")
    plugin = plugin_of("ware10.plugin")
    plugin.migrations = [print]
    with pytest.raises(PluginLoadError, match="no migration script") as caught:
        scripts_of(plugin)
    assert "@dl.migration" in caught.value.hint


def test_an_omitted_scope_config_brings_its_own_script(package):
    write_plugin(package, "ware11")
    plugin = plugin_of("ware11.plugin")
    plugin.has_own_scope_config = False
    [script] = scripts_of(plugin)
    assert script.version == 20200101000000
    assert script.name == "create _tool_ware11_configs"
    assert script.to_wire()["operations"][0]["model_info"]["table_name"] == "_tool_ware11_configs"


def test_a_script_in_main_belongs_to_the_folders_plugin(package, tmp_path):
    folder = tmp_path / "ware12"
    text = MODELS.format("ware12") + PLUGIN.format(module="__main__", name="ware12").replace(
        "from __main__ import Connection, Scope, Config", ""
    )
    package(
        ware12__main=text
        + SCRIPT.format(version=20260101000000, name="in main", table="_tool_ware12_x")
        + "from devlake_core.migration import scripts_of\n"
        "print([script.name for script in scripts_of(ThePlugin())])\n",
        ware12__migrations=SCRIPT.format(
            version=20260102000000, name="in module", table="_tool_ware12_x"
        ),
    )
    import os
    import subprocess

    done = subprocess.run(
        [sys.executable, str(folder / "main.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{':'.join(p for p in sys.path if p)}"},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "['in main', 'in module']"


def test_snapshots_need_no_table_flag_and_are_no_final_models(package):
    write_plugin(package, "ware13")
    plugin = plugin_of("ware13.plugin")

    class Snapshot(model.ToolModel):
        __module__ = "ware13.migrations"
        id: str = model.Field(primary_key=True)

    from devlake_core.migration.final import final_tables

    assert set(final_tables(plugin)) == {
        "_tool_ware13_connections",
        "_tool_ware13_scopes",
        "_tool_ware13_configs",
    }
