"""What is wrong is told in one message: what, where, what to do; with an exit code for its kind."""

import os
import sqlite3
import subprocess

import pytest

from devlake_core.cli.main import status
from devlake_core.crypto import set_encryption_secret
from devlake_core.redaction import forget_secrets
from tests.cli.conftest import CANARY


@pytest.fixture
def called(tmp_path, site, monkeypatch, capfd):
    """Call the command in this process; return exit code, stdout and stderr."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("DEVLAKE_DISABLED_PLUGINS", "gitrepo")
    monkeypatch.chdir(tmp_path)

    forget_secrets()

    def call(*words):
        code = status(words)
        out, err = capfd.readouterr()
        return code, out, err

    yield call
    # What this process has seen would be stars in the output of other tests.
    forget_secrets()
    set_encryption_secret(None)


NEW = ("connections", "add", "tracker", "--name", "n", "--token-env", "TOKEN")

TABLE = [
    # (words, exit code, what the message has)
    ("rnu", 2, "no command 'rnu'", "did you mean run"),
    ("run", 2, "say which plugin", "devlake plugins"),
    ("run nobody", 2, "no plugin 'nobody'", "acrobat, gitrepo, tracker"),
    ("run trakcer", 2, "no plugin 'trakcer'", "did you mean tracker"),
    ("run gitrepo", 78, "is disabled", "DEVLAKE_DISABLED_PLUGINS"),
    ("run tracker", 2, "tracker has no connection yet", "connections add tracker"),
    ("run tracker --connection x", 2, "no connection 'x' of tracker", "none yet"),
    ("run acrobat split --stream jump", 2, "no stream 'jump'", "did you mean jumps"),
    ("run acrobat --scope spilt", 2, "no saved scope 'spilt'", "did you mean split"),
    ("run acrobat", 0, "", ""),
    ("run acrobat no-way", 2, "no scope 'no-way' of acrobat", "Split"),
    ("run acrobat no-collect", 2, "no scope 'no-collect'", "did you mean the verb collect?"),
    ("run acrobat split no-collect", 2, "no scope 'no-collect'", "there is Split"),
    ("run acrobat,tracker extrakt", 2, "for one plugin alone", "did you mean the verb extract?"),
    ("run acrobat,tracker split", 2, "for one plugin alone", "one by one"),
    ("run acrobat --jobs 0", 2, "--jobs", "devlake run --help"),
    ("run acrobat --speed 3", 2, "--speed", "devlake run --help"),
    ("run acrobat --db nonsense", 78, "no scheme", "sqlite:///devlake.db"),
    ("run acrobat --db oracle://h/d", 78, "oracle", "sqlite:///devlake.db"),
    ("run acrobat --db mysql://u:s3cr3t!@h/d", 2, "holds a password", "DEVLAKE_DB_URL"),
    ("run acrobat --db sqlite:///no/such/folder/d.db", 75, "does not exist", "make the folder"),
    ("run acrobat --db postgresql://u@127.0.0.1:9/d", 75, "127.0.0.1:9", ""),
    ("run --legacy nowhere", 2, "no plugin at nowhere", "main.py"),
    ("connections show tracker x", 2, "no connection 'x'", ""),
    ("connections list --db sqlite:///other.db", 2, "there is no database", "other.db"),
    (
        "connections add tracker --name n",
        2,
        "needed and not given: endpoint, token",
        "--endpoint VALUE --token-env VAR",
    ),
    ("connections add tracker", 2, "--name", "connections add tracker --help"),
    ("connections add nobody --name n", 2, "no plugin 'nobody'", ""),
    (
        "connections add tracker --name n --endpoint x --token-env NOT_SET",
        2,
        "NOT_SET is not set",
        "set it",
    ),
    (
        "connections add tracker --name n --endpoint x --token-env TOKEN --page-size many",
        78,
        "page_size: Input should be a valid integer",
        "connections add tracker --help",
    ),
    ("connections edit tracker x --endpoint y", 2, "no connection 'x'", ""),
    ("connections remove acrobat default", 2, "has 1 scope\n", "scopes remove"),
    ("scopes add acrobat", 2, "say which scopes", "scopes browse"),
    ("scopes remove acrobat nope --yes", 2, "no saved scope 'nope'", ""),
    ("configs show tracker c", 2, "no config 'c'", "none yet"),
    ("state show acrobat --stream jumsp", 2, "no stream 'jumsp'", "did you mean jumps"),
    ("completion tcsh", 2, "tcsh", "bash"),
]


def test_each_mistake_is_told_in_one_clear_message(called, monkeypatch):
    monkeypatch.setenv("TOKEN", CANARY)
    assert called("run", "acrobat", "split")[0] == 0
    wrong = []
    for words, code, what, hint in TABLE:
        found, out, err = called(*words.split())
        if found != code or what not in err or hint not in err or "Traceback" in out + err:
            wrong.append((words, found, err))
        if code and err.count("error: ") != 1:
            wrong.append((words, "messages", err))
        assert CANARY not in out + err
        assert "s3cr3t" not in out + err
    assert not wrong, "\n".join(map(str, wrong))


def test_a_wrong_secret_is_a_matter_of_configuration(called, monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN", CANARY)
    assert called(*NEW, "--endpoint", "http://127.0.0.1:9")[0] == 0
    monkeypatch.setenv("ENCRYPTION_SECRET", "another one")
    code, _, err = called("run", "tracker", "b1")
    assert code == 78
    assert "wrong ENCRYPTION_SECRET" in err
    assert ".key file" in err


def test_a_connection_that_was_made_invalid_names_the_field(called, monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN", CANARY)
    assert called(*NEW, "--endpoint", "http://127.0.0.1:9")[0] == 0
    with sqlite3.connect(tmp_path / "devlake.db") as database:
        database.execute("UPDATE _tool_tracker_trackerconnections SET endpoint = NULL")
    code, _, err = called("run", "tracker", "b1")
    assert code == 78
    assert "TrackerConnection 'n' is not valid: endpoint:" in err


def test_a_host_that_refuses_is_asked_again_later(called, monkeypatch):
    monkeypatch.setenv("TOKEN", CANARY)
    assert called(*NEW, "--endpoint", "http://127.0.0.1:9")[0] == 0
    code, _, err = called("run", "tracker", "b1")
    assert code == 75
    assert "127.0.0.1" in err


def test_a_corrupt_database_is_told(called, tmp_path):
    (tmp_path / "devlake.db").write_bytes(b"this is no database at all, not a bit of it" * 100)
    code, _, err = called("run", "acrobat", "split")
    assert code in {75, 78}
    assert "devlake.db" in err
    assert "Traceback" not in err


def test_a_database_that_needs_migrations_says_so(called, postgresql_url, monkeypatch):
    monkeypatch.setenv("DEVLAKE_DB_URL", postgresql_url)
    code, _, err = called("run", "acrobat", "split")
    assert code == 78
    # Not the whole of it: the password of the tests' server is redacted wherever it stands.
    assert "lacks migrations" in err
    assert "migrate acrobat`" in err


def test_output_that_cannot_be_written_has_its_own_code(devlake):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        devlake.command("plugins"), stdout=write, stderr=subprocess.PIPE, env=devlake.env, text=True
    )
    os.close(write)
    assert done.returncode == 74
    assert done.stderr == ""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            devlake.command("plugins"), stdout=full, stderr=subprocess.PIPE, env=devlake.env,
            text=True,
        )  # fmt: skip
    assert done.returncode == 74
    assert "No space left" in done.stderr
