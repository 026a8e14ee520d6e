"""Secrets come in by a variable, stdin or a prompt, and go out nowhere."""

import os
import pty
import select
import stat
import subprocess
import time

import pytest
from sqlalchemy import make_url

from devlake_core.crypto import decrypt_text
from tests.cli.conftest import CANARY


def test_a_secret_is_encrypted_with_a_key_of_its_own_in_a_file_for_the_user_alone(connected):
    (row,) = connected.rows("SELECT token FROM _tool_tracker_trackerconnections")
    key = connected.folder / "devlake.db.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert CANARY not in row[0]
    assert decrypt_text(key.read_text(), row[0]) == CANARY


def test_encryption_secret_wins_over_the_key_file(devlake):
    add = ("connections", "add", "tracker", "--name", "n", "--endpoint", "http://x")
    devlake(*add, "--token-env", "TOKEN", TOKEN=CANARY, ENCRYPTION_SECRET="s3cret")
    (row,) = devlake.rows("SELECT token FROM _tool_tracker_trackerconnections")
    assert decrypt_text("s3cret", row[0]) == CANARY
    assert not (devlake.folder / "devlake.db.key").exists()


def test_another_database_needs_the_secret_to_be_given(devlake, postgresql_url):
    devlake.environ["DEVLAKE_DB_URL"] = postgresql_url
    devlake("migrate", "tracker")
    add = ("connections", "add", "tracker", "--name", "n", "--endpoint", "http://x")
    done = devlake(*add, "--token-env", "TOKEN", code=78, TOKEN=CANARY)
    assert "ENCRYPTION_SECRET is not set" in done.err
    assert CANARY not in done.all
    devlake(*add, "--token-env", "TOKEN", TOKEN=CANARY, ENCRYPTION_SECRET="s3cret")
    assert devlake("connections", "list", "--json").json[0]["token"] == "***"


def test_no_command_shows_a_secret(connected, tool):
    tool.echo = f"your key {CANARY} is bad"
    calls = [
        ("connections", "list", "--json"),
        ("connections", "show", "tracker", "main"),
        ("connections", "show", "tracker", "--json"),
        ("connections", "test", "tracker", "main", "--debug"),
        ("run", "tracker", "b1", "--debug"),
        ("run", "tracker", "b1", "b2", "--jobs", "2", "--debug"),
        ("doctor",),
    ]
    for words in calls:
        assert CANARY not in connected(*words, code=None).all, words
    tool.status = 403
    for words in calls:
        done = connected(*words, code=None)
        assert CANARY not in done.all, words
        assert "ßecret" not in done.all, words
    tables = [name for (name,) in connected.rows("SELECT name FROM sqlite_master")]
    assert tables
    for path in connected.folder.glob("devlake.db*"):
        assert CANARY.encode() not in path.read_bytes(), path


def test_there_is_no_option_that_takes_a_secret(devlake):
    done = devlake("connections", "add", "tracker", "--help")
    assert "--token-env VAR" in done.out
    assert "--token-stdin" in done.out
    assert "--token " not in done.out
    done = devlake("connections", "add", "tracker", "--name", "n", "--token", "x", code=2)
    assert "--token" in done.err


def on_a_terminal(devlake, *words, prompt, answer):
    """Call the command on a terminal, answer its prompt; return exit code and what was shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        devlake.command(*words), cwd=devlake.folder, env=devlake.env,
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    shown, sent = b"", False
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        if not select.select([leader], [], [], 0.1)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            shown += os.read(leader, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if prompt in shown and not sent:
            time.sleep(0.2)
            os.write(leader, answer.encode() + b"\n")
            sent = True
    os.close(leader)
    code = process.wait(90)
    assert sent, shown
    return code, shown


def test_a_secret_is_asked_for_on_a_terminal_and_not_echoed(devlake):
    words = ("connections", "add", "tracker", "--name", "n", "--endpoint", "http://x")
    code, shown = on_a_terminal(devlake, *words, prompt=b"token: ", answer=CANARY)
    assert code == 0, shown
    assert CANARY.encode() not in shown
    (row,) = devlake.rows("SELECT token FROM _tool_tracker_trackerconnections")
    assert decrypt_text((devlake.folder / "devlake.db.key").read_text(), row[0]) == CANARY


@pytest.fixture(params=["postgresql", "mysql"])
def server(request):
    """Return the URL of a server's database without its password, and the password."""
    url = request.getfixturevalue(f"{request.param}_url")
    password = str(make_url(url).password)
    return url.replace(f":{password}@", "@"), password


def test_the_password_of_a_database_is_asked_for_on_a_terminal(devlake, server):
    url, password = server
    words = ("migrate", "tracker", "--dry-run", "--db", url)
    code, shown = on_a_terminal(devlake, *words, prompt=b" at 127.0.0.1:", answer=password)
    assert code == 0, shown
    assert b"password of " in shown
    assert b"pending: " in shown
    code, shown = on_a_terminal(devlake, *words, prompt=b" at 127.0.0.1:", answer=CANARY)
    assert code == 78
    assert b"password was refused" in shown
    assert CANARY.encode() not in shown


def test_nobody_is_asked_for_a_password_without_a_terminal(devlake, server):
    done = devlake("migrate", "--dry-run", "--db", server[0], code=78)
    assert "user or password was refused" in done.err
    assert "put the URL with its password into DEVLAKE_DB_URL" in done.err
