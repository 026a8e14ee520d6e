"""The server's column encryption, vector by vector, and where the secret comes from."""

import logging
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devlake_core import crypto
from devlake_core.errors import ConfigError

SECRET = "s3cret"
VECTORS = {
    "": "j1Jv9k7uoe/dtL7jl5LqvA==",
    "ghp_example": "3KN9UChmunFrqectxVUWwJ30NKJS1oIKUZkjv5SkZFo=",
    "null": "EPsaN4dXUNqrW/dcvTFp6A==",
    '{"a":1}': "xHrTcZTUVlHegp9yXio0vA==",
    "pässwörd 🔑": "9ya3gHqbCSL0ms+gSwiAQyJ5BTuyqjS3yzzAfj5IPKY=",
}


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    monkeypatch.delenv(crypto.VARIABLE, raising=False)
    crypto.set_encryption_secret(None)
    yield
    crypto.set_encryption_secret(None)


@pytest.mark.parametrize(("plain", "cipher"), VECTORS.items())
def test_vectors_of_the_server_hold_both_ways(plain, cipher):
    assert crypto.encrypt(SECRET, plain) == cipher
    assert crypto.decrypt(SECRET, cipher) == plain.encode()
    assert crypto.decrypt_text(SECRET.encode(), cipher.encode()) == plain


@settings(deadline=None)
@given(data=st.binary(max_size=100), secret=st.binary(min_size=1, max_size=40))
def test_any_bytes_come_back_as_they_were(data, secret):
    assert crypto.decrypt(secret, crypto.encrypt(secret, data)) == data


def test_another_secret_is_a_configuration_error_that_says_what_to_do():
    with pytest.raises(ConfigError, match="wrong ENCRYPTION_SECRET") as caught:
        crypto.decrypt("other", VECTORS["ghp_example"])
    assert caught.value.exit_code == 78
    assert "ENCRYPTION_SECRET" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        VECTORS["ghp_example"][:-4],
        VECTORS["ghp_example"][:24],
        "not base64!",
        "ghp_plaintext_by_mistake",
        "bm90IGVuY3J5cHRlZA==",
        "=",
        "ä",
        b"\xff",
    ],
)
def test_damaged_values_are_typed_errors_that_do_not_show_them(text):
    with pytest.raises(ConfigError, match="damaged") as caught:
        crypto.decrypt(SECRET, text)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    shown = text if isinstance(text, str) else repr(text)
    assert len(shown) < 3 or shown not in str(caught.value)


@pytest.mark.parametrize("bit", range(0, 32 * 8, 7))
def test_a_flipped_bit_gives_an_error_and_never_another_text(bit):
    from base64 import b64decode, b64encode

    raw = bytearray(b64decode(VECTORS["ghp_example"]))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ConfigError):
        crypto.decrypt_text(SECRET, b64encode(bytes(raw)))


def test_an_empty_column_is_an_error_as_it_is_on_the_server():
    with pytest.raises(ConfigError, match="empty text"):
        crypto.decrypt(SECRET, "")


def test_line_breaks_in_the_column_are_skipped_as_the_server_does():
    cipher = VECTORS["ghp_example"]
    assert crypto.decrypt(SECRET, f"{cipher[:20]}\r\n{cipher[20:]}\n") == b"ghp_example"


@pytest.mark.parametrize("secret", ["", b""])
def test_an_empty_secret_encrypts_nothing(secret):
    with pytest.raises(ConfigError, match="empty"):
        crypto.encrypt(secret, "x")


def test_bytes_that_are_no_text_are_a_typed_error():
    with pytest.raises(ConfigError, match="no text"):
        crypto.decrypt_text(SECRET, crypto.encrypt(SECRET, b"\xff\xfe"))


def test_importing_the_module_does_not_import_cryptography():
    code = "import sys, devlake_core.crypto; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_variable_is_read_once_and_removed(monkeypatch):
    monkeypatch.setenv(crypto.VARIABLE, "from the environment")
    assert crypto.encryption_secret() == "from the environment"
    assert crypto.VARIABLE not in os.environ
    assert crypto.encryption_secret() == "from the environment"


def test_no_secret_at_all_says_what_to_set():
    with pytest.raises(ConfigError, match="not set") as caught:
        crypto.encryption_secret()
    assert ".env" in caught.value.hint
    assert not crypto.has_encryption_secret()


def test_the_variable_wins_over_the_key_file(tmp_path, monkeypatch):
    monkeypatch.setenv(crypto.VARIABLE, "from the environment")
    crypto.use_secret_file(tmp_path / "a.db.key")
    assert crypto.encryption_secret() == "from the environment"
    assert list(tmp_path.iterdir()) == []


def test_what_was_set_wins_over_the_variable(monkeypatch):
    monkeypatch.setenv(crypto.VARIABLE, "from the environment")
    crypto.set_encryption_secret("given")
    assert crypto.encryption_secret() == "given"
    assert crypto.VARIABLE not in os.environ


def test_a_key_file_is_made_when_a_secret_is_first_needed(tmp_path):
    path = tmp_path / "devlake.db.key"
    crypto.use_secret_file(path)
    assert not path.exists()
    secret = crypto.encryption_secret()
    assert path.read_text() == secret
    assert len(secret) == 128
    assert secret.isalpha()
    assert path.stat().st_mode & 0o777 == 0o600
    assert crypto.secret_file(path) == secret


def test_a_key_file_with_a_line_end_holds_the_bare_secret(tmp_path):
    path = tmp_path / "k"
    path.write_text("mine\r\n")
    path.chmod(0o600)
    assert crypto.secret_file(path) == "mine"


def test_a_key_file_open_to_others_is_warned_of(tmp_path, caplog):
    path = tmp_path / "k"
    path.write_text("mine")
    path.chmod(0o640)
    with caplog.at_level(logging.WARNING):
        assert crypto.secret_file(path) == "mine"
    assert "chmod 600" in caplog.text
    assert "mine" not in caplog.text


def test_two_that_need_a_key_file_at_once_get_the_same_secret(tmp_path):
    path = tmp_path / "k"
    barrier = threading.Barrier(8)
    found = []

    def work():
        barrier.wait()
        found.append(crypto.secret_file(path))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xff"])
def test_a_key_file_without_a_secret_is_a_configuration_error(tmp_path, content):
    path = tmp_path / "k"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="key file"):
        crypto.secret_file(path)


def test_a_key_file_in_no_folder_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be used"):
        crypto.secret_file(tmp_path / "none" / "k")
