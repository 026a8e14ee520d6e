"""The folder that a DevLake server reads its plugins from."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devlake_core.bridge import place
from devlake_core.bridge.manifest import read_shim
from devlake_core.bridge.sync import sync
from devlake_core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
import devlake_core as dl


class {name}Connection(dl.Connection):
    endpoint: str


class {name}Board(dl.ToolScope, table=True):
    url: str | None = None


class {name}Plugin(dl.Plugin):
    connection_type = {name}Connection
    tool_scope_type = {name}Board

    def test_connection(self, connection):
        raise NotImplementedError

    def domain_scopes(self, tool_scope):
        return []

    def remote_scope_groups(self, connection):
        return []

    def remote_scopes(self, connection, group_id):
        return []
"""


class Site:
    """A folder of installed plugins."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, name, code=None, group="plugins"):
        package = f"devlake_plugin_{name}"
        (self.folder / package).mkdir(exist_ok=True)
        (self.folder / package / "__init__.py").write_text(
            code or PLUGIN.format(name=name.capitalize())
        )
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: devlake-plugin-{name}\nVersion: 1.0\nSummary: {name}\n"
        )
        entry = f"{package}:{name.capitalize()}Plugin"
        (info / "entry_points.txt").write_text(f"[devlake.{group}]\n{name} = {entry}\n")
        (info / "RECORD").write_text(f"{package}/__init__.py,,\n")

    def remove(self, name):
        shutil.rmtree(self.folder / f"devlake_plugin_{name}")
        shutil.rmtree(self.folder / f"devlake_plugin_{name}-1.0.dist-info")


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(folder)]))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("DEVLAKE_DISABLED_PLUGINS", "gitrepo,company")
    made = Site(folder)
    made.install("alpha")
    return made


@pytest.fixture
def shims(tmp_path):
    return tmp_path / "rem'ote plugins"


@pytest.fixture
def legacy(tmp_path):
    folder = tmp_path / "old" / "elder"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(PLUGIN.format(name="Elder"))
    return folder / "main.py"


def entries(report):
    return {entry.plugin: entry.action for entry in report.entries if entry.action != "left out"}


def left_out(report):
    return {entry.plugin: entry for entry in report.entries if entry.action == "left out"}


def info_of(shims, name):
    return json.loads((shims / name / "plugin-info.json").read_text())


def modes(folder):
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
    }


def test_a_healthy_plugin_gets_a_shim_its_info_and_a_line_in_the_manifest(site, shims):
    report = sync(str(shims))
    assert (entries(report), report.broken) == ({"alpha": "written"}, False), report
    assert report.folder == str(shims)
    manifest = place.Manifest(str(shims))
    assert manifest.plugins == {"alpha": {}}
    said = info_of(shims, "alpha")
    assert said["fingerprint"] == manifest.key
    assert said["info"]["name"] == "alpha"
    assert said["info"]["plugin_path"] == str(shims / "alpha" / "run.sh")
    assert said["info"]["scope_model_info"]["table_name"] == "_tool_alpha_alphaboards"


def test_the_syncing_process_imports_no_plugin(site, shims):
    sync(str(shims))
    assert "devlake_plugin_alpha" not in sys.modules


def test_everybody_can_read_what_was_written_whatever_the_umask_is(site, shims):
    before = os.umask(0o077)
    try:
        sync(str(shims / "deep"))
    finally:
        os.umask(before)
    assert modes(shims) == {
        ".": 0o755,
        "deep": 0o755,
        "deep/runner.json": 0o644,
        "deep/alpha": 0o755,
        "deep/alpha/run.sh": 0o755,
        "deep/alpha/plugin-info.json": 0o644,
    }


def test_a_second_sync_touches_nothing(site, shims):
    sync(str(shims))
    before = {path: path.stat().st_ino for path in shims.rglob("*")}
    assert entries(sync(str(shims))) == {"alpha": "unchanged"}
    assert {path: path.stat().st_ino for path in shims.rglob("*")} == before


def test_lost_rights_are_given_back(site, shims):
    sync(str(shims))
    (shims / "alpha" / "run.sh").chmod(0o600)
    assert entries(sync(str(shims))) == {"alpha": "written"}
    assert modes(shims)["alpha/run.sh"] == 0o755


def test_an_installation_makes_what_was_written_stale(site, shims):
    sync(str(shims))
    before = info_of(shims, "alpha")["fingerprint"]
    record = site.folder / "devlake_plugin_alpha-1.0.dist-info" / "RECORD"
    record.write_text("devlake_plugin_alpha/__init__.py,,\nanother.py,,\n")
    assert place.Manifest(str(shims)).key != before
    sync(str(shims))
    assert place.Manifest(str(shims)).key == info_of(shims, "alpha")["fingerprint"]


def test_a_plugin_that_does_not_work_gets_no_shim_and_harms_no_other(site, shims):
    site.install("lame", "import nothing_of_that_name\n")
    report = sync(str(shims))
    assert (entries(report), report.broken) == ({"alpha": "written"}, True)
    assert "nothing_of_that_name" in left_out(report)["lame"].reason
    assert left_out(report)["lame"].hint
    assert not (shims / "lame").exists()
    assert place.Manifest(str(shims)).plugins == {"alpha": {}}


def test_a_plugin_that_breaks_later_keeps_its_shim_and_its_last_info(site, shims):
    site.install("beta")
    sync(str(shims))
    before = info_of(shims, "beta")
    site.install("beta", "raise RuntimeError('worse')\n")
    report = sync(str(shims))
    assert (entries(report), report.broken) == ({"alpha": "written", "beta": "kept"}, True)
    assert info_of(shims, "beta") == before
    assert place.Manifest(str(shims)).plugins == {"alpha": {}, "beta": {}}
    site.install("beta")
    assert entries(sync(str(shims))) == {"alpha": "written", "beta": "written"}


def test_a_plugin_that_was_switched_off_keeps_its_shim_and_nothing_is_wrong(
    site, shims, monkeypatch
):
    sync(str(shims))
    monkeypatch.setenv("DEVLAKE_DISABLED_PLUGINS", "alpha,gitrepo,company")
    report = sync(str(shims))
    assert (entries(report), report.broken) == ({"alpha": "kept"}, False)


def test_the_shim_of_a_plugin_that_is_gone_is_marked_and_goes_only_when_asked(site, shims):
    site.install("beta")
    sync(str(shims))
    site.remove("beta")
    for _ in range(2):
        report = sync(str(shims))
        assert entries(report)["beta"] == "marked"
        assert not report.broken
        assert place.Manifest(str(shims)).plugins == {"alpha": {}, "beta": {"uninstalled": True}}
        assert (shims / "beta" / "run.sh").exists()
    assert entries(sync(str(shims), prune=True))["beta"] == "removed"
    assert not (shims / "beta").exists()
    assert place.Manifest(str(shims)).plugins == {"alpha": {}}


def test_a_plugin_that_comes_back_loses_its_mark(site, shims):
    sync(str(shims))
    site.remove("alpha")
    sync(str(shims))
    site.install("alpha")
    sync(str(shims))
    assert place.Manifest(str(shims)).plugins == {"alpha": {}}


def test_pruning_takes_nothing_of_somebody_else(site, shims):
    sync(str(shims))
    (shims / "alpha" / "notes.txt").write_text("mine")
    site.remove("alpha")
    sync(str(shims), prune=True)
    assert [path.name for path in (shims / "alpha").iterdir()] == ["notes.txt"]


def test_a_plugin_that_is_no_distribution_is_remembered(site, shims, legacy):
    assert entries(sync(str(shims), legacy=[str(legacy.parent)]))["elder"] == "written"
    assert entries(sync(str(shims)))["elder"] == "unchanged"
    assert place.Manifest(str(shims)).plugins["elder"] == {"legacy": str(legacy)}
    assert info_of(shims, "elder")["info"]["scope_model_info"]["table_name"] == (
        "_tool_elder_elderboards"
    )
    legacy.write_text("raise RuntimeError('worse')\n")
    assert entries(sync(str(shims)))["elder"] == "kept"
    legacy.unlink()
    assert entries(sync(str(shims)))["elder"] == "marked"
    assert entries(sync(str(shims), prune=True))["elder"] == "removed"


def test_a_changed_file_of_a_plugin_that_is_no_distribution_makes_its_info_stale(
    site, shims, legacy
):
    sync(str(shims), legacy=[str(legacy)])
    before = place.Manifest(str(shims)).key
    legacy.write_text(legacy.read_text() + "\n# changed\n")
    assert place.Manifest(str(shims)).key != before


@pytest.mark.parametrize("name", ["github", "alpha"])
def test_a_plugin_that_is_no_distribution_takes_nobodys_name(site, shims, legacy, name):
    legacy.write_text(PLUGIN.format(name="Elder") + f"\n    name = {name!r}\n")
    report = sync(str(shims), legacy=[str(legacy)])
    assert report.broken
    assert "its name is that of" in left_out(report)[name].reason
    assert place.Manifest(str(shims)).plugins == {"alpha": {}}
    assert info_of(shims, "alpha")["info"]["connection_model_info"]


@pytest.mark.parametrize("name", ["../../etc", "a", "UPPER", "x y", ""])
def test_a_name_that_is_no_name_makes_no_folder(site, shims, legacy, name):
    legacy.write_text(PLUGIN.format(name="Elder") + f"\n    name = {name!r}\n")
    report = sync(str(shims), legacy=[str(legacy)])
    assert report.broken
    assert sorted(path.name for path in shims.iterdir()) == ["alpha", "runner.json"]


def test_a_distribution_takes_the_place_of_what_was_noted_earlier(site, shims, legacy):
    sync(str(shims), legacy=[str(legacy)])
    site.install("elder")
    report = sync(str(shims))
    assert (entries(report)["elder"], report.broken) == ("written", False)
    assert place.Manifest(str(shims)).plugins["elder"] == {}


def test_what_the_server_would_execute_beside_our_shims_is_named(site, shims):
    for folder in (".venv/lib", "stranger"):
        (shims / folder).mkdir(parents=True)
        (shims / folder / "run.sh").write_text("#!/bin/sh\n")
    report = sync(str(shims))
    assert report.broken
    named = [entry.path for entry in report.entries if entry.action == "foreign"]
    assert named == [str(shims / ".venv/lib/run.sh"), str(shims / "stranger/run.sh")]
    assert (shims / "alpha" / "run.sh").exists()


def test_the_run_sh_that_a_pydevlake_plugin_brings_is_no_mistake_but_there_is_advice(site, shims):
    (shims / "fake").mkdir(parents=True)
    (shims / "fake" / "run.sh").write_text("#!/bin/sh\npython main.py\n")
    (shims / "fake" / "main.py").write_text("")
    report = sync(str(shims))
    [entry] = [entry for entry in report.entries if entry.action == "foreign"]
    assert not report.broken
    assert f"--legacy {shims / 'fake' / 'main.py'}" in entry.hint


def test_a_file_of_somebody_else_is_not_overwritten(site, shims):
    (shims / "alpha").mkdir(parents=True)
    (shims / "alpha" / "run.sh").write_text("#!/bin/sh\nexec mine\n")
    report = sync(str(shims))
    assert "not overwritten" in left_out(report)["alpha"].reason
    assert (shims / "alpha" / "run.sh").read_text() == "#!/bin/sh\nexec mine\n"
    assert not (shims / "alpha" / "plugin-info.json").exists()


def test_a_damaged_manifest_is_written_anew_and_no_shim_is_lost(site, shims):
    site.install("beta")
    sync(str(shims))
    site.remove("beta")
    (shims / "runner.json").write_text('{"v": 1')
    report = sync(str(shims))
    assert "damaged" in " ".join(entry.reason for entry in report.entries)
    assert place.Manifest(str(shims)).plugins == {"alpha": {}, "beta": {"uninstalled": True}}


def test_what_a_killed_sync_left_is_taken_away(site, shims):
    sync(str(shims))
    for folder in (shims, shims / "alpha"):
        (folder / ".devlake-sync-abcd").write_text("half")
    sync(str(shims))
    assert not list(shims.rglob(".devlake-sync-*"))


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        sync(str(tmp_path / "file" / "shims"))


def test_syncs_at_the_same_time_leave_whole_files(site, shims):
    site.install("beta")
    code = f"from devlake_core.bridge.sync import sync; sync({str(shims)!r})"

    def run(_number):
        return subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=90)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    manifest = place.Manifest(str(shims))
    assert manifest.plugins == {"alpha": {}, "beta": {}}
    for name in ("alpha", "beta"):
        assert info_of(shims, name)["fingerprint"] == manifest.key
        assert read_shim(shims / name / "run.sh")
    assert len(list(shims.rglob("*"))) == 7
