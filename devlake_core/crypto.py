"""DevLake's column encryption, and the process's secret for it.

The format is the server's, so that either side reads what the other wrote: AES-256-CBC, key =
SHA-256 of the secret, initialisation vector = the key's first half, a marker behind the plaintext
instead of a MAC, PKCS#7, standard Base64. Equal values have equal ciphertexts; that is given.
"""

from __future__ import annotations

import logging
import os
import secrets
import string
import time
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

VARIABLE = "ENCRYPTION_SECRET"
MARKER = b"{nddtf}"
BLOCK = 16
GENERATED_LENGTH = 128

_LINE_ENDS = {10: None, 13: None}
_LOG = logging.getLogger(__name__)


class _Held:
    """Keep what the process knows of its secret."""

    secret: str | None = None
    file: Path | None = None


def _cipher(secret: bytes | str) -> Cipher[CBC]:
    # Imported here: it takes some 25 ms, and most runs touch no secret.
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    raw = secret.encode() if isinstance(secret, str) else secret
    if not raw:
        message = "the encryption secret is empty"
        raise ConfigError(message, hint=f"set {VARIABLE} to DevLake's secret")
    key = sha256(raw).digest()
    return Cipher(AES(key), CBC(key[:BLOCK]))


def encrypt(secret: bytes | str, data: bytes | str) -> str:
    """Encrypt a column's value.

    Args:
        secret: DevLake's ``ENCRYPTION_SECRET``.
        data: the value; text is encoded as UTF-8.

    Raises:
        ConfigError: the secret is empty.
    """
    plain = (data.encode() if isinstance(data, str) else data) + MARKER
    pad = BLOCK - len(plain) % BLOCK
    encryptor = _cipher(secret).encryptor()
    return b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()


def decrypt(secret: bytes | str, text: bytes | str) -> bytes:
    """Decrypt a column's value.

    Args:
        secret: DevLake's ``ENCRYPTION_SECRET``.
        text: the column's content, as :func:`encrypt` or the server made it.

    Raises:
        ConfigError: the secret is not the one the value was encrypted with, or the value was
            damaged or never encrypted.
    """
    cipher = _cipher(secret)
    if not text:
        message = "an encrypted column holds an empty text, which no secret decrypts"
        raise ConfigError(message, hint="enter the secret anew; an empty one is encrypted too")
    try:
        # Line ends are skipped, as the server's decoder does.
        letters = (text if isinstance(text, str) else text.decode("ascii")).translate(_LINE_ENDS)
        raw = b64decode(letters, validate=True)
    except ValueError:
        _refuse("it is no Base64")
    if not raw or len(raw) % BLOCK:
        _refuse("its length is wrong")
    decryptor = cipher.decryptor()
    padded = decryptor.update(raw) + decryptor.finalize()
    pad = padded[-1]
    # The server looks at the last byte only; the whole padding tells damage sooner.
    if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
        _refuse("its end is not DevLake's")
    plain = padded[:-pad]
    if not plain.endswith(MARKER):
        _refuse("its end is not DevLake's")
    return plain[: -len(MARKER)]


def decrypt_text(secret: bytes | str, text: bytes | str) -> str:
    """Decrypt a column's value that is text.

    Raises:
        ConfigError: as :func:`decrypt`, and for a value that is no UTF-8.
    """
    try:
        return decrypt(secret, text).decode()
    except UnicodeDecodeError:
        _refuse("it is no text")


def _refuse(why: str) -> NoReturn:
    message = f"wrong {VARIABLE}, or an encrypted value was damaged: {why}"
    hint = (
        f"set {VARIABLE} to the secret that the database was filled with (DevLake's .env, or the"
        " .key file beside an SQLite database), or enter the connection's secrets anew"
    )
    # From None: the context of a failed decoding would carry the column's content into tracebacks.
    raise ConfigError(message, hint=hint) from None


def encryption_secret() -> str:
    """Return the process's secret: what was set, else ``ENCRYPTION_SECRET``, else the key file's.

    The environment is read once; the variable is then removed, so that neither plugins nor child
    processes see it.

    Raises:
        ConfigError: there is none.
    """
    if has_encryption_secret() and _Held.secret:
        return _Held.secret
    if _Held.file is not None:
        _Held.secret = secret_file(_Held.file)
        return _Held.secret
    message = f"a secret is to be stored or read, and {VARIABLE} is not set"
    hint = (
        f"set {VARIABLE} to the value in the .env file of your DevLake server; for a database of"
        " your own any long random text will do, as long as you keep it"
    )
    raise ConfigError(message, hint=hint)


def has_encryption_secret() -> bool:
    """Tell whether the process was given a secret, and take it out of the environment."""
    value = os.environ.pop(VARIABLE, None)
    if value and _Held.secret is None:
        _Held.secret = value
    return _Held.secret is not None


def set_encryption_secret(value: str | None) -> None:
    """Set the process's secret; None forgets it and any key file."""
    _Held.secret = value
    if value is None:
        _Held.file = None


def use_secret_file(path: Path | str) -> None:
    """Name the key file that is read, or made, once a secret is needed and none was given."""
    _Held.file = Path(path).absolute()


def secret_file(path: Path | str) -> str:
    """Return the secret in a key file; a missing file is made, with a new secret and mode 0600.

    Raises:
        ConfigError: it cannot be read or made, or holds no secret.
    """
    path = Path(path)
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            secret = "".join(
                secrets.choice(string.ascii_uppercase) for _ in range(GENERATED_LENGTH)
            )
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
    except (OSError, UnicodeDecodeError) as error:
        message = f"the key file {path} cannot be used: {error}"
        hint = f"set {VARIABLE}, or make the file readable for you alone (chmod 600)"
        raise ConfigError(message, hint=hint) from error
    return secret


def _read(path: Path) -> str:
    # Another process may have made it a moment ago and be about to write: an empty one is
    # looked at again for a second.
    for _ in range(20):
        secret = path.read_text(encoding="utf-8").strip("\r\n")
        if secret:
            break
        time.sleep(0.05)
    else:
        message = f"the key file {path} is empty"
        raise ConfigError(message, hint="put the secret back, or remove the file to get a new one")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        # Not refused: some mounts (Windows shares, mapped secrets) cannot say anything else.
        _LOG.warning("%s is open to others (mode %o): chmod 600 %s", path, mode, path)
    return secret
