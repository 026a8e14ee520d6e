"""What is said on the sockets of the bridge: lines of JSON, the first with descriptors.

Both ends are one build, for the key of what is installed is in the socket's path; so there are
no versions to negotiate. A line ends with a newline and has at most ``LIMIT`` bytes.

A keeper says ``READY`` to whoever connects. Then it does what it is asked, even if it retires
meanwhile: so a call that was sent whole is begun nowhere else, and one that was not is not begun.
``{"do": "call", …}`` with the write ends of two pipes asks for a call. It is answered at the end:
``{"exit": status, "signal": number, "left": whether other processes of the worker had to be
ended}``, or ``{"refused": why}`` if there can be no process. ``{"cancel": seconds}`` or the end of
the connection asks to stop the worker, and to kill it after those seconds. To the service and to
keepers in it can also be said ``{"do": "status"}`` (answered in one line), to the service
``{"do": "stop"}`` (end), ``{"do": "retire"}`` (finish, then end) and
``{"do": "load", "plugin": name}``; a keeper says to it once
``{"do": "loaded", "pid": number, "problem": "" or why the plugin's calls must run cold}``.
"""

from __future__ import annotations

import _socket
import json
import os
import sys

from . import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

LIMIT = 16 << 20
READY = b"\n"
"""The empty line with which a keeper greets."""

CONNECT_SECONDS = 0.05
_INT = 4


class Nonsense(ConnectionError):
    """Say that the other end does not speak this protocol."""


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the message of a line.

    Raises:
        Nonsense: it is none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        text = "the other end of the socket does not speak the bridge's protocol"
        raise Nonsense(text)
    return message


def send(connection: Any, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send a message, with descriptors of this process for the other end.

    Raises:
        OSError: the other end is gone.
    """
    data = encode(message)
    if descriptors:
        packed = b"".join(number.to_bytes(_INT, sys.byteorder) for number in descriptors)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
        data = data[connection.sendmsg([data], rights) :]
    if data:
        connection.sendall(data)


def dial(path: str) -> Any:
    """Return a connection to a socket of our own user.

    Args:
        path: the socket's; the folder that it is in must be private.

    Raises:
        OSError: nobody listens there, or somebody to whom we say nothing.
    """
    if not place.is_private(os.path.dirname(path)):
        text = "others can write there, or it is another user's"
        raise PermissionError(text)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(path)
        # We are about to hand over secrets.
        if not same_user(connection, os.geteuid()):
            text = "another user's process listens there"
            raise PermissionError(text)
    except OSError:
        connection.close()
        raise
    connection.settimeout(None)
    return connection


def ask(path: str, message: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Say something to who listens at a socket, and return the answer.

    Raises:
        OSError: nobody listens there, or there is no answer.
    """
    connection = dial(path)
    try:
        connection.settimeout(seconds)
        send(connection, message)
        lines = Lines(connection)
        while not lines.ended:
            for answer in lines.read():
                return answer
    finally:
        connection.close()
    text = "it ended without an answer"
    raise ConnectionError(text)


class Lines:
    """Take what comes on a connection apart into lines, and keep the descriptors among it."""

    def __init__(self, connection: Any, *, descriptors: int = 0) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._most = descriptors
        self._room = _socket.CMSG_SPACE(descriptors * _INT) if descriptors else 0
        self.descriptors: list[int] = []
        self.ended = False

    def read(self) -> list[dict[str, Any]]:
        """Read once and return the messages that are whole now.

        Raises:
            Nonsense: a line is too long or no JSON object, or too many descriptors came.
            OSError: the other end is gone.
        """
        if self._room:
            data, extra, _, _ = self._connection.recvmsg(
                65536, self._room, getattr(_socket, "MSG_CMSG_CLOEXEC", 0)
            )
            for level, kind, packed in extra:
                if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
                    self.descriptors += [
                        int.from_bytes(packed[at : at + _INT], sys.byteorder)
                        for at in range(0, len(packed) - _INT + 1, _INT)
                    ]
            if len(self.descriptors) > self._most:
                text = "too many descriptors came on the socket"
                raise Nonsense(text)
        else:
            data = self._connection.recv(65536)
        self.ended = not data
        self._buffer += data
        if b"\n" not in data:
            if len(self._buffer) > LIMIT:
                text = "a line on the socket is too long"
                raise Nonsense(text)
            return []
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        return [decode(bytes(line)) for line in lines if line]


def same_user(connection: Any, uid: int) -> bool:
    """Say whether the process at the other end runs as a user."""
    if not hasattr(_socket, "SO_PEERCRED"):
        return False
    credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 3 * _INT)
    return int.from_bytes(credentials[_INT : 2 * _INT], sys.byteorder) == uid
