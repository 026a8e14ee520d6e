"""`devlake doctor --server`: is this folder of shims, with this environment, fit for a server?"""

from __future__ import annotations

import json
import os

import pytest
from sqlalchemy import create_engine, text

from devlake_core.store import parse_url


@pytest.fixture
def shims(devlake):
    devlake("bridge", "sync", "shims")
    devlake.environ["REMOTE_PLUGIN_DIR"] = str(devlake.folder / "shims")
    return devlake.folder / "shims"


@pytest.fixture
def doctor(devlake, shims):
    """Return what the doctor finds as (level, text, hint) by subject."""

    def look(code=0, **env):
        said = devlake("doctor", "--server", "shims", "--json", code=code, **env).json
        return {item["what"]: (item["level"], item["text"], item["hint"]) for item in said}

    return look


def test_a_fresh_installation_is_fit(doctor, devlake):
    found = doctor(ENCRYPTION_SECRET="s3cret", PLUGIN_DIR=str(devlake.folder))
    assert found["REMOTE_PLUGIN_DIR"][0] == "ok"
    assert found["encryption"][0] == "ok"
    assert found["interpreter"][0] == "ok"
    assert found["shim tracker"] == ("ok", "is up to date", "")
    assert found["database"][0] == "note"
    assert "nothing is wrong" in devlake("doctor", "--server", "shims").out


def test_a_folder_without_shims_is_wrong(devlake):
    done = devlake("doctor", "--server", ".", code=78)
    assert "✗ shims: . has no runner.json" in done.out
    assert "→ write it: devlake bridge sync ." in done.out


def test_what_the_environment_names_wrongly_is_told(doctor):
    found = doctor(code=78, REMOTE_PLUGIN_DIR="/elsewhere", DISABLED_REMOTE_PLUGINS="true")
    assert found["REMOTE_PLUGIN_DIR"][0] == "wrong"
    assert found["DISABLED_REMOTE_PLUGINS"][0] == "wrong"
    assert found["encryption"][0] == "warning"


def remove(shim):
    shim.unlink()


def edit(shim):
    shim.write_text(shim.read_text() + "echo more\n")


def disable(shim):
    shim.chmod(0o644)


def point_elsewhere(shim):
    words = shim.read_text().splitlines()[-1].split()
    shim.write_text(shim.read_text().replace(words[1], "/nowhere/python"))


def lose_info(shim):
    (shim.parent / "plugin-info.json").write_text("{")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (remove, "is missing"),
        (edit, "is not as"),
        pytest.param(
            disable,
            "is not executable",
            marks=pytest.mark.skipif(os.name != "posix", reason="rights of POSIX"),
        ),
        (point_elsewhere, "/nowhere/python"),
        (lose_info, "missing or damaged"),
    ],
)
def test_a_shim_that_would_harm_the_server_is_wrong(doctor, shims, harm, told):
    harm(shims / "tracker" / "run.sh")
    level, said, hint = doctor(code=78)["shim tracker"]
    assert level == "wrong"
    assert told in said
    assert "devlake bridge sync shims" in hint


def test_a_folder_that_was_moved_is_wrong(devlake, shims):
    shims.rename(devlake.folder / "moved")
    done = devlake("doctor", "--server", "moved", code=78)
    assert f"it was written for {shims / 'tracker' / 'run.sh'}" in done.out


def test_what_others_cannot_read_is_told(doctor, shims):
    (shims / "tracker" / "plugin-info.json").chmod(0o600)
    shims.chmod(0o700)
    found = doctor()
    assert found["shim tracker"][:2] == ("warning", "other users cannot use plugin-info.json")
    level, said, hint = found["rights of shims"]
    assert (level, "no further than" in said) == ("warning", True)
    assert "chmod o+" in hint
    assert hint.endswith(said.rpartition(" ")[2])


def test_an_installation_after_the_sync_is_told(doctor, site):
    record = site / "devlake_plugin_tracker-1.0.dist-info" / "METADATA"
    record.write_text(record.read_text() + "License: none\n")
    assert doctor()["shim tracker"][0] == "warning"


def test_what_is_installed_without_a_shim_is_told(doctor, site):
    found = doctor()
    assert "plugin acrobat" in found
    manifest = site.parent / "here" / "shims" / "runner.json"
    values = json.loads(manifest.read_text())
    del values["plugins"]["acrobat"]
    manifest.write_text(json.dumps(values))
    said = doctor(code=78)
    assert said["plugin acrobat"][:2] == (
        "warning",
        "devlake-plugin-acrobat 1.0 is installed, but has no shim",
    )
    assert said["shim acrobat"][:2] == ("wrong", "runner.json does not know it: its calls fail")


def test_what_is_no_longer_installed_is_told(doctor, devlake, site):
    (site / "devlake_plugin_acrobat-1.0.dist-info" / "entry_points.txt").unlink()
    devlake("bridge", "sync", "shims")
    level, said, hint = doctor()["shim acrobat"]
    assert (level, said) == ("warning", "nothing is installed behind it any more")
    assert "--prune" in hint


def test_other_files_that_the_server_executes_are_told(doctor, shims):
    for folder in (".venv/lib", "fake"):
        (shims / folder).mkdir(parents=True)
        (shims / folder / "run.sh").write_text("#!/bin/sh\n")
    (shims / "fake" / "main.py").write_text("")
    found = doctor(code=78)
    assert found[str(shims / ".venv/lib/run.sh")][0] == "wrong"
    level, _, hint = found[str(shims / "fake/run.sh")]
    assert (level, f"--legacy {shims / 'fake/main.py'}" in hint) == ("warning", True)


def test_a_plugin_of_the_server_itself_is_not_replaced(doctor, devlake):
    (devlake.folder / "go").mkdir()
    (devlake.folder / "go" / "tracker.so").write_text("")
    found = doctor(code=78, PLUGIN_DIR=str(devlake.folder / "go"))
    assert found["shim tracker"][0] == "wrong" or found["plugin tracker"][0] == "wrong"


@pytest.fixture
def server(devlake, postgresql_url):
    """Return a call that executes SQL in a database that looks as a server left it."""
    migrated = {"DEVLAKE_DB_URL": postgresql_url}
    devlake("migrate", "tracker", **migrated)
    engine = create_engine(parse_url(postgresql_url))

    def execute(statement, **values):
        with engine.begin() as connection:
            connection.execute(text(statement), values)

    yield execute
    engine.dispose()


def test_a_database_that_we_made_is_none_for_a_server(doctor, server, postgresql_url):
    level, said, _ = doctor(code=78, DB_URL=postgresql_url)["database"]
    assert (level, "own tables are missing" in said) == ("wrong", True), said


def test_kind_secret_and_size_of_a_servers_database_are_looked_at(
    doctor, devlake, server, postgresql_url
):
    server(
        "UPDATE _devlake_migration_history SET comment = 'Framework' WHERE comment = 'devlake_core'"
    )
    add = ("connections", "add", "tracker", "--name", "main", "--endpoint", "http://127.0.0.1:1")
    right = {"ENCRYPTION_SECRET": "s3cret"}
    devlake(*add, "--token-env", "TOKEN", DEVLAKE_DB_URL=postgresql_url, TOKEN="t", **right)
    server(
        "INSERT INTO _tool_tracker_boards (connection_id, id, name)"
        " SELECT 1, CAST(n AS text), 'board' FROM generate_series(1, 101) AS n"
    )
    found = doctor(DB_URL=postgresql_url, **right)
    assert found["database"][0] == "ok"
    assert found["connections of tracker"][:2] == ("ok", "1 can be read")
    level, said, hint = found["scopes of tracker"]
    assert (level, "connection 1 has 101 scopes" in said) == ("warning", True)
    assert "blueprints" in hint
    wrong = doctor(code=78, DB_URL=postgresql_url, ENCRYPTION_SECRET="another")
    assert wrong["connections of tracker"][0] == "wrong"


def test_sqlite_is_no_database_of_a_server(doctor):
    assert doctor(code=78, DB_URL="sqlite:///x.db")["database"][0] == "wrong"
