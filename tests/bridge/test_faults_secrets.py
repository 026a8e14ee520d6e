"""Secrets on their way through the bridge: who has them, and who must not."""

import sqlite3
from pathlib import Path

import pytest

from tests.bridge.beside import COLD, Running, is_root, services, state_of, told, until
from tests.bridge.installed import Site, code
from tests.bridge.server import connection
from tests.bridge.shims import CONFIG, synced
from tests.test_crypto import SECRET, VECTORS

VAULT = """

class Entry(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    value: dl.SecretStr
    note: str | None


class Entries(dl.Stream):
    tool_model = Entry

    def collect(self, state, ctx):
        for number, value in enumerate({values!r}):
            yield {{"id": number, "value": value, "note": "plain"}}, state


VaultPlugin.streams = [Entries]
"""
LOOKS_SECRET = "glpat-" + "Zz9" * 8
HIDDEN = {
    "DB_URL": "mysql://merico:CANARY-db-1@127.0.0.1:1/lake",
    "DEVLAKE_DB_URL": "mysql://merico:CANARY-db-2@127.0.0.1:1/lake",
    "ENCRYPTION_SECRET": "CANARY-encryption",
}


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("x") / "site-packages")
    message = f"print({LOOKS_SECRET!r}, 'was printed') or 'ok'"
    site.install("vault", code("vault", message=message, more=VAULT.format(values=list(VECTORS))))
    site.install("other")
    with synced(**site.env) as shims:
        yield shims


@pytest.fixture(params=["warm", "cold"])
def mode(request):
    return request.param


def variables(mode, shims, plugin, **env):
    if mode == "cold":
        return {**COLD, **env}
    shims.warm(plugin)
    return env


def test_x4_secrets_in_tables_are_encrypted_as_the_server_does_it(vault, mode, tmp_path):
    env = variables(mode, vault, "vault", ENCRYPTION_SECRET=SECRET)
    database = tmp_path / "lake.db"
    context = {
        "db_url": f"sqlite:///{database}",
        "connection": {"id": 1, "name": "c"},
        "scope": {"id": "a", "name": "A", "connectionId": 1},
    }
    for verb in ("collect", "extract"):
        status, _, log, errors = vault.shim("vault", verb, CONFIG, context, '"entries"', env=env)
        assert status == 0, log + errors
    with sqlite3.connect(database) as lake:
        found = lake.execute("SELECT value FROM _tool_vault_entries ORDER BY id").fetchall()
    lake.close()
    assert [value for (value,) in found] == list(VECTORS.values())


def test_x5_a_plugin_finds_no_secret_of_the_servers(lasting_shims, mode):
    env = variables(mode, lasting_shims, "unruly", **HIDDEN)
    words = ("unruly", "test-connection", CONFIG, connection("tells"))
    status, output, log, errors = lasting_shims.shim(*words, env=env)
    assert status == 0, errors
    said = told(log)
    assert not said["environ"].keys() & HIDDEN.keys()
    assert not [name for name in HIDDEN if f"{name}=" in said["proc_environ"]]
    assert "CANARY" not in output + log + errors


def test_x5_a_secret_that_is_no_text_is_in_nobodys_way(lasting_shims, mode):
    env = variables(mode, lasting_shims, "unruly", ENCRYPTION_SECRET="\udcff\udcfe" * 8)
    words = ("unruly", "test-connection", CONFIG, connection())
    status, _, _, errors = lasting_shims.shim(*words, env=env)
    assert status == 0, errors


@pytest.mark.skipif(not is_root(), reason="their files in /proc are root's")
def test_x5_no_process_that_lives_on_has_a_secret(lasting_shims):
    lasting_shims.stop()
    env = {**lasting_shims.env, **HIDDEN}
    assert lasting_shims.shim("unruly", "test-connection", CONFIG, connection(), env=env)[0] == 0
    lasting_shims.warm("unruly")
    (service,) = services(lasting_shims)
    for pid in (service, state_of(lasting_shims, "unruly")["pid"]):
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"CANARY" not in file.read()
    assert "CANARY" not in lasting_shims.logs()


def test_x5_what_looks_like_a_secret_is_not_printed(vault, mode):
    env = variables(mode, vault, "vault")
    status, _, log, errors = vault.shim("vault", "test-connection", CONFIG, {"name": "x"}, env=env)
    assert status == 0, errors
    assert "*** was printed" in log
    assert LOOKS_SECRET not in log + errors


def test_x5_the_arguments_are_not_to_be_seen(lasting_shims, mode):
    env = variables(mode, lasting_shims, "unruly")
    call = Running(
        lasting_shims, "unruly", "test-connection", CONFIG, connection("slow 2"), env=env
    )
    try:
        until(lambda: b"CANARY" not in Path(f"/proc/{call.pid}/cmdline").read_bytes())
        assert call.process.poll() is None
    finally:
        assert call.end()[0] == 0


@pytest.mark.parametrize("allowed", ["other", "vault@devlake-plugin-vault==2.0"])
def test_x6_what_is_not_on_the_list_is_not_loaded(vault, mode, allowed):
    env = {"DEVLAKE_PLUGINS": allowed} | (COLD if mode == "cold" else {})
    for _ in range(2 if mode == "warm" else 1):
        status, output, _, errors = vault.shim(
            "vault", "test-connection", CONFIG, {"name": "x"}, env=env
        )
        assert (status, output) == (78, ""), errors
        assert "DEVLAKE_PLUGINS" in errors
